//! Cancelling a run, wherever it stands.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use shared::{keys, run::RunStatus};
use tests::{
    api::id,
    flow::Flow,
    proxy::{Line, Proxy},
    puller::Puller,
    receiver::Manner,
    report::expect,
    rows::{future_ms, past_ms},
    wait::until,
};

const FIVE: &str = "id;value\r\n1;a\r\n2;b\r\n3;c\r\n4;d\r\n5;e\r\n";

async fn cancel(flow: &Flow, run: &str) -> Result<Value> {
    flow.api.post(&format!("/v1/runs/{run}/cancel"), &json!({})).await
}

/// Holds that the records of a cancelled run are delivered by a rerun, and the connection is free for it.
async fn is_taken_up_again(flow: &Flow, cancelled: &Value, created: u64) -> Result<()> {
    flow.change_target(|t| t["retry_secs"] = json!([1, 1, 1])).await?;
    let again = flow.rerun(cancelled).await?;
    expect(&again, "COMPLETE", &[("read", 5), ("created", created), ("unchanged", 5 - created)]);
    flow.agrees(&[cancelled, &again]).await
}

#[tokio::test]
async fn a_run_that_waits_for_a_function_is_cancelled_at_once_and_twice_is_fine() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", FIVE)?;
    let mut puller = Puller::start(&flow).await?;
    let run = puller.admit(&flow).await?;
    for _ in 0..2 {
        let answer = cancel(&flow, &run).await?;
        assert_eq!((&answer["status"], answer["ended_at"].is_string()), (&json!("CANCELLED"), true));
    }
    // The message comes all the same, and does nothing.
    assert_eq!(puller.work(&run, Duration::from_secs(60)).await?.status, RunStatus::Cancelled);
    let cancelled = flow.ended(&run).await?;
    expect(&cancelled, "CANCELLED", &[]);
    let row = flow.stack.rows().await?.get(&keys::run(&flow.account, &run)).await?;
    assert!(row["due"].is_null() && row["due_shard"].is_null() && row["lease_until"].is_null(), "{row:#}");
    let next = flow.run().await?;
    expect(&next, "COMPLETE", &[("read", 5), ("created", 5)]);
    flow.agrees(&[&cancelled, &next]).await
}

#[tokio::test]
async fn a_run_that_takes_files_is_cancelled_and_what_it_has_not_taken_is_the_next_runs() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", FIVE)?;
    let big = format!("id;value\r\n{}", format!("b;{}\r\n", "x".repeat(1000)).repeat(4000));
    flow.put("b.csv", big)?;
    let touched = std::fs::metadata(flow.folder.join("a.csv"))?.modified()? + Duration::from_secs(5);
    std::fs::File::options().append(true).open(flow.folder.join("b.csv"))?.set_modified(touched)?;
    let proxy = Proxy::start(flow.server.address(), Line::Silent(2_000_000)).await?;
    flow.change_source(|s| s["address"] = proxy.address().into()).await?;
    let run = flow.start().await?;
    proxy.has_passed(2_000_000).await?; // a.csv is taken, and b.csv half
    assert_eq!(cancel(&flow, &run).await?["status"], "CANCELLED");
    proxy.set(Line::Open);
    let cancelled = flow.ended(&run).await?;
    expect(&cancelled, "CANCELLED", &[]);
    assert_eq!(cancelled["inputs"].as_array().map(Vec::len), Some(1), "{cancelled:#}");
    // The holder goes on with b.csv, and cannot write it down: the next run takes it, and a rerun takes a.csv.
    let next = flow.run().await?;
    assert_eq!(next["inputs"][0]["path"], flow.folder.join("b.csv").display().to_string());
    assert_eq!(next["inputs"].as_array().map(Vec::len), Some(1));
    let again = flow.rerun(&cancelled).await?;
    expect(&again, "COMPLETE", &[("read", 5), ("created", 5)]);
    let report = flow.ended(&run).await?;
    expect(&report, "CANCELLED", &[]);
    flow.agrees(&[&cancelled, &next, &again]).await
}

