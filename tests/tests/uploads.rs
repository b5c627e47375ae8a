//! Payloads that are too large for a request: announced, uploaded, handed on, delivered.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use standardwebhooks::Webhook;
use tests::{
    api::{Answer, id},
    hooks::{Endpoint, Manner},
    rows::now,
    wait::until,
    webhooks::{INBOUND, OUTBOUND, WITHIN, Webhooks, standard_source},
};

/// Larger than a request may be; text, since the specification's library verifies nothing else.
fn payload(seed: u8) -> Vec<u8> {
    (0..6_000_000u32).map(|n| b'!' + ((n + u32::from(seed)) % 89) as u8).collect()
}

fn sha256(bytes: &[u8]) -> String {
    shared::id::hex(&Sha256::digest(bytes))
}

/// Posts signed JSON beside the source's notifications.
async fn post(flow: &Webhooks, path: &str, event_id: &str, body: &Value) -> Result<Answer> {
    let (body, at) = (body.to_string(), now().as_second());
    let webhook = Webhook::new(INBOUND).map_err(|e| anyhow::anyhow!("{e}"))?;
    let signature = webhook.sign(event_id, at, body.as_bytes()).map_err(|e| anyhow::anyhow!("{e}"))?;
    let at = at.to_string();
    let headers = [("webhook-id", event_id), ("webhook-timestamp", &at), ("webhook-signature", &signature)];
    let path = format!("/v1/sources/{}.{}/{path}", flow.account, flow.source);
    flow.stack.intake().send("POST", &path, &headers, body.into_bytes()).await
}

async fn announce(flow: &Webhooks, bytes: &[u8]) -> Result<Value> {
    let body = json!({ "size_bytes": bytes.len(), "sha256": sha256(bytes) });
    let answer = post(flow, "uploads", "upload-1", &body).await?;
    ensure!(answer.status == 201, "{answer:?}");
    Ok(answer.body)
}

/// Uploads as the answer says; the status.
async fn upload(begun: &Value, bytes: Vec<u8>) -> Result<u16> {
    let headers: BTreeMap<String, String> = serde_json::from_value(begun["headers"].clone())?;
    let client = reqwest::Client::new();
    let mut request = client.put(begun["url"].as_str().context("a URL")?).body(bytes);
    for (name, value) in headers.into_iter().filter(|(name, _)| name != "content-length") {
        request = request.header(name, value);
    }
    Ok(request.send().await?.status().as_u16())
}

async fn uploaded(flow: &Webhooks, event_id: &str, begun: &Value) -> Result<Answer> {
    let body =
        json!({ "type": "export.ready", "upload": begun["upload"], "content_type": "application/x-own" });
    post(flow, "notifications/uploaded", event_id, &body).await
}

#[tokio::test]
async fn a_payload_over_4_mib_is_uploaded_and_delivered_byte_for_byte_and_signed() -> Result<()> {
    let flow = Webhooks::new().await?;
    let bytes = payload(0);
    let begun = announce(&flow, &bytes).await?;
    let signed =
        begun["url"].as_str().and_then(|url| url.split("X-Amz-SignedHeaders=").nth(1)).unwrap_or_default();
    for name in ["content-length", "x-amz-checksum-sha256", "x-amz-tagging"] {
        ensure!(signed.split('&').next().is_some_and(|s| s.contains(name)), "{name} is signed: {begun}");
    }
    let early = uploaded(&flow, "evt-1", &begun).await?;
    ensure!(early.status == 422 && early.body["code"] == "no_upload", "nothing is there yet: {early:?}");
    ensure!(upload(&begun, bytes.clone()).await? == 200);
    // The first attempt fails, so that the second takes the payload from where it is kept.
    flow.endpoint.decide(|_, before| if before == 0 { Manner::Status(503) } else { Manner::Take });
    let answer = uploaded(&flow, "evt-1", &begun).await?;
    ensure!(answer.status == 202, "{answer:?}");
    let notification = id(&answer.body);
    let shown = flow.in_state(&flow.delivery(&notification), "DELIVERED").await?;
    ensure!(shown["attempts"] == 2 && shown["event_type"] == "export.ready", "{shown}");
    let hooks = flow.endpoint.hooks();
    ensure!(hooks.len() == 2 && hooks.iter().all(|h| h.refused.is_none()), "both are signed");
    ensure!(hooks.iter().all(|h| h.body == bytes), "byte for byte");
    ensure!(hooks[1].headers["content-type"] == "application/x-own", "{:?}", hooks[1].headers);
    ensure!(hooks[1].headers["content-length"] == bytes.len().to_string(), "{:?}", hooks[1].headers);
    Ok(())
}

