//! Limits of targets, counted at the receiver; breakers, pausing, targets that want nothing more; and what was owed
//! meanwhile.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use shared::keys;
use tests::{
    hooks::{Hook, Manner},
    rows::past_ms,
    wait::until,
    webhooks::{WITHIN, Webhooks},
};

/// Longer than `deliver` uses a target as it was read.
const READ_AGAIN: Duration = Duration::from_millis(5_500);

/// A backlog goes on at the next minute at the latest, at its limit.
const DRAINED: Duration = Duration::from_secs(150);

async fn post_all(flow: &Webhooks, from: usize, to: usize) -> Result<Vec<String>> {
    let mut notifications = Vec::new();
    for i in from..to {
        notifications.push(flow.accepted(&format!("evt-{i:04}"), &json!({ "n": i })).await?);
    }
    Ok(notifications)
}

async fn status(flow: &Webhooks) -> Result<Value> {
    flow.api.get(&format!("/v1/target-servers/{}/status", flow.target)).await
}

/// Waits until all of these were taken.
async fn all_taken(flow: &Webhooks, wanted: usize, within: Duration) -> Result<()> {
    until(&format!("{wanted} taken"), within, async || {
        Ok((flow.endpoint.taken().len() == wanted).then_some(()))
    })
    .await
}

/// The most requests that came within any span of time.
fn most_within(hooks: &[Hook], span: Duration) -> usize {
    let mut times: Vec<Instant> = hooks.iter().map(|h| h.at).collect();
    times.sort();
    let from = |i: usize| times[i..].iter().take_while(|t| **t < times[i] + span).count();
    (0..times.len()).map(from).max().unwrap_or(0)
}

#[tokio::test]
async fn requests_a_second_hold_over_all_functions_that_send() -> Result<()> {
    let flow = Webhooks::new().await?;
    let control = Webhooks::new().await?;
    flow.change_target(|t| t["limits"] = json!({ "per_second": 4 })).await?;
    for flow in [&flow, &control] {
        post_all(flow, 0, 40).await?;
    }
    all_taken(&control, 40, WITHIN).await?;
    all_taken(&flow, 40, DRAINED).await?;
    let span = Duration::from_secs(2);
    let (limited, free) =
        (most_within(&flow.endpoint.hooks(), span), most_within(&control.endpoint.hooks(), span));
    // Eight in two seconds, and one on either edge; requests arrive some milliseconds after they were sent.
    ensure!(limited <= 10, "{limited} requests within two seconds at four a second");
    ensure!(free > 10, "without a limit more came at once, or this shows nothing: {free}");
    ensure!(flow.endpoint.hooks().len() == 40, "each once");
    Ok(())
}

#[tokio::test]
async fn requests_in_flight_hold_over_all_functions_that_send() -> Result<()> {
    let flow = Webhooks::new().await?;
    let control = Webhooks::new().await?;
    flow.change_target(|t| t["limits"] = json!({ "in_flight": 2 })).await?;
    for flow in [&flow, &control] {
        flow.endpoint.decide(|_, _| Manner::TakeAfter(300));
        post_all(flow, 0, 30).await?;
    }
    all_taken(&control, 30, WITHIN).await?;
    all_taken(&flow, 30, DRAINED).await?;
    let (limited, free) = (flow.endpoint.most_in_flight(), control.endpoint.most_in_flight());
    ensure!(limited <= 2, "{limited} in flight");
    ensure!(free > 2, "without a limit more were in flight, or this shows nothing: {free}");
    Ok(())
}

