//! Notifications: posted, handed out, delivered.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{
    hooks::{Endpoint, Manner},
    rows::now,
    wait::until,
    webhooks::{INBOUND, OUTBOUND, WITHIN, Webhooks},
};

#[tokio::test]
async fn an_event_is_delivered_once_signed_byte_for_byte() -> Result<()> {
    let flow = Webhooks::new().await?;
    let body = "{\"type\": \"employee.created\",\n \"navn\": \"Åse  Ø\"}";
    let answer = flow.post("evt-1", body.as_bytes()).await?;
    ensure!(answer.status == 202, "{answer:?}");
    let notification = tests::api::id(&answer.body);
    let delivered = flow.in_state(&flow.delivery(&notification), "DELIVERED").await?;
    ensure!(delivered["attempts"] == 1 && delivered["last_status"] == 204, "{delivered}");
    ensure!(delivered["event_id"] == "evt-1" && delivered["event_type"] == "employee.created", "{delivered}");
    let hooks = flow.endpoint.hooks();
    let [hook] = hooks.as_slice() else { anyhow::bail!("{} requests", hooks.len()) };
    ensure!(hook.body == body.as_bytes(), "byte for byte: {:?}", hook.body);
    ensure!(hook.refused.is_none() && hook.id() == flow.delivery(&notification), "{hook:?}");
    ensure!(hook.headers["content-type"] == "application/json", "{hook:?}");
    ensure!(hook.headers["idempotency-key"] == hook.id(), "{hook:?}");
    Ok(())
}

#[tokio::test]
async fn way_02_a_repeat_has_the_same_id_and_is_delivered_once() -> Result<()> {
    let flow = Webhooks::new().await?;
    let body = json!({ "type": "a", "n": 1 });
    let first = flow.accepted("evt-1", &body).await?;
    for _ in 0..3 {
        ensure!(flow.accepted("evt-1", &body).await? == first);
    }
    flow.in_state(&flow.delivery(&first), "DELIVERED").await?;
    ensure!(flow.accepted("evt-1", &body).await? == first, "also once it is delivered");
    let other = flow.accepted("evt-2", &body).await?;
    flow.in_state(&flow.delivery(&other), "DELIVERED").await?;
    ensure!(flow.endpoint.hooks().len() == 2, "{:?}", flow.endpoint.hooks());
    Ok(())
}

