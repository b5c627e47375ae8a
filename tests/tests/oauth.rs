//! Targets that want a token: fetched by one function for all, kept, fetched anew when it is refused.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{
    hooks::{Endpoint, Manner},
    wait::until,
    webhooks::{WITHIN, Webhooks},
};

/// A token server that gives `token-1`, `token-2`, …, and counts.
async fn token_server(given: Arc<AtomicUsize>) -> Result<Endpoint> {
    Endpoint::that(move |hook, _| {
        let body = String::from_utf8_lossy(&hook.body).into_owned();
        let wanted = "Basic Y2xpZW50LTE6Y2xpZW50LXNlY3JldA==";
        let is_known = hook.headers.get("authorization").is_some_and(|h| h == wanted);
        if !is_known || body != "grant_type=client_credentials&scope=hooks.write" {
            return Manner::Status(401);
        }
        let n = given.fetch_add(1, Ordering::SeqCst) + 1;
        Manner::Answer(
            json!({ "access_token": format!("token-{n}"), "token_type": "Bearer", "expires_in": 3600 })
                .to_string(),
        )
    })
    .await
}

async fn flow_with_tokens(tokens: &Endpoint) -> Result<Webhooks> {
    let flow = Webhooks::new().await?;
    flow.change_target(|t| {
        t["auth"] = json!({ "oauth2": {
            "token_url": tokens.url(), "client_id": "client-1", "client_secret": "client-secret",
            "scope": "hooks.write",
        }});
    })
    .await?;
    Ok(flow)
}

#[tokio::test]
async fn a_token_is_fetched_once_for_all_functions_and_anew_when_it_is_refused() -> Result<()> {
    let given = Arc::new(AtomicUsize::new(0));
    let tokens = token_server(given.clone()).await?;
    let flow = flow_with_tokens(&tokens).await?;
    flow.endpoint.decide(|hook, _| match hook.headers.get("authorization").map(String::as_str) {
        Some("Bearer token-1") => Manner::Take,
        _ => Manner::Status(401),
    });
    for i in 0..30 {
        flow.accepted(&format!("evt-{i}"), &json!({ "n": i })).await?;
    }
    until("all to be taken", WITHIN, async || Ok((flow.endpoint.taken().len() == 30).then_some(()))).await?;
    ensure!(given.load(Ordering::SeqCst) == 1, "one at a time, and kept: {}", given.load(Ordering::SeqCst));
    // The target forgets the token before its time.
    flow.endpoint.decide(|hook, _| match hook.headers.get("authorization").map(String::as_str) {
        Some("Bearer token-2") => Manner::Take,
        _ => Manner::Status(401),
    });
    let after = flow.accepted("evt-after", &json!({ "n": "after" })).await?;
    let shown = flow.in_state(&flow.delivery(&after), "DELIVERED").await?;
    ensure!(shown["attempts"] == 1 && given.load(Ordering::SeqCst) == 2, "{shown}");
    let target = flow.api.get(&format!("/v1/target-servers/{}", flow.target)).await?;
    ensure!(target["auth"]["oauth2"]["client_secret"] == "(set)", "{target}");
    let rows = flow.stack.rows().await?.partition(&format!("A#{}", flow.account)).await?;
    ensure!(!json!(rows).to_string().contains("token-2"), "tokens are stored sealed");
    Ok(())
}

#[tokio::test]
async fn a_token_server_that_refuses_is_a_failed_attempt_that_says_so() -> Result<()> {
    let tokens = Endpoint::that(|_, _| Manner::Status(400)).await?;
    let flow = flow_with_tokens(&tokens).await?;
    let notification = flow.accepted("evt-1", &json!({ "n": 1 })).await?;
    let shown = flow.in_state(&flow.delivery(&notification), "DEAD").await?;
    let error = shown["last_error"].as_str().unwrap_or_default();
    ensure!(error.contains("token server answered 400") && shown["attempts"] == 4, "{shown}");
    ensure!(flow.endpoint.hooks().is_empty(), "nothing is sent without a token");
    Ok(())
}
