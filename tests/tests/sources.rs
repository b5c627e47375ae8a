//! Sources: every scheme by which a sender proves who they are, batches, and what senders get wrong.

use anyhow::{Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tests::{
    api::{Answer, id},
    rows::now,
    wait::until,
    webhooks::{INBOUND, OUTBOUND, WITHIN, Webhooks, standard_source},
};

/// HMAC-SHA256 by the construction of RFC 2104, so that the hub's own is not its own witness; keys of up to 64 bytes.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let mut block = [0u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize().to_vec()
}

fn hmac_hex(key: &str, text: &[u8]) -> String {
    shared::id::hex(&hmac(key.as_bytes(), text))
}

fn source(verification: Value, secret: &str, event_id: Value) -> Value {
    json!({
        "name": "client", "verification": verification, "secrets": [{ "name": "first", "secret": secret }],
        "event_id": event_id,
    })
}

async fn delivered(flow: &Webhooks, answer: &Answer) -> Result<()> {
    ensure!(answer.status == 202, "{answer:?}");
    flow.in_state(&flow.delivery(&id(&answer.body)), "DELIVERED").await.map(|_| ())
}

fn unverified(answer: &Answer) -> Result<()> {
    ensure!(answer.status == 401 && answer.body["code"] == "unverified", "{answer:?}");
    ensure!(!answer.body.to_string().contains("expected"), "it says no more than needed: {answer:?}");
    Ok(())
}

#[tokio::test]
async fn a_source_takes_no_more_a_second_than_it_says_and_says_when_to_come_again() -> Result<()> {
    let flow = Webhooks::new().await?;
    let mut limited = standard_source();
    limited["event_id"] = json!({ "pointer": "/id" });
    limited["per_second"] = json!(0);
    let refused = flow.api.call("POST", "/v1/sources", &[], Some(&limited.to_string())).await?;
    ensure!(refused.status == 422 && refused.body.to_string().contains("per_second"), "{refused:?}");
    limited["per_second"] = json!(2);
    let limited_source = limited;
    let limited = id(&flow.api.post("/v1/sources", &limited_source).await?);
    let lines: Vec<_> = (0..8).map(|n| json!({ "id": format!("evt-{n}") }).to_string()).collect();
    let at = now().as_second();
    let sign = |id: &str, body: &str| {
        let webhook = standardwebhooks::Webhook::new(INBOUND).map_err(|e| anyhow::anyhow!("{e}"))?;
        webhook.sign(id, at, body.as_bytes()).map_err(|e| anyhow::anyhow!("{e}"))
    };
    let post = async |source: &str, path: &str, id: &str, signature: &str, body: &str| {
        let at = at.to_string();
        let headers = [("webhook-id", id), ("webhook-timestamp", &at), ("webhook-signature", signature)];
        let path = format!("/v1/sources/{}.{source}/{path}", flow.account);
        flow.stack.intake().send("POST", &path, &headers, body.as_bytes().to_vec()).await
    };
    // A batch is taken whole, and what comes next waits for as long as eight take, less the burst.
    let body = lines.join("\n");
    let answer = post(&limited, "notifications/batch", "b-1", &sign("b-1", &body)?, &body).await?;
    ensure!(answer.status == 200 && answer.body["results"][7]["status"] == 202, "{answer:?}");
    let one = json!({ "id": "evt-9" }).to_string();
    let refused = post(&limited, "notifications", "r-1", &sign("r-1", &one)?, &one).await?;
    ensure!(refused.status == 429 && refused.body["code"] == "too_many", "{refused:?}");
    ensure!(refused.content_type == "application/problem+json", "{refused:?}");
    let wait: u64 = refused.retry_after.as_deref().unwrap_or_default().parse()?;
    ensure!((1..=4).contains(&wait), "{refused:?}");
    // Two at once, and not three: that takes less than the half second after which there is room for one more.
    until("three posts within half a second", WITHIN, async || {
        let fresh = id(&flow.api.post("/v1/sources", &limited_source).await?);
        let begun = now();
        let mut statuses = Vec::new();
        for n in 0..3 {
            let body = json!({ "id": format!("evt-b-{}-{n}", begun.as_millisecond()) }).to_string();
            statuses.push(post(&fresh, "notifications", "b-2", &sign("b-2", &body)?, &body).await?.status);
        }
        if now().duration_since(begun).as_millis() >= 500 {
            return Ok(None);
        }
        ensure!(statuses == [202, 202, 429], "{statuses:?}");
        Ok(Some(()))
    })
    .await?;
    let stranger = post(&limited, "notifications", "r-1", "v1,AAAA", &one).await?;
    ensure!(stranger.status == 401, "a stranger is told nothing of it: {stranger:?}");
    let elsewhere = flow.accepted("evt-1", &json!({})).await?;
    flow.in_state(&flow.delivery(&elsewhere), "DELIVERED").await?;
    tokio::time::sleep(std::time::Duration::from_secs(wait)).await;
    let taken = post(&limited, "notifications", "r-1", &sign("r-1", &one)?, &one).await?;
    ensure!(taken.status == 202, "{taken:?}");
    Ok(())
}