#[tokio::test]
async fn the_same_id_with_another_body_is_a_conflict_and_never_sent() -> Result<()> {
    let flow = Webhooks::new().await?;
    let first = flow.accepted("evt-1", &json!({ "n": 1 })).await?;
    flow.in_state(&flow.delivery(&first), "DELIVERED").await?;
    let answer = flow.post("evt-1", br#"{"n": 2}"#).await?;
    ensure!(answer.status == 409 && answer.body["code"] == "conflict", "{answer:?}");
    // Where both are in the queue before either has a row, the second claim finds it out.
    let table = flow.stack.table().await?;
    let name = shared::delivery::NotificationName {
        notification: first.clone(),
        connection: flow.connection.clone(),
    };
    let row = table.notification_delivery(&flow.account, &name).await?;
    let row = row.ok_or_else(|| anyhow::anyhow!("the row is there"))?;
    let message = json!({
        "kind": "posted", "v": 1, "account": flow.account, "notification": first, "connection": flow.connection,
        "target_server": flow.target, "source": flow.source, "event_id": "evt-1",
        "accepted_at": now().as_millisecond(), "deliver_until": row.deliver_until,
        "content_type": "application/json", "body_hash": "another", "size_bytes": 8,
        "payload": { "text": "{\"n\": 2}" },
    });
    let failed = flow.stack.hand_over("deliver", &[message]).await?;
    ensure!(failed.is_empty(), "{failed:?}");
    let shown = flow.in_state(&flow.delivery(&first), "DELIVERED").await?;
    ensure!(shown["conflicts"] == 1, "it is reported: {shown}");
    ensure!(flow.endpoint.hooks().len() == 1, "and not sent");
    Ok(())
}

#[tokio::test]
async fn an_endpoint_that_fails_gets_it_again_under_the_same_id_and_each_attempt_is_shown() -> Result<()> {
    let flow = Webhooks::new().await?;
    flow.endpoint.decide(|_, before| match before {
        0 => Manner::Status(500),
        1 => Manner::HangUp,
        2 => Manner::LargeBody(10_000),
        _ => Manner::Take,
    });
    let notification = flow.accepted("evt-1", &json!({ "n": 1 })).await?;
    let shown = flow.in_state(&flow.delivery(&notification), "DELIVERED").await?;
    ensure!(shown["attempts"] == 4, "{shown}");
    let failed = shown["failed_attempts"].as_array().cloned().unwrap_or_default();
    ensure!(failed.len() == 3, "{shown}");
    ensure!(failed[0]["status"] == 500 && failed[0]["answer"] == "told to fail", "{shown}");
    ensure!(failed[1].get("status").is_none() && failed[1]["error"].is_string(), "{shown}");
    ensure!(failed[2]["answer"].as_str().map(str::len) == Some(4096), "an answer is kept to 4 KiB");
    let hooks = flow.endpoint.hooks();
    let ids: std::collections::BTreeSet<_> = hooks.iter().map(|h| h.id().to_string()).collect();
    ensure!(hooks.len() == 4 && ids.len() == 1, "{ids:?}");
    ensure!(hooks.iter().all(|h| h.refused.is_none()), "each is signed afresh");
    Ok(())
}

#[tokio::test]
async fn all_live_secrets_sign_and_one_that_ended_does_not() -> Result<()> {
    let flow = Webhooks::new().await?;
    let (next, ended) =
        ("whsec_bmV4dC1uZXh0LW5leHQtbmV4dC1uZXh0LW5leHQ=", "whsec_ZW5kZWQtZW5kZWQtZW5kZWQtZW5kZWQtZW5kZWQ=");
    flow.change_target(|t| {
        t["signing_secrets"] = json!([
            { "name": "first", "secret": OUTBOUND }, { "name": "next", "secret": next },
            { "name": "ended", "secret": ended, "ends_at": "2020-01-01T00:00:00Z" },
        ]);
    })
    .await?;
    for (event, secrets, taken) in
        [("evt-1", vec![OUTBOUND], true), ("evt-2", vec![next], true), ("evt-3", vec![ended], false)]
    {
        flow.endpoint.verify_with(&secrets)?;
        let notification = flow.accepted(event, &json!({ "event": event })).await?;
        let state = if taken { "DELIVERED" } else { "DEAD" };
        flow.in_state(&flow.delivery(&notification), state).await?;
    }
    // A target whose requests are signed gets none that are not.
    flow.change_target(|t| {
        t["signing_secrets"] =
            json!([{ "name": "ended", "secret": ended, "ends_at": "2020-01-01T00:00:00Z" }]);
    })
    .await?;
    flow.endpoint.verify_with(&[])?;
    tokio::time::sleep(std::time::Duration::from_millis(5_500)).await; // a target is used so long as it was read
    let before = flow.endpoint.hooks().len();
    let notification = flow.accepted("evt-4", &json!({ "event": 4 })).await?;
    let shown = flow.in_state(&flow.delivery(&notification), "DEAD").await?;
    ensure!(shown["last_error"].as_str().is_some_and(|e| e.contains("every signing secret")), "{shown}");
    ensure!(flow.endpoint.hooks().len() == before, "nothing is sent unsigned");
    Ok(())
}

#[tokio::test]
async fn what_is_not_signed_as_it_should_be_is_refused_and_never_sent() -> Result<()> {
    let flow = Webhooks::new().await?;
    let at = now().as_second();
    let body = br#"{"n": 1}"#;
    for (secret, at) in [(INBOUND, at - 600), (INBOUND, at + 600), (OUTBOUND, at)] {
        let answer = flow.post_signed(secret, "evt-1", at, body).await?;
        ensure!(answer.status == 401 && answer.body["code"] == "unverified", "{answer:?}");
        ensure!(answer.content_type == "application/problem+json", "{answer:?}");
    }
    for signature in ["", "v1,", "v1", "v2,abc", "v1,AAAA", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="]
    {
        let at = at.to_string();
        let headers = [("webhook-id", "evt-1"), ("webhook-timestamp", &at), ("webhook-signature", signature)];
        let answer = flow.post_with(&headers, body).await?;
        ensure!(answer.status == 401, "{signature}: {answer:?}");
    }
    let answer = flow.post_with(&[("content-type", "application/json")], body).await?;
    ensure!(answer.status == 401, "{answer:?}");
    let long = "v1,".to_string() + &"A".repeat(9000);
    let at = at.to_string();
    let answer = flow
        .post_with(&[("webhook-id", "e"), ("webhook-timestamp", &at), ("webhook-signature", &long)], body)
        .await?;
    ensure!((400..500).contains(&answer.status), "{answer:?}");
    ensure!(flow.endpoint.hooks().is_empty());
    Ok(())
}

#[tokio::test]
async fn events_go_to_those_connections_whose_types_and_conditions_they_meet() -> Result<()> {
    let flow = Webhooks::new().await?;
    let (hired, norwegian) = (Endpoint::start().await?, Endpoint::start().await?);
    flow.connect(&hired, json!({ "source": flow.source, "types": ["employee.hired", "payroll.*"] })).await?;
    let condition = json!([{ "pointer": "/employee/country", "one_of": ["NO", "SJ"] }]);
    flow.connect(&norwegian, json!({ "source": flow.source, "conditions": condition })).await?;
    let events = [
        ("1", json!({ "type": "employee.hired", "employee": { "country": "NO" } })),
        ("2", json!({ "type": "employee.left", "employee": { "country": "SE" } })),
        ("3", json!({ "type": "payroll.closed" })),
    ];
    for (event, body) in &events {
        flow.accepted(event, body).await?;
    }
    let bodies = |wanted: &[usize]| {
        wanted
            .iter()
            .map(|i| events[*i].1.to_string().into_bytes())
            .collect::<std::collections::BTreeSet<_>>()
    };
    for (endpoint, wanted) in [(&flow.endpoint, vec![0, 1, 2]), (&hired, vec![0, 2]), (&norwegian, vec![0])] {
        let wanted = bodies(&wanted);
        until("each its own", WITHIN, async || Ok((endpoint.bodies() == wanted).then_some(()))).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_no_connection_wants_is_kept_listed_and_can_be_routed_later() -> Result<()> {
    let flow = Webhooks::new().await?;
    flow.change(&format!("/v1/connections/{}", flow.connection), |c| {
        c["source"]["types"] = json!(["wanted"])
    })
    .await?;
    let unwanted = flow.accepted("evt-1", &json!({ "type": "unwanted" })).await?;
    ensure!(flow.accepted("evt-1", &json!({ "type": "unwanted" })).await? == unwanted, "a repeat is one");
    let conflict = flow.post("evt-1", br#"{"type":"other"}"#).await?;
    ensure!(conflict.status == 409, "{conflict:?}");
    let list = flow.api.all("/v1/notifications?routed=no").await?;
    ensure!(list.len() == 1 && list[0]["id"] == unwanted && list[0]["event_type"] == "unwanted", "{list:?}");
    let path = format!("/v1/notifications/{unwanted}/route");
    flow.api.post(&path, &json!({ "connections": [flow.connection] })).await?;
    flow.in_state(&flow.delivery(&unwanted), "DELIVERED").await?;
    flow.api.post(&path, &json!({ "connections": [flow.connection] })).await?;
    until("the list to be empty", WITHIN, async || {
        Ok(flow.api.all("/v1/notifications?routed=no").await?.is_empty().then_some(()))
    })
    .await?;
    let shown = flow.api.get(&format!("/v1/notifications/{unwanted}")).await?;
    ensure!(shown["kept"] == "routed" || shown["kept"] == "pending", "{shown}");
    ensure!(shown["deliveries"].as_array().map(Vec::len) == Some(1), "{shown}");
    ensure!(flow.endpoint.hooks().len() == 1, "routing twice sends once");
    Ok(())
}

#[tokio::test]
async fn a_payload_is_mapped_whole_or_not_at_all_and_looked_at_again_once_the_mapping_is_mended() -> Result<()>
{
    let flow = Webhooks::new().await?;
    let mapping = json!({
        "name": "hired", "input": { "format": "json" },
        "columns": [
            { "name": "employee", "from": "/employee/id", "type": "text", "required": true },
            { "name": "hours", "from": "hours", "type": "decimal", "decimal_mark": "," },
        ],
        "filters": [{ "column": "type", "equals": "employee.test", "reason": "test_event" }],
    });
    let mapping = tests::api::id(&flow.api.post("/v1/mappings", &mapping).await?);
    flow.change(&format!("/v1/connections/{}", flow.connection), |c| c["mapping"] = json!(mapping)).await?;
    let good = flow.accepted("evt-1", &json!({ "employee": { "id": "0042" }, "hours": "7,50" })).await?;
    let shown = flow.in_state(&flow.delivery(&good), "DELIVERED").await?;
    ensure!(shown["mapping_version"] == 1, "{shown}");
    let test = flow.accepted("evt-2", &json!({ "type": "employee.test", "employee": { "id": "1" } })).await?;
    let shown = flow.in_state(&flow.delivery(&test), "DEAD").await?;
    ensure!(shown["died_of"] == "filtered" && shown["last_error"] == "test_event", "{shown}");
    let bad = flow.accepted("evt-3", &json!({ "employee": { "id": "7" }, "hours": "8.25" })).await?;
    let shown = flow.in_state(&flow.delivery(&bad), "DEAD").await?;
    let error = shown["last_error"].as_str().unwrap_or_default();
    ensure!(shown["died_of"] == "unmappable" && error.starts_with("record 1, hours:"), "{shown}");
    let owed = flow.api.all(&format!("/v1/deliveries?target={}", flow.target)).await?;
    ensure!(
        owed.len() == 1 && owed[0]["event_id"] == "evt-3",
        "what was filtered is owed to no one: {owed:?}"
    );
    flow.change(&format!("/v1/mappings/{mapping}"), |m| m["columns"][1]["decimal_mark"] = json!(".")).await?;
    flow.api.post(&format!("/v1/deliveries/{}/retry", flow.delivery(&bad)), &json!({})).await?;
    let shown = flow.in_state(&flow.delivery(&bad), "DELIVERED").await?;
    ensure!(shown["mapping_version"] == 2, "{shown}");
    let bodies: Vec<_> =
        flow.endpoint.hooks().iter().map(|h| String::from_utf8_lossy(&h.body).into_owned()).collect();
    ensure!(
        bodies == [r#"{"employee":"0042","hours":"7.50"}"#, r#"{"employee":"7","hours":"8.25"}"#],
        "{bodies:?}"
    );
    Ok(())
}