#[tokio::test]
async fn a_breaker_opens_burns_no_attempts_probes_and_drains_in_order_of_arrival() -> Result<()> {
    let flow = Webhooks::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([3600, 3600])).await?;
    flow.endpoint.decide(|_, _| Manner::Status(500));
    let first = post_all(&flow, 0, 12).await?;
    until("the breaker to open", WITHIN, async || {
        Ok((status(&flow).await?["state"] == "failing").then_some(()))
    })
    .await?;
    tokio::time::sleep(READ_AGAIN).await;
    let before = flow.endpoint.hooks().len();
    let held = post_all(&flow, 100, 106).await?;
    for notification in &held {
        let shown = flow.in_state(&flow.delivery(notification), "WAITING").await?;
        ensure!(shown["attempts"] == 0 && shown["waiting_for"] == "target", "no attempt is spent: {shown}");
    }
    ensure!(flow.endpoint.hooks().len() == before, "nothing is sent");
    // Those of the first twelve that came when the breaker was open have waited longest.
    let (mut failed, mut waiting) = (Vec::new(), Vec::new());
    for notification in first {
        let shown = flow.in_state(&flow.delivery(&notification), "WAITING").await?;
        if shown["attempts"] == 0 { waiting.push(notification) } else { failed.push(notification) }
    }
    ensure!(failed.len() >= 10, "ten failures open it: {failed:?}");
    waiting.extend(held);
    let held = waiting;
    let (shown, all) = (status(&flow).await?, failed.len() + held.len());
    ensure!(shown["owed"] == json!({ "WAITING": all }) && shown["owed_is_all"] == true, "{all}: {shown}");
    let (table, mut owed) = (flow.stack.table().await?, 0);
    for shard in 0..keys::DUE_SHARDS {
        owed += table.count_owed(shard, 100).await?.0;
    }
    ensure!(owed >= all as u64, "{owed} of all accounts that share the stack, and {all} of this one");
    // The first probe fails, and spends an attempt of the one that probes.
    let probe = async || {
        let rows = flow.stack.rows().await?;
        rows.edit(&keys::gate(&flow.account, &flow.target), json!({ "drain_until": null })).await?;
        rows.set_due(&keys::gate(&flow.account, &flow.target), past_ms()).await?;
        flow.stack.tick().await
    };
    probe().await?;
    until("the probe", WITHIN, async || Ok((flow.endpoint.hooks().len() == before + 1).then_some(())))
        .await?;
    let shown = flow.in_state(&flow.delivery(&held[0]), "WAITING").await?;
    ensure!(
        flow.endpoint.hooks().last().map(|h| h.id().to_string()) == Some(flow.delivery(&held[0])),
        "the oldest"
    );
    ensure!(status(&flow).await?["state"] == "failing", "{shown}");
    // The second one finds it back: what waits follows in order.
    flow.endpoint.decide(|_, _| Manner::Take);
    probe().await?;
    until("the breaker to close", WITHIN, async || {
        Ok((status(&flow).await?["state"] == "active").then_some(()))
    })
    .await?;
    all_taken(&flow, held.len() - 1, DRAINED).await?;
    let order: Vec<_> = flow.endpoint.hooks()[before + 1..].iter().map(|h| h.id().to_string()).collect();
    ensure!(order[0] == flow.delivery(&held[1]), "the probe was the oldest that waited: {order:?}");
    for notification in failed.iter().chain(&held[..1]) {
        let shown = flow.in_state(&flow.delivery(notification), "WAITING").await?;
        ensure!(shown["attempts"] == 1 && shown["waiting_for"] == "next_attempt", "{shown}");
    }
    Ok(())
}

#[tokio::test]
async fn a_refusal_of_single_payloads_opens_no_breaker() -> Result<()> {
    let flow = Webhooks::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([3600])).await?;
    flow.endpoint.decide(|_, _| Manner::Status(422));
    for notification in post_all(&flow, 0, 14).await? {
        flow.in_state(&flow.delivery(&notification), "WAITING").await?;
    }
    let status = status(&flow).await?;
    ensure!(status["state"] == "active" && flow.endpoint.hooks().len() == 14, "{status}");
    Ok(())
}

#[tokio::test]
async fn what_comes_while_a_target_is_paused_waits_and_goes_once_it_is_resumed() -> Result<()> {
    let flow = Webhooks::new().await?;
    let path = format!("/v1/target-servers/{}", flow.target);
    let paused = flow.api.post(&format!("{path}/pause"), &json!({ "reason": "their upgrade" })).await?;
    ensure!(paused["state"] == "paused" && paused["reason"] == "their upgrade", "{paused}");
    let held = post_all(&flow, 0, 5).await?;
    for notification in &held {
        flow.in_state(&flow.delivery(notification), "WAITING").await?;
    }
    flow.stack.tick().await?;
    let waiting = flow.api.all(&format!("/v1/deliveries?target={}&state=WAITING", flow.target)).await?;
    ensure!(waiting.len() == 5 && flow.endpoint.hooks().is_empty(), "{waiting:?}");
    ensure!(status(&flow).await?["oldest_waiting"].is_string());
    let resumed = flow.api.post(&format!("{path}/resume"), &json!({})).await?;
    ensure!(resumed["state"] == "active", "{resumed}");
    all_taken(&flow, 5, DRAINED).await?;
    let none = flow.api.all(&format!("/v1/deliveries?target={}", flow.target)).await?;
    ensure!(none.is_empty(), "{none:?}");
    Ok(())
}

