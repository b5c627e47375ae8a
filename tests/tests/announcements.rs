//! What the hub tells an account's own people: one more source of notifications, which never causes others.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tests::{
    flow::Flow,
    hooks::{Endpoint, Manner},
    rows::{now, past_ms},
    wait::until,
    webhooks::{WITHIN, Webhooks},
};

/// Longer than `deliver` remembers whether somebody takes them, and a target.
async fn listen(flow: &Webhooks) -> Result<Endpoint> {
    let people = Endpoint::start().await?;
    flow.connect(&people, json!({ "source": "hub" })).await?;
    Ok(people)
}

/// The same beside a flow of files, for these types only.
async fn listen_for(flow: &Flow, types: &str) -> Result<Endpoint> {
    let people = Endpoint::start().await?;
    let webservice = tests::webhooks::webservice(&people.url());
    let target = tests::api::id(&flow.api.post("/v1/target-servers", &webservice).await?);
    let connection = json!({
        "name": "people", "source": { "source": "hub", "types": [types] }, "target": { "target_server": target },
    });
    flow.api.post("/v1/connections", &connection).await?;
    Ok(people)
}

fn how_often(people: &Endpoint) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for hook in people.hooks() {
        let body: Value = serde_json::from_slice(&hook.body).unwrap_or_default();
        *counts.entry(body["type"].as_str().unwrap_or_default().to_string()).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn people_are_told_that_a_delivery_died_and_that_a_target_wants_nothing_more() -> Result<()> {
    let flow = Webhooks::new().await?;
    let people = listen(&flow).await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    flow.endpoint.decide(|_, _| Manner::Status(404));
    let notification = flow.accepted("evt-1", &json!({ "n": 1 })).await?;
    flow.in_state(&flow.delivery(&notification), "DEAD").await?;
    flow.stack.tick().await?;
    let dead = people.told("delivery.dead").await?;
    ensure!(dead["account"] == json!(flow.account) && dead["data"]["cause"] == "undeliverable", "{dead}");
    ensure!(dead["data"]["delivery"] == json!(flow.delivery(&notification)), "{dead}");
    flow.endpoint.decide(|_, _| Manner::Status(410));
    flow.accepted("evt-2", &json!({ "n": 2 })).await?;
    until("the target to be disabled", WITHIN, async || {
        let status = flow.api.get(&format!("/v1/target-servers/{}/status", flow.target)).await?;
        Ok((status["state"] == "disabled").then_some(()))
    })
    .await?;
    flow.stack.tick().await?;
    let disabled = people.told("target.disabled").await?;
    ensure!(disabled["data"]["target_server"] == json!(flow.target), "{disabled}");
    Ok(())
}

#[tokio::test]
async fn what_becomes_of_an_announcement_is_announced_to_no_one() -> Result<()> {
    let flow = Webhooks::new().await?;
    let people = listen(&flow).await?;
    let deaf = Endpoint::that(|_, _| Manner::Status(404)).await?;
    let (target, _) = flow.connect(&deaf, json!({ "source": "hub" })).await?;
    flow.change(&format!("/v1/target-servers/{target}"), |t| t["retry_secs"] = json!([1])).await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    flow.endpoint.decide(|_, _| Manner::Status(404));
    let notification = flow.accepted("evt-1", &json!({ "n": 1 })).await?;
    flow.in_state(&flow.delivery(&notification), "DEAD").await?;
    flow.stack.tick().await?;
    people.told("delivery.dead").await?;
    until("the deaf one's delivery to die", WITHIN, async || {
        let dead = flow.api.all(&format!("/v1/deliveries?target={target}&state=DEAD")).await?;
        Ok((dead.len() == 1).then_some(()))
    })
    .await?;
    flow.stack.tick().await?;
    flow.stack.tick().await?;
    ensure!(how_often(&people) == [("delivery.dead".to_string(), 1)].into(), "{:?}", how_often(&people));
    Ok(())
}

#[tokio::test]
async fn people_are_told_of_a_breaker_that_opens_and_closes() -> Result<()> {
    let flow = Webhooks::new().await?;
    let people = listen(&flow).await?;
    flow.change_target(|t| t["retry_secs"] = json!([3600])).await?;
    flow.endpoint.decide(|_, _| Manner::Status(503));
    for i in 0..13 {
        flow.accepted(&format!("evt-{i}"), &json!({ "n": i })).await?;
    }
    let status = async || flow.api.get(&format!("/v1/target-servers/{}/status", flow.target)).await;
    until("the breaker to open", WITHIN, async || Ok((status().await?["state"] == "failing").then_some(())))
        .await?;
    flow.stack.tick().await?;
    people.told("breaker.opened").await?;
    flow.endpoint.decide(|_, _| Manner::Take);
    flow.accepted("evt-probe", &json!({ "n": "probe" })).await?;
    let rows = flow.stack.rows().await?;
    let gate = shared::keys::gate(&flow.account, &flow.target);
    until("the breaker to close", WITHIN, async || {
        rows.edit(&gate, json!({ "drain_until": null })).await?;
        if status().await?["state"] == "active" {
            return Ok(Some(()));
        }
        rows.set_due(&gate, past_ms()).await?;
        flow.stack.tick().await?;
        Ok(None)
    })
    .await?;
    flow.stack.tick().await?;
    people.told("breaker.closed").await?;
    Ok(())
}

#[tokio::test]
async fn people_are_told_of_a_run_that_failed() -> Result<()> {
    let flow = Flow::new().await?;
    let people = listen_for(&flow, "run.*").await?;
    flow.put("a.csv", "other\nx\n")?;
    let report = flow.run().await?;
    ensure!(report["status"] == "ERROR", "{report}");
    flow.stack.tick().await?;
    let failed = people.told("run.failed").await?;
    ensure!(failed["data"]["run"] == report["id"] && failed["data"]["status"] == "ERROR", "{failed}");
    ensure!(failed["data"]["failure"]["code"] == "missing_columns", "{failed}");
    flow.put("b.csv", "id;value\n1;x\n")?;
    ensure!(flow.run().await?["status"] == "COMPLETE");
    flow.stack.tick().await?;
    ensure!(how_often(&people) == [("run.failed".to_string(), 1)].into(), "{:?}", how_often(&people));
    Ok(())
}

#[tokio::test]
async fn people_are_told_that_a_batch_died_and_not_with_what_was_in_it() -> Result<()> {
    let flow = Flow::new().await?;
    let people = listen_for(&flow, "delivery.dead").await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    flow.receiver.next([tests::receiver::Manner::Status(422), tests::receiver::Manner::Status(422)]);
    flow.put("a.csv", "id;value\n1;confidential\n2;x\n")?;
    let report = flow.run().await?;
    ensure!(report["counts"]["errors"] == 2, "{report}");
    flow.stack.tick().await?;
    let dead = people.told("delivery.dead").await?;
    let data = &dead["data"];
    ensure!(
        data["run"] == report["id"] && data["records"] == 2 && data["cause"] == "undeliverable",
        "{dead}"
    );
    ensure!(
        data["delivery"].as_str().is_some_and(|d| d.starts_with(report["id"].as_str().unwrap_or("-"))),
        "{dead}"
    );
    ensure!(!dead.to_string().contains("confidential"), "{dead}");
    flow.stack.tick().await?;
    ensure!(how_often(&people) == [("delivery.dead".to_string(), 1)].into(), "{:?}", how_often(&people));
    Ok(())
}

#[tokio::test]
async fn people_are_told_of_what_a_target_leaves_out_to_the_end() -> Result<()> {
    let flow = Flow::new().await?;
    let people = listen_for(&flow, "delivery.dead").await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    let leaves_out = || tests::receiver::Manner::LeaveOut(vec!["2".into()]);
    flow.receiver.next([leaves_out(), tests::receiver::Manner::Status(500), leaves_out()]);
    flow.put("a.csv", "id;value\n1;x\n2;x\n3;x\n")?;
    let report = flow.run().await?;
    flow.stack.tick().await?;
    let dead = people.told("delivery.dead").await?;
    ensure!(dead["data"]["records"] == 1 && dead["data"]["run"] == report["id"], "{dead}");
    Ok(())
}

#[tokio::test]
async fn people_are_told_once_that_a_secret_ends_soon() -> Result<()> {
    let flow = Webhooks::new().await?;
    let people = listen(&flow).await?;
    let soon = now().saturating_add(jiff::SignedDuration::from_hours(24))?;
    flow.change(&format!("/v1/sources/{}", flow.source), |s| {
        s["secrets"][0]["ends_at"] = json!(soon.to_string());
        let next = json!({ "name": "next", "secret": tests::webhooks::OUTBOUND });
        s["secrets"].as_array_mut().expect("a list").push(next);
    })
    .await?;
    flow.stack.tick().await?;
    flow.stack.tick().await?;
    let told = people.told("secret.ending").await?;
    ensure!(told["data"]["secret"] == "first" && told["data"]["id"] == json!(flow.source), "{told}");
    ensure!(!told.to_string().contains("whsec_"), "no secret is told");
    flow.stack.tick().await?;
    flow.stack.tick().await?;
    ensure!(people.hooks().len() == 1, "once");
    Ok(())
}