#[tokio::test]
async fn a_signature_in_a_header_as_github_sends_it() -> Result<()> {
    let secret = "a secret of sixteen and more";
    let verification =
        json!({ "scheme": "hmac_header", "header": "X-Hub-Signature-256", "prefix": "sha256=" });
    let flow = Webhooks::from(source(verification, secret, json!({ "header": "X-GitHub-Delivery" }))).await?;
    let body = br#"{"action": "opened"}"#;
    let signature = format!("sha256={}", hmac_hex(secret, body));
    let post = async |signature: &str, body: &[u8]| {
        let headers = [
            ("x-hub-signature-256", signature),
            ("x-github-delivery", "d-1"),
            ("content-type", "application/json"),
        ];
        flow.post_with(&headers, body).await
    };
    delivered(&flow, &post(&signature, body).await?).await?;
    unverified(&post(&signature, br#"{"action": "closed"}"#).await?)?;
    unverified(&post(&signature[..40], body).await?)?;
    unverified(&post(&signature[7..], body).await?)
}

#[tokio::test]
async fn a_timestamp_and_signatures_in_one_header_as_stripe_sends_them() -> Result<()> {
    let secret = "whsec_of_stripe_is_plain_text";
    let flow =
        Webhooks::from(source(json!({ "scheme": "stripe" }), secret, json!({ "pointer": "/id" }))).await?;
    let body = br#"{"id": "evt_1", "object": "event"}"#;
    let signed = |at: i64, body: &[u8]| {
        let text = [at.to_string().as_bytes(), b".", body].concat();
        format!("t={at},v1={},v0=old", hmac_hex(secret, &text))
    };
    let post = async |header: &str, body: &[u8]| flow.post_with(&[("stripe-signature", header)], body).await;
    let at = now().as_second();
    delivered(&flow, &post(&signed(at, body), body).await?).await?;
    for skew in [-600, 600] {
        unverified(&post(&signed(at + skew, body), body).await?)?;
    }
    for skew in [-240, 240] {
        let body = format!("{{\"id\": \"evt_{skew}\"}}").into_bytes();
        delivered(&flow, &post(&signed(at + skew, &body), &body).await?).await?;
    }
    unverified(&post("t=,v1=", body).await?)?;
    unverified(&post(&signed(at, b"other"), body).await?)
}

#[tokio::test]
async fn an_api_key_or_a_password_and_the_events_id_under_idempotency_key() -> Result<()> {
    let key = "an-api-key-of-a-client";
    let event_id = json!({ "header": "Idempotency-Key" });
    let by_key =
        Webhooks::from(source(json!({ "scheme": "api_key", "header": "x-api-key" }), key, event_id.clone()))
            .await?;
    let xml = "<event id=\"1\"><navn>Åse</navn></event>".as_bytes();
    let post = async |key: &str, event: &str| {
        let headers = [("x-api-key", key), ("idempotency-key", event), ("content-type", "application/xml")];
        by_key.post_with(&headers, xml).await
    };
    delivered(&by_key, &post(key, "1").await?).await?;
    unverified(&post("another-key-of-some-length", "2").await?)?;
    let hooks = by_key.endpoint.hooks();
    ensure!(
        hooks[0].body == xml && hooks[0].headers["content-type"] == "application/xml",
        "any content type: {hooks:?}"
    );
    let basic =
        Webhooks::from(source(json!({ "scheme": "basic", "user": "client" }), "a-password", event_id))
            .await?;
    let post = async |user: &str, password: &str| {
        let credentials = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        basic.post_with(&[("authorization", &credentials), ("idempotency-key", "1")], b"{}").await
    };
    delivered(&basic, &post("client", "a-password").await?).await?;
    unverified(&post("client", "another").await?)?;
    unverified(&post("other", "a-password").await?)
}

#[tokio::test]
async fn bytes_that_are_no_text_arrive_as_they_were_sent() -> Result<()> {
    let mut source = standard_source();
    source.as_object_mut().expect("an object").remove("event_type");
    let flow = Webhooks::from(source).await?;
    // The library signs and verifies text only; the construction is the same over bytes.
    flow.endpoint.verify_with(&[])?;
    let sign = |secret: &str, id: &str, at: &str, body: &[u8]| -> Result<String> {
        let key = STANDARD.decode(&secret[6..])?;
        let text = [format!("{id}.{at}.").as_bytes(), body].concat();
        Ok(format!("v1,{}", STANDARD.encode(hmac(&key, &text))))
    };
    let body: Vec<u8> = (0..=255).collect();
    let at = now().as_second().to_string();
    let headers = [
        ("content-type", "application/octet-stream"),
        ("webhook-id", "evt-bytes"),
        ("webhook-timestamp", &at),
        ("webhook-signature", &sign(INBOUND, "evt-bytes", &at, &body)?),
    ];
    delivered(&flow, &flow.post_with(&headers, &body).await?).await?;
    let hooks = flow.endpoint.hooks();
    let hook = &hooks[0];
    ensure!(hook.body == body && hook.headers["content-type"] == "application/octet-stream", "{hook:?}");
    let expected = sign(OUTBOUND, hook.id(), &hook.headers["webhook-timestamp"], &body)?;
    ensure!(hook.headers["webhook-signature"] == expected, "signed over the raw bytes: {hook:?}");
    Ok(())
}

#[tokio::test]
async fn a_batch_is_answered_item_by_item() -> Result<()> {
    let key = "an-api-key-of-a-client";
    let flow =
        Webhooks::from(source(json!({ "scheme": "api_key" }), key, json!({ "pointer": "/id" }))).await?;
    let bearer = format!("Bearer {key}");
    let post = async |body: String| {
        let path = format!("{}/batch", flow.path());
        flow.stack.intake().send("POST", &path, &[("authorization", &bearer)], body.into_bytes()).await
    };
    let array = json!([{ "id": "a", "n": 1 }, { "n": 2 }, { "id": "b", "n": 3 }, { "id": "a", "n": 1 }, { "id": "b", "n": 4 }]);
    let answer = post(array.to_string()).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let results = answer.body["results"].as_array().cloned().unwrap_or_default();
    let statuses: Vec<_> = results.iter().map(|r| r["status"].as_u64().unwrap_or_default()).collect();
    ensure!(statuses == [202, 422, 202, 202, 409], "{answer:?}");
    ensure!(results[0]["id"] == results[3]["id"] && results[1]["code"] == "no_event_id", "{answer:?}");
    ensure!(results[4]["code"] == "conflict", "{answer:?}");
    for item in [0, 2] {
        flow.in_state(&flow.delivery(&id(&results[item])), "DELIVERED").await?;
    }
    ensure!(flow.endpoint.hooks().len() == 2, "each event once");
    let lines: String = (0..300).map(|i| format!("{{\"id\": \"line-{i}\"}}\n")).collect();
    let answer = post(lines).await?;
    let accepted =
        answer.body["results"].as_array().map_or(0, |r| r.iter().filter(|r| r["status"] == 202).count());
    ensure!(answer.status == 200 && accepted == 300, "{answer:?}");
    until("all lines to arrive", WITHIN, async || Ok((flow.endpoint.taken().len() == 302).then_some(())))
        .await?;
    for bad in ["", "[]", "[1,", "nonsense"] {
        let answer = post(bad.into()).await?;
        ensure!(answer.status == 422 && answer.body["code"] == "invalid_batch", "{bad}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_senders_get_wrong_is_refused_with_what_to_do() -> Result<()> {
    let flow = Webhooks::from({
        let mut source = standard_source();
        source["event_id"] = json!({ "pointer": "/id" });
        source
    })
    .await?;
    let mut checked = 0;
    let mut expect = |answer: Answer, status: u16, code: &str| {
        checked += 1;
        ensure!(answer.status == status && answer.body["code"] == code, "{status} {code}: {answer:?}");
        ensure!(answer.content_type == "application/problem+json", "{answer:?}");
        Ok(())
    };
    let deep = format!("{{\"id\":\"1\",\"x\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    for body in [
        "{}",
        "{\"id\": {}}",
        "{\"id\": \"\"}",
        "not json",
        &format!("{{\"id\":\"{}\"}}", "x".repeat(300)),
        &deep,
    ] {
        expect(flow.post("msg", body.as_bytes()).await?, 422, "no_event_id")?;
    }
    let unknown = format!("/v1/sources/{}.src_unknown/notifications", flow.account);
    for path in
        [unknown.as_str(), "/v1/sources/nobody.src_1/notifications", "/v1/sources/a%23b.c/notifications"]
    {
        expect(flow.stack.intake().send("POST", path, &[], b"{}".to_vec()).await?, 404, "not_found")?;
    }
    let large = vec![b' '; 4 * 1024 * 1024 + 1];
    expect(flow.post("msg", &large).await?, 413, "too_large")?;
    flow.change(&format!("/v1/sources/{}", flow.source), |s| s["status"] = json!("disabled")).await?;
    until("the source to be disabled", WITHIN, async || {
        let answer = flow.post("msg", br#"{"id": "1"}"#).await?;
        Ok((answer.status == 403 && answer.body["code"] == "source_disabled").then_some(()))
    })
    .await?;
    ensure!(checked == 10);
    Ok(())
}

#[tokio::test]
async fn a_secret_is_replaced_without_a_gap() -> Result<()> {
    let flow = Webhooks::new().await?;
    let path = format!("/v1/sources/{}/rotate-secret", flow.source);
    let rotated = flow.api.post(&path, &json!({ "name": "second", "overlap_secs": 20 })).await?;
    let second = rotated["secret"].as_str().unwrap_or_default().to_string();
    ensure!(second.starts_with("whsec_"), "{rotated}");
    let at = || now().as_second();
    for (secret, event) in [(INBOUND, "evt-1"), (second.as_str(), "evt-2")] {
        let answer = flow.post_signed(secret, event, at(), br#"{"n": 1}"#).await?;
        ensure!(answer.status == 202, "both count: {answer:?}");
    }
    let shown = flow.api.get(&format!("/v1/sources/{}", flow.source)).await?;
    ensure!(!shown.to_string().contains(&second) && shown["secrets"][1]["secret"] == "(set)", "{shown}");
    until("the first to end", WITHIN, async || {
        let answer = flow.post_signed(INBOUND, "evt-3", at(), br#"{"n": 3}"#).await?;
        Ok((answer.status == 401).then_some(()))
    })
    .await?;
    let answer = flow.post_signed(&second, "evt-4", at(), br#"{"n": 4}"#).await?;
    ensure!(answer.status == 202, "{answer:?}");
    let own = flow.api.post(&format!("/v1/target-servers/{}/rotate-secret", flow.target), &json!({})).await?;
    let new = own["secret"].as_str().unwrap_or_default().to_string();
    flow.endpoint.verify_with(&[&new])?;
    until("the new secret to sign", WITHIN, async || {
        let event = format!("evt-{}", now().as_millisecond());
        let answer = flow.post_signed(&second, &event, at(), br#"{"n": 5}"#).await?;
        ensure!(answer.status == 202, "{answer:?}");
        let verified = |h: &tests::hooks::Hook| h.id().starts_with(&id(&answer.body)) && h.refused.is_none();
        Ok(flow.endpoint.hooks().iter().any(verified).then_some(()))
    })
    .await
}