#[tokio::test]
async fn way_02_an_upload_that_is_handed_on_again_is_known_also_once_it_is_gone() -> Result<()> {
    let flow = Webhooks::new().await?;
    let bytes = payload(1);
    let begun = announce(&flow, &bytes).await?;
    ensure!(upload(&begun, bytes.clone()).await? == 200);
    let first = uploaded(&flow, "evt-1", &begun).await?;
    ensure!(first.status == 202, "{first:?}");
    flow.in_state(&flow.delivery(&id(&first.body)), "DELIVERED").await?;
    let key = shared::keys::upload_object(&flow.account, &flow.source, &sha256(&bytes));
    flow.stack.rows().await?.remove_object(&key).await?;
    let again = uploaded(&flow, "evt-1", &begun).await?;
    ensure!(again.status == 202 && again.body == first.body, "{again:?}");
    // A connection that is new since then gets it from where it was kept.
    let second = Endpoint::start().await?;
    second.verify_with(&[OUTBOUND])?;
    flow.connect(&second, json!({ "source": flow.source })).await?;
    // `intake` keeps connections for some seconds: a client that repeats is heard in the end.
    let hook = until("the new connection to have it", WITHIN, async || {
        let again = uploaded(&flow, "evt-1", &begun).await?;
        ensure!(again.status == 202 && again.body == first.body, "{again:?}");
        Ok(second.hooks().pop())
    })
    .await?;
    ensure!(hook.body == bytes && hook.refused.is_none(), "{} bytes, {:?}", hook.body.len(), hook.refused);
    let other = uploaded(&flow, "evt-2", &begun).await?;
    ensure!(other.status == 422 && other.body["code"] == "no_upload", "another event needs it: {other:?}");
    // The same event with other bytes is a conflict, whether they come by an upload or in the request.
    let others = announce(&flow, &payload(2)).await?;
    ensure!(upload(&others, payload(2)).await? == 200);
    let conflict = uploaded(&flow, "evt-1", &others).await?;
    ensure!(conflict.status == 409, "{conflict:?}");
    let conflict = flow.post("evt-1", b"{}").await?;
    ensure!(conflict.status == 409, "{conflict:?}");
    ensure!(flow.endpoint.hooks().len() == 1, "{}", flow.endpoint.hooks().len());
    Ok(())
}

#[tokio::test]
async fn bytes_that_are_not_the_announced_ones_are_refused_and_never_handed_on() -> Result<()> {
    let flow = Webhooks::new().await?;
    let (bytes, others) = (payload(3), payload(4));
    let begun = announce(&flow, &bytes).await?;
    ensure!(upload(&begun, others.clone()).await? == 400, "the bucket holds them against the hash");
    let mut bare = begun.clone();
    bare["headers"] = json!({});
    ensure!(upload(&bare, others.clone()).await? == 403, "the header with the hash is signed");
    // Should other bytes come to lie there all the same, nothing is handed on.
    let key = shared::keys::upload_object(&flow.account, &flow.source, &sha256(&bytes));
    flow.stack.bucket().await?.put(&key, others.clone()).await?;
    let answer = uploaded(&flow, "evt-1", &begun).await?;
    ensure!(
        answer.status == 422 && answer.body["code"] == "no_upload",
        "nothing was held against it: {answer:?}"
    );
    flow.stack.rows().await?.put_hashed(&key, others).await?;
    let answer = uploaded(&flow, "evt-1", &begun).await?;
    ensure!(answer.status == 422 && answer.body["code"] == "no_upload", "{answer:?}");
    ensure!(upload(&begun, bytes).await? == 200, "and can be uploaded again");
    ensure!(uploaded(&flow, "evt-1", &begun).await?.status == 202);
    Ok(())
}

#[tokio::test]
async fn an_upload_of_another_source_or_account_is_not_there() -> Result<()> {
    let (mut flow, other) = (Webhooks::new().await?, Webhooks::new().await?);
    let bytes = payload(5);
    let begun = announce(&flow, &bytes).await?;
    ensure!(upload(&begun, bytes).await? == 200);
    let answer = uploaded(&other, "evt-1", &begun).await?;
    ensure!(answer.status == 422 && answer.body["code"] == "no_upload", "another account: {answer:?}");
    let own =
        std::mem::replace(&mut flow.source, id(&flow.api.post("/v1/sources", &standard_source()).await?));
    flow.connect(&flow.endpoint, json!({ "source": flow.source })).await?;
    let answer = uploaded(&flow, "evt-1", &begun).await?;
    ensure!(answer.status == 422 && answer.body["code"] == "no_upload", "another source: {answer:?}");
    flow.source = own;
    ensure!(uploaded(&flow, "evt-1", &begun).await?.status == 202);
    Ok(())
}