#[tokio::test]
async fn a_target_that_answers_410_is_disabled_and_loses_nothing() -> Result<()> {
    let flow = Webhooks::new().await?;
    flow.endpoint.decide(|_, _| Manner::Status(410));
    let first = flow.accepted("evt-first", &json!({ "n": 0 })).await?;
    until("the target to be disabled", WITHIN, async || {
        Ok((status(&flow).await?["state"] == "disabled").then_some(()))
    })
    .await?;
    flow.in_state(&flow.delivery(&first), "WAITING").await?;
    tokio::time::sleep(READ_AGAIN).await;
    let later = post_all(&flow, 0, 3).await?;
    for notification in &later {
        flow.in_state(&flow.delivery(notification), "WAITING").await?;
    }
    ensure!(flow.endpoint.hooks().len() == 1, "nothing more is sent");
    flow.endpoint.decide(|_, _| Manner::Take);
    flow.api.post(&format!("/v1/target-servers/{}/resume", flow.target), &json!({})).await?;
    all_taken(&flow, 4, DRAINED).await
}

#[tokio::test]
async fn recovering_a_target_sends_what_died_since_and_nothing_twice() -> Result<()> {
    let flow = Webhooks::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    let delivered = flow.accepted("evt-fine", &json!({ "fine": true })).await?;
    flow.in_state(&flow.delivery(&delivered), "DELIVERED").await?;
    flow.endpoint.decide(|_, _| Manner::Status(404));
    let dead = post_all(&flow, 0, 4).await?;
    for notification in &dead {
        let shown = flow.in_state(&flow.delivery(notification), "DEAD").await?;
        ensure!(shown["died_of"] == "undeliverable" && shown["attempts"] == 2, "{shown}");
    }
    let path = format!("/v1/target-servers/{}/recover", flow.target);
    let later = flow.api.post(&path, &json!({ "since": "2999-01-01T00:00:00Z" })).await?;
    ensure!(later["notifications"] == 0, "{later}");
    flow.endpoint.decide(|_, _| Manner::Take);
    let recovered = flow.api.post(&path, &json!({ "since": "2026-01-01T00:00:00Z" })).await?;
    ensure!(recovered["notifications"] == 4 && recovered["more"] == false, "{recovered}");
    all_taken(&flow, 5, DRAINED).await?;
    for notification in &dead {
        flow.in_state(&flow.delivery(notification), "DELIVERED").await?;
    }
    let again = flow.api.post(&path, &json!({ "since": "2026-01-01T00:00:00Z" })).await?;
    ensure!(again["notifications"] == 0, "{again}");
    let fine = flow.endpoint.hooks().iter().filter(|h| h.id() == flow.delivery(&delivered)).count();
    ensure!(fine == 1, "what had arrived is not sent again");
    Ok(())
}

#[tokio::test]
async fn a_target_that_hangs_does_not_hold_up_another_account() -> Result<()> {
    let (hanging, other) = (Webhooks::new().await?, Webhooks::new().await?);
    hanging.endpoint.decide(|_, _| Manner::Hang);
    hanging.change_target(|t| t["timeout_secs"] = json!(10)).await?;
    post_all(&hanging, 0, 150).await?;
    let posted = Instant::now();
    let notification = other.accepted("evt-1", &json!({ "n": 1 })).await?;
    other.in_state(&other.delivery(&notification), "DELIVERED").await?;
    let took = posted.elapsed();
    // One after another, 150 requests of 10 s each in ten functions of ten take well over this.
    ensure!(took < Duration::from_secs(25), "the other account waited {took:?}");
    ensure!(hanging.endpoint.taken().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_test_event_is_sent_on_the_same_road() -> Result<()> {
    let flow = Webhooks::new().await?;
    let sent = flow.api.post(&format!("/v1/target-servers/{}/test-event", flow.target), &json!({})).await?;
    let delivery = sent["delivery"].as_str().unwrap_or_default().to_string();
    let shown = flow.in_state(&delivery, "DELIVERED").await?;
    ensure!(shown["event_type"] == "crossdock.test", "{shown}");
    let hooks = flow.endpoint.hooks();
    let body: Value = serde_json::from_slice(&hooks[0].body)?;
    ensure!(hooks.len() == 1 && body["type"] == "crossdock.test", "{body}");
    Ok(())
}