#[tokio::test]
async fn a_run_that_was_mapped_and_not_released_is_cancelled_and_nothing_of_it_is_sent() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", FIVE)?;
    let table = flow.stack.table().await?;
    let mut puller = Puller::start(&flow).await?;
    let run = puller.admit(&flow).await?;
    // A holder that staged everything and is about to release.
    let lease = jiff::Timestamp::from_millisecond(future_ms(600))?;
    let now = jiff::Timestamp::from_millisecond(past_ms())?;
    let mut held = table.take_run(&flow.account, &run, now, lease).await?.unwrap();
    assert_eq!(cancel(&flow, &run).await?["status"], "CANCELLED");
    let released = table.release_run(&mut held, 1, shared::counts::Counts::default(), None, lease).await;
    assert!(matches!(released, Err(shared::aws::AwsError::LostLease(_))), "{released:?}");
    assert_eq!(puller.work(&run, Duration::from_secs(60)).await?.status, RunStatus::Cancelled);
    let next = flow.run().await?;
    expect(&next, "COMPLETE", &[("read", 5), ("created", 5)]);
    Ok(())
}

#[tokio::test]
async fn of_a_run_that_delivers_what_arrived_counts_and_the_rest_is_not_sent() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.change_connection(|c| c["target"]["batch_size"] = 1.into()).await?;
    flow.put("a.csv", FIVE)?;
    // Two of five arrive, the others wait for a far off attempt.
    flow.receiver.next([
        Manner::Status(503),
        Manner::Take,
        Manner::Status(503),
        Manner::Take,
        Manner::Status(503),
    ]);
    let run = flow.start().await?;
    until("five answers", Duration::from_secs(60), async || {
        let batches = flow.stack.table().await?.batches(&flow.account, &run).await?;
        let settled = |b: &shared::delivery::Batch| b.state.is_final() || b.last_error.is_some();
        Ok((batches.len() == 5 && batches.iter().all(settled)).then_some(()))
    })
    .await?;
    for _ in 0..2 {
        let answer = cancel(&flow, &run).await?;
        assert!(answer["cancel_requested"] == true || answer["status"] == "CANCELLED", "{answer:#}");
    }
    let cancelled = flow.ended(&run).await?;
    expect(&cancelled, "CANCELLED", &[("read", 5), ("created", 2), ("errors", 3)]);
    let records = flow.records(&cancelled).await?;
    let reasons: Vec<_> = records.iter().filter(|r| r["writer"] == "error").map(|r| &r["reason"]).collect();
    assert_eq!(reasons, vec![&json!("cancelled"); 3]);
    assert!(records.iter().any(|r| r["detail"].to_string().contains("503")), "how it failed before is kept");
    assert_eq!(flow.receiver.requests().len(), 5, "nothing more was sent");
    // The state moved for what arrived, so a rerun sends the rest only.
    is_taken_up_again(&flow, &cancelled, 3).await
}