#[tokio::test]
async fn conditions_are_asked_of_what_names_the_upload_also_when_it_is_routed_later() -> Result<()> {
    let flow = Webhooks::new().await?;
    flow.change(&format!("/v1/connections/{}", flow.connection), |c| {
        c["source"]["conditions"] = json!([{ "pointer": "/type", "equals": "nothing" }]);
    })
    .await?;
    let bytes = payload(6);
    let begun = announce(&flow, &bytes).await?;
    ensure!(upload(&begun, bytes.clone()).await? == 200);
    let answer = uploaded(&flow, "evt-1", &begun).await?;
    ensure!(answer.status == 202, "{answer:?}");
    let notification = id(&answer.body);
    let listed = flow.api.all("/v1/notifications?routed=no").await?;
    ensure!(listed.len() == 1 && listed[0]["id"] == json!(notification), "{listed:?}");
    flow.change(&format!("/v1/connections/{}", flow.connection), |c| {
        c["source"]["conditions"] = json!([{ "pointer": "/type", "equals": "export.ready" }]);
    })
    .await?;
    flow.api.post(&format!("/v1/notifications/{notification}/route"), &json!({})).await?;
    flow.in_state(&flow.delivery(&notification), "DELIVERED").await?;
    ensure!(flow.endpoint.hooks().iter().all(|h| h.body == bytes && h.refused.is_none()));
    Ok(())
}

#[tokio::test]
async fn many_large_payloads_at_once_all_arrive_and_spend_no_attempt_on_waiting() -> Result<()> {
    let flow = Webhooks::new().await?;
    let mut posted = Vec::new();
    for n in 0..8 {
        let bytes = payload(10 + n);
        let begun = announce(&flow, &bytes).await?;
        ensure!(upload(&begun, bytes).await? == 200);
        posted.push(begun);
    }
    flow.endpoint.decide(|_, _| Manner::TakeAfter(1500));
    let mut notifications = Vec::new();
    for (n, begun) in posted.iter().enumerate() {
        let answer = uploaded(&flow, &format!("evt-{n}"), begun).await?;
        ensure!(answer.status == 202, "{answer:?}");
        notifications.push(id(&answer.body));
    }
    until("all of them", std::time::Duration::from_secs(180), async || {
        let all = flow.endpoint.hooks().len() == notifications.len();
        Ok(all.then_some(()))
    })
    .await?;
    for notification in notifications {
        let shown = flow.in_state(&flow.delivery(&notification), "DELIVERED").await?;
        ensure!(shown["attempts"] == 1, "{shown}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_said_of_an_upload_is_checked() -> Result<()> {
    let flow = Webhooks::new().await?;
    let hash = sha256(b"x");
    for body in [
        json!({ "size_bytes": 5, "sha256": "abc" }),
        json!({ "size_bytes": 0, "sha256": hash }),
        json!({ "size_bytes": 64 * 1024 * 1024 + 1, "sha256": hash }),
        json!({ "size_bytes": 5 }),
        json!({ "size_bytes": 5, "sha256": hash, "name": "a" }),
    ] {
        let answer = post(&flow, "uploads", "upload-1", &body).await?;
        ensure!(answer.status == 422 && answer.body["code"] == "invalid_upload", "{body}: {answer:?}");
    }
    for upload in [json!("upl_abc"), json!(hash), json!(5), Value::Null] {
        let answer = uploaded(&flow, "evt-1", &json!({ "upload": upload })).await?;
        ensure!(answer.status == 422 && answer.body["code"] == "invalid_upload", "{upload}: {answer:?}");
    }
    let path = format!("/v1/sources/{}.{}/uploads", flow.account, flow.source);
    let unsigned = flow.stack.intake().send("POST", &path, &[], b"{}".to_vec()).await?;
    ensure!(unsigned.status == 401, "{unsigned:?}");
    Ok(())
}

#[tokio::test]
async fn a_payload_that_is_too_large_to_be_mapped_dies_and_says_so() -> Result<()> {
    let flow = Webhooks::new().await?;
    let mapping = json!({
        "name": "hired", "input": { "format": "json" },
        "columns": [{ "name": "employee", "from": "/employee/id", "type": "text", "required": true }],
    });
    let mapping = id(&flow.api.post("/v1/mappings", &mapping).await?);
    flow.change(&format!("/v1/connections/{}", flow.connection), |c| c["mapping"] = json!(mapping)).await?;
    let bytes = json!({ "employee": { "id": "1" }, "more": "x".repeat(5_000_000) }).to_string().into_bytes();
    let begun = announce(&flow, &bytes).await?;
    ensure!(upload(&begun, bytes).await? == 200);
    let answer = uploaded(&flow, "evt-1", &begun).await?;
    ensure!(answer.status == 202, "{answer:?}");
    let shown = flow.in_state(&flow.delivery(&id(&answer.body)), "DEAD").await?;
    let why = shown["last_error"].as_str().unwrap_or_default();
    ensure!(shown["died_of"] == "unmappable" && why.contains("is not mapped"), "{shown}");
    ensure!(flow.endpoint.hooks().is_empty(), "{}", flow.endpoint.hooks().len());
    Ok(())
}
