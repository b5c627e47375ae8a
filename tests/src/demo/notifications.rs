//! The demo's real-time half: a client posts, its customer's endpoint fails, and what is owed is recovered.

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{
    hooks::Manner,
    wait::until,
    webhooks::{WITHIN, Webhooks},
};

/// Notifications that are posted while the endpoint fails.
const WHILE_IT_FAILS: usize = 3;

/// Shows it, and compares what was posted with what the endpoint took.
pub(crate) async fn show() -> Result<()> {
    super::step("a client posts a notification, signed by Standard Webhooks");
    let flow = Webhooks::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    println!("  it posts to {}; the endpoint is {}", flow.path(), flow.endpoint.url());
    let event = |n: usize| json!({ "type": "employee.hired", "employee": n });
    let first = flow.accepted("evt-1", &event(1)).await?;
    let delivered = flow.in_state(&flow.delivery(&first), "DELIVERED").await?;
    println!(
        "  accepted as {first}, delivered in {} attempt, {} ms",
        delivered["attempts"], delivered["last_ms"]
    );
    ensure!(flow.accepted("evt-1", &event(1)).await? == first, "a repeat has the same id");
    println!("  the same event again: the same id, and nothing is sent twice");

    super::step("the endpoint fails; what is owed is listed");
    flow.endpoint.decide(|_, _| Manner::Status(503));
    let mut owed = Vec::new();
    for n in 2..2 + WHILE_IT_FAILS {
        owed.push(flow.accepted(&format!("evt-{n}"), &event(n)).await?);
    }
    for notification in &owed {
        flow.in_state(&flow.delivery(notification), "DEAD").await?;
    }
    for delivery in flow.api.all(&format!("/v1/deliveries?target={}", flow.target)).await? {
        println!(
            "  {}  {}  {} attempts  {}",
            delivery["event_id"].as_str().unwrap_or_default(),
            delivery["state"].as_str().unwrap_or_default(),
            delivery["attempts"],
            delivery["last_error"].as_str().unwrap_or_default()
        );
    }

    super::step("the endpoint is back; everything undelivered is recovered");
    flow.endpoint.decide(|_, _| Manner::Take);
    let path = format!("/v1/target-servers/{}/recover", flow.target);
    let recovered = flow.api.post(&path, &json!({ "since": "2026-01-01T00:00:00Z" })).await?;
    println!("  {} notifications taken up", recovered["notifications"]);
    until("all of them to arrive", WITHIN * 2, async || {
        Ok((flow.endpoint.taken().len() == 1 + WHILE_IT_FAILS).then_some(()))
    })
    .await?;
    let sent: std::collections::BTreeSet<_> =
        (1..2 + WHILE_IT_FAILS).map(|n| event(n).to_string().into_bytes()).collect();
    ensure!(flow.endpoint.bodies() == sent, "what the endpoint took is not what was posted");
    println!("  posted {} notifications, the endpoint took {}, byte for byte", sent.len(), sent.len());
    Ok(())
}