#[tokio::test]
async fn a_batch_that_is_being_sent_when_the_run_is_cancelled_is_finished_and_counts() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    // It hangs in the target while the run is cancelled: its sender writes down how that ended.
    flow.put("b.csv", "id;value\r\n6;f\r\n")?;
    flow.receiver.next([Manner::Hang]);
    let run = flow.start().await?;
    until("the request", Duration::from_secs(60), async || {
        Ok((flow.receiver.requests().len() == 1).then_some(()))
    })
    .await?;
    let answer = cancel(&flow, &run).await?;
    assert_eq!((&answer["status"], &answer["cancel_requested"]), (&json!("DELIVERING"), &json!(true)));
    let cancelled = flow.ended(&run).await?;
    expect(&cancelled, "CANCELLED", &[("read", 1), ("errors", 1)]);
    let record = &flow.records(&cancelled).await?[0];
    assert_eq!(record["reason"], "cancelled");
    assert!(record["detail"].to_string().contains("did not answer"), "its sender's result is kept: {record}");
    assert_eq!(flow.receiver.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_batch_whose_message_comes_after_the_cancel_is_not_sent() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.receiver.next([Manner::Status(503)]);
    flow.put("a.csv", FIVE)?;
    let run = flow.start().await?;
    let batch = flow.waiting_batches(&run).await?.remove(0);
    let rows = flow.stack.rows().await?;
    // Someone else holds the run, so that no one but `deliver` can see to the batch.
    rows.edit(
        &keys::run(&flow.account, &run),
        json!({ "cancel_requested": true, "lease_until": future_ms(600) }),
    )
    .await?;
    let key = keys::batch(&flow.account, &run, batch.first_ordinal, batch.part);
    rows.edit(&key, json!({ "attempt_at": past_ms() })).await?;
    let message =
        shared::message::DeliveryMessage::batch(&flow.account, &run, batch.first_ordinal, batch.part);
    assert!(flow.stack.hand_over("deliver", &[serde_json::to_value(message)?]).await?.is_empty());
    let row = rows.get(&key).await?;
    assert_eq!(
        (&row["state"], &row["died_of"], &row["attempts"]),
        (&"DEAD".into(), &"cancelled".into(), &json!(1))
    );
    assert_eq!(flow.receiver.requests().len(), 1, "only the attempt before the cancel");
    rows.edit(&keys::run(&flow.account, &run), json!({ "lease_until": null })).await?;
    rows.set_due(&keys::run(&flow.account, &run), past_ms()).await?;
    flow.stack.tick().await?;
    let cancelled = flow.ended(&run).await?;
    expect(&cancelled, "CANCELLED", &[("read", 5), ("errors", 5)]);
    is_taken_up_again(&flow, &cancelled, 5).await
}

#[tokio::test]
async fn a_run_whose_every_answer_came_before_the_cancel_ends_as_it_would_have() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.receiver.next([Manner::Status(503)]);
    flow.put("a.csv", FIVE)?;
    let run = flow.start().await?;
    let batch = flow.waiting_batches(&run).await?.remove(0);
    let rows = flow.stack.rows().await?;
    let key = keys::batch(&flow.account, &run, batch.first_ordinal, batch.part);
    let change = json!({
        "state": "DELIVERED", "outcome": { "created": 5, "updated": 0, "deleted": 0, "unchanged": 0, "errors": 0 },
        "due": null, "due_shard": null, "waiting_for": null, "attempt_at": null, "last_error": null,
    });
    rows.edit(&key, change).await?;
    cancel(&flow, &run).await?;
    let report = flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 5), ("created", 5)]);
    let answer = flow.api.call("POST", &format!("/v1/runs/{run}/cancel"), &[], Some("{}")).await?;
    assert_eq!((answer.status, &answer.body["code"]), (409, &json!("run_ended")));
    Ok(())
}

#[tokio::test]
async fn cancelling_takes_the_lease_from_a_holder_that_closes_and_the_next_one_closes() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.receiver.next([Manner::Status(503)]);
    flow.put("a.csv", FIVE)?;
    let run = flow.start().await?;
    flow.waiting_batches(&run).await?;
    let table = flow.stack.table().await?;
    let lease = jiff::Timestamp::from_millisecond(future_ms(600))?;
    // The run's own look at its batches may hold the lease just now.
    let held = until("the lease", Duration::from_secs(60), async || {
        Ok(table.take_run(&flow.account, &run, jiff::Timestamp::from_millisecond(past_ms())?, lease).await?)
    })
    .await?;
    cancel(&flow, &run).await?;
    let late = table.yield_run(&held, lease, true).await;
    assert!(matches!(late, Err(shared::aws::AwsError::LostLease(_))), "{late:?}");
    let cancelled = flow.ended(&run).await?;
    expect(&cancelled, "CANCELLED", &[("read", 5), ("errors", 5)]);
    assert_eq!(id(&cancelled), run);
    is_taken_up_again(&flow, &cancelled, 5).await
}
