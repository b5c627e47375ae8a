//! How long a target is asked, what becomes of a batch whose outcome is not known, and what a person can do.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::{
    aws::runs::Admission,
    delivery::{BatchName, DeliveryState},
    id::derived,
    keys,
    run::{RetryOf, Run, Trigger},
};
use tests::{
    api::id,
    flow::{Flow, RUN_SECS},
    receiver::Manner,
    report::{expect, expect_failure, in_short},
    rows::{now, past_ms},
    wait::until,
};

const THREE: &str = "id;value\r\n1;a\r\n2;b\r\n3;c\r\n";

/// What the target owes, in a state.
async fn owed(flow: &Flow, state: &str) -> Result<Vec<Value>> {
    flow.api.all(&format!("/v1/deliveries?target={}&state={state}", flow.target)).await
}

/// Waits until the target owes one batch in this state.
async fn one_owed(flow: &Flow, state: &str) -> Result<Value> {
    until(&format!("a batch in {state}"), RUN_SECS, async || Ok(owed(flow, state).await?.pop())).await
}

/// A run of which one batch is dead and the other delivered.
async fn one_batch_dies(flow: &Flow) -> Result<Value> {
    flow.change_target(|t| t["retry_secs"] = json!([600])).await?;
    flow.change_connection(|c| c["target"]["batch_size"] = 2.into()).await?;
    flow.put("a.csv", THREE)?;
    flow.receiver.next([Manner::Status(500)]);
    let run = flow.start().await?;
    // The two may be sent in any order: the one that failed fails again.
    let failed = until("a failed batch", RUN_SECS, async || {
        let failed = |d: &Value| d["waiting_for"] == "next_attempt";
        Ok(owed(flow, "WAITING").await?.into_iter().find(failed))
    })
    .await?;
    let key = id(&failed).parse::<BatchName>()?.key(&flow.account);
    flow.receiver.next([Manner::Status(500)]);
    let rows = flow.stack.rows().await?;
    rows.edit(&key, json!({ "attempt_at": past_ms() })).await?;
    rows.set_due(&key, past_ms()).await?;
    flow.stack.tick().await?;
    let ended = flow.ended(&run).await?;
    expect(&ended, "PARTIAL", &[("read", 3), ("created", 3 - count(&failed)), ("errors", count(&failed))]);
    Ok(ended)
}

fn count(delivery: &Value) -> u64 {
    delivery["records"].as_u64().unwrap_or_default()
}

#[tokio::test]
async fn a_target_that_says_when_to_come_back_is_not_asked_before() -> Result<()> {
    let flow = Flow::new().await?;
    let before = Timestamp::from_millisecond(past_ms())?;
    flow.receiver.next([Manner::RetryAfter(429, "600".into())]);
    flow.put("a.csv", THREE)?;
    let run = flow.start().await?;
    let waiting = flow.waiting_batches(&run).await?.remove(0);
    let wait = Timestamp::from_millisecond(waiting.attempt_at.context("an attempt")?)?.duration_since(before);
    assert!((600..620).contains(&wait.as_secs()), "{wait:#}: the schedule says 1 s, the target 600 s");
    assert_eq!(waiting.last_error.as_deref(), Some("the target answered 429"));
    flow.let_time_pass(&run).await?;
    let run = flow.ended(&run).await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_retry_after_beyond_the_runs_time_ends_it_at_once() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_connection(|c| c["target"]["deliver_for_secs"] = 60.into()).await?;
    flow.receiver.next([Manner::RetryAfter(503, "3600".into())]);
    flow.put("a.csv", THREE)?;
    let run = flow.run().await?;
    expect(&run, "ERROR", &[("read", 3), ("errors", 3)]);
    assert_eq!(flow.receiver.requests().len(), 1);
    for record in flow.records(&run).await? {
        assert_eq!(record["reason"], "expired", "{record}");
    }
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn what_a_target_owes_when_the_runs_time_is_over_is_an_error_and_goes_with_the_next_run() -> Result<()>
{
    let flow = Flow::new().await?;
    flow.change_connection(|c| c["target"]["deliver_for_secs"] = 4.into()).await?;
    flow.change_target(|t| t["retry_secs"] = json!([1, 1000, 1000])).await?;
    flow.put("a.csv", format!("{THREE};no key\r\n"))?;
    flow.receiver.next(vec![Manner::Status(500); 3]);
    let run = flow.run().await?;
    expect(&run, "ERROR", &[("read", 4), ("errors", 4)]);
    expect_failure(&run, "target", "every_record_failed", true, &[]);
    let records = flow.records(&run).await?;
    assert_eq!(
        records.iter().map(in_short).collect::<Vec<_>>(),
        ["2 error expired -", "3 error expired -", "4 error expired -", "5 error empty_key id"]
    );
    assert!(records[0]["detail"].to_string().contains("answered 500"), "{}", records[0]);
    // The second wait would have gone beyond the end: the last attempt was made at the end.
    assert_eq!(flow.receiver.requests().len(), 3);
    flow.put("a.csv", THREE)?;
    let next = flow.run().await?;
    expect(&next, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.agrees(&[&run, &next]).await
}

#[tokio::test]
async fn by_default_a_scheduled_run_is_out_of_the_way_before_the_next_time_but_one() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.receiver.next([Manner::Status(503)]);
    flow.put("a.csv", THREE)?;
    let settings =
        json!({ "connection": flow.connection, "cron": "0 3 * * ? *", "time_zone": "Europe/Oslo" });
    let schedule = id(&flow.api.post("/v1/schedules", &settings).await?);
    let next = flow.api.get(&format!("/v1/schedules/{schedule}/next?n=2")).await?;
    let but_one: Timestamp = next["times"][1]["at"].as_str().context("a time")?.parse()?;
    flow.stack
        .rows()
        .await?
        .set_due(&keys::resource(&flow.account, "SCHEDULE", &schedule), past_ms())
        .await?;
    flow.stack.tick().await?;
    let runs = format!("/v1/runs?connection={}", flow.connection);
    let run = until("the run", RUN_SECS, async || Ok(flow.api.all(&runs).await?.pop())).await?;
    flow.waiting_batches(&id(&run)).await?;
    let run = flow.api.get(&format!("/v1/runs/{}", id(&run))).await?;
    let end: Timestamp = run["deliver_until"].as_str().context("an end")?.parse()?;
    assert_eq!(but_one.duration_since(end).as_secs(), 60, "{run}");
    flow.let_time_pass(&id(&run)).await?;
    let run = flow.ended(&id(&run)).await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.agrees(&[&run]).await
}

/// A flow whose target parks what it cannot know, and one batch that it took without a word.
async fn parked() -> Result<(Flow, String, Value)> {
    let flow = Flow::new().await?;
    flow.change_target(|t| t["on_unknown"] = "park".into()).await?;
    flow.receiver.next([Manner::TakeAndHangUp]);
    flow.put("a.csv", THREE)?;
    let run = flow.start().await?;
    let delivery = one_owed(&flow, "UNKNOWN").await?;
    Ok((flow, run, delivery))
}

#[tokio::test]
async fn under_park_a_batch_whose_answer_was_lost_is_not_sent_again_until_a_person_says_it_arrived()
-> Result<()> {
    let (flow, run, delivery) = parked().await?;
    assert!(delivery["last_error"].to_string().contains("broke before"), "{delivery}");
    flow.stack.tick().await?;
    let report = flow.api.get(&format!("/v1/runs/{run}")).await?;
    assert_eq!((&report["status"], &report["deliveries"]["unknown"]), (&json!("DELIVERING"), &json!(1)));
    let path = format!("/v1/deliveries/{}", id(&delivery));
    let confirmed = flow.api.post(&format!("{path}/confirm"), &json!({})).await?;
    assert_eq!((&confirmed["state"], &confirmed["outcome"]["created"]), (&json!("DELIVERED"), &json!(3)));
    let again = flow.api.post(&format!("{path}/confirm"), &json!({})).await?;
    assert_eq!(again, confirmed, "said twice, it is the same");
    let run = flow.ended(&run).await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert_eq!(flow.receiver.requests().len(), 1);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn under_park_a_person_can_have_a_batch_sent_again_under_its_id() -> Result<()> {
    let (flow, run, delivery) = parked().await?;
    let path = format!("/v1/deliveries/{}/retry", id(&delivery));
    let same = flow.api.post(&path, &json!({})).await?;
    assert_eq!(id(&same), run, "it goes in its own run");
    flow.stack.tick().await?;
    let run = flow.ended(&run).await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    let keys: Vec<_> =
        flow.receiver.requests().iter().map(|r| r["headers"]["idempotency-key"].clone()).collect();
    assert_eq!(keys, vec![delivery["batch_id"].clone(); 2]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn under_park_a_batch_whose_sender_died_is_not_sent_again_and_ends_with_the_runs_time() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_target(|t| t["on_unknown"] = "park".into()).await?;
    flow.retry_far_off().await?;
    flow.receiver.next([Manner::Status(503)]);
    flow.put("a.csv", THREE)?;
    let run = flow.start().await?;
    let batch = flow.waiting_batches(&run).await?.remove(0);
    // As a sender leaves it that died between the send and the row.
    let rows = flow.stack.rows().await?;
    let key = keys::batch(&flow.account, &run, batch.first_ordinal, batch.part);
    rows.edit(
        &key,
        json!({ "state": "SENDING", "waiting_for": null, "attempt_at": null, "lease_until": past_ms() }),
    )
    .await?;
    rows.set_due(&key, past_ms()).await?;
    flow.stack.tick().await?;
    let unknown = one_owed(&flow, "UNKNOWN").await?;
    assert!(unknown["last_error"].to_string().contains("died"), "{unknown}");
    assert_eq!(flow.receiver.requests().len(), 1, "it was not sent a second time");
    // Nobody decides in time.
    rows.edit(&key, json!({ "attempt_at": past_ms() })).await?;
    rows.set_due(&key, past_ms()).await?;
    flow.stack.tick().await?;
    let run = flow.ended(&run).await?;
    expect(&run, "ERROR", &[("read", 3), ("errors", 3)]);
    assert_eq!(flow.records(&run).await?[0]["reason"], "outcome_unknown");
    assert_eq!(flow.receiver.requests().len(), 1);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_target_that_is_not_reached_at_all_leaves_nothing_unknown() -> Result<()> {
    let mut flow = Flow::new().await?;
    flow.change_target(|t| t["on_unknown"] = "park".into()).await?;
    flow.receiver.stop().await;
    flow.put("a.csv", THREE)?;
    let run = flow.start().await?;
    one_owed(&flow, "WAITING").await?;
    flow.receiver.listen().await?;
    let run = flow.ended(&run).await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_dead_batch_goes_again_in_a_new_run_with_its_own_records_only() -> Result<()> {
    let flow = Flow::new().await?;
    let run = one_batch_dies(&flow).await?;
    let dead = one_owed(&flow, "DEAD").await?;
    assert_eq!((&dead["died_of"], &dead["run"]), (&json!("undeliverable"), &run["id"]));
    let path = format!("/v1/deliveries/{}/retry", id(&dead));
    let retry = flow.api.post(&path, &json!({})).await?;
    assert_eq!((&retry["rerun_of"], retry["id"] == run["id"]), (&run["id"], false));
    let again = flow.api.post(&path, &json!({})).await?;
    assert_eq!(again["id"], retry["id"], "asked twice, it is one run");
    let retry = flow.ended(&id(&retry)).await?;
    expect(&retry, "COMPLETE", &[("read", count(&dead)), ("created", count(&dead))]);
    assert_eq!(owed(&flow, "DEAD").await?, Vec::<Value>::new(), "the target owes it no longer");
    let shown = flow.api.get(&format!("/v1/deliveries/{}", id(&dead))).await?;
    assert_eq!((&shown["state"], &shown["retried_by"]), (&json!("DEAD"), &retry["id"]));
    flow.agrees(&[&run, &retry]).await
}

#[tokio::test]
async fn without_comparison_too_a_retry_sends_nothing_that_arrived() -> Result<()> {
    let flow = Flow::uncompared(tests::flow::simple_mapping()).await?;
    let run = one_batch_dies(&flow).await?;
    let dead = one_owed(&flow, "DEAD").await?;
    let retry = flow.api.post(&format!("/v1/deliveries/{}/retry", id(&dead)), &json!({})).await?;
    let retry = flow.ended(&id(&retry)).await?;
    expect(&retry, "COMPLETE", &[("read", count(&dead)), ("created", count(&dead))]);
    let mut taken: Vec<_> = flow.receiver.taken()?.into_iter().map(|t| t.source_id).collect();
    taken.sort();
    assert_eq!(taken, ["1", "2", "3"], "each record arrived once");
    flow.agrees(&[&run, &retry]).await
}

#[tokio::test]
async fn the_old_data_of_a_dead_batch_never_overtakes_new() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    flow.put("a.csv", "id;value\r\n1;old\r\n")?;
    flow.receiver.next(vec![Manner::Status(500); 2]);
    let first = flow.run().await?;
    expect(&first, "ERROR", &[("read", 1), ("errors", 1)]);
    flow.put("a.csv", "id;value\r\n1;new\r\n")?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 1), ("created", 1)]);
    let dead = one_owed(&flow, "DEAD").await?;
    let retry = flow.api.post(&format!("/v1/deliveries/{}/retry", id(&dead)), &json!({})).await?;
    let retry = flow.ended(&id(&retry)).await?;
    expect(&retry, "COMPLETE", &[("read", 1), ("filtered", 1)]);
    assert_eq!(flow.records(&retry).await?[0]["reason"], "superseded_by_later_run");
    assert_eq!(flow.receiver.holds()?["1"]["value"], "new");
    flow.agrees(&[&first, &second, &retry]).await
}

#[tokio::test]
async fn what_a_target_owes_is_listed_page_by_page_and_retried_only_when_it_can_be() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.change_connection(|c| c["target"]["batch_size"] = 1.into()).await?;
    let file: String = (1..=7).map(|i| format!("{i};x\r\n")).collect();
    flow.put("a.csv", format!("id;value\r\n{file}"))?;
    flow.receiver.next(vec![Manner::Status(500); 7]);
    let run = flow.start().await?;
    flow.waiting_batches(&run).await?;
    let path = format!("/v1/deliveries?target={}", flow.target);
    let mut seen: Vec<String> = Vec::new();
    let mut page = flow.api.get(&format!("{path}&limit=2")).await?;
    loop {
        let items = page["items"].as_array().context("items")?;
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(id));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        page = flow.api.get(&format!("{path}&limit=2&cursor={cursor}")).await?;
    }
    let mut all: Vec<_> = (1..=7).map(|i| format!("{run}-{i}-0")).collect();
    all.sort();
    seen.sort();
    assert_eq!(seen, all, "each is listed once");
    let waiting = flow.api.call("POST", &format!("/v1/deliveries/{run}-1-0/retry"), &[], None).await?;
    assert_eq!((waiting.status, &waiting.body["code"]), (409, &json!("not_dead")));
    for (query, field) in [
        ("", "target"),
        ("?target=a%23b", "target"),
        ("?target=t&state=LATE", "state"),
        ("?target=t&state=DELIVERED", "state"),
    ] {
        let bad = flow.api.call("GET", &format!("/v1/deliveries{query}"), &[], None).await?;
        assert!(bad.status == 400 && bad.body.to_string().contains(field), "{query}: {}", bad.body);
    }
    flow.let_time_pass(&run).await?;
    let report = flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 7), ("created", 7)]);
    assert!(flow.batches(&report).await?.iter().all(|b| b.state == DeliveryState::Delivered));
    assert_eq!(flow.api.all(&path).await?, Vec::<Value>::new());
    flow.agrees(&[&report]).await
}

#[tokio::test]
async fn a_retry_that_could_send_nothing_leaves_the_batch_to_be_retried_again() -> Result<()> {
    let flow = Flow::new().await?;
    let run = one_batch_dies(&flow).await?;
    let dead = one_owed(&flow, "DEAD").await?;
    let path = format!("/v1/deliveries/{}/retry", id(&dead));
    // Nothing can be mapped: the column is gone from the mapping's point of view.
    flow.change_mapping(|m| m["columns"][1]["from"] = "no such column".into()).await?;
    let failed = flow.ended(&id(&flow.api.post(&path, &json!({})).await?)).await?;
    expect(&failed, "ERROR", &[]);
    assert_eq!(id(&one_owed(&flow, "DEAD").await?), id(&dead), "the target owes it again");
    flow.change_mapping(|m| m["columns"][1]["from"] = "value".into()).await?;
    let retry = flow.ended(&id(&flow.api.post(&path, &json!({})).await?)).await?;
    assert_ne!(retry["id"], failed["id"]);
    expect(&retry, "COMPLETE", &[("read", count(&dead)), ("created", count(&dead))]);
    flow.agrees(&[&run, &failed, &retry]).await
}

#[tokio::test]
async fn a_retry_that_does_not_find_its_records_says_so() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    flow.change_mapping(|m| m["input"]["quote"] = Value::Null).await?;
    flow.put("a.csv", "id;value\r\n1;\"a\r\n2;b\"\r\n")?;
    flow.receiver.next(vec![Manner::Status(500); 2]);
    let run = flow.run().await?;
    expect(&run, "ERROR", &[("read", 2), ("errors", 2)]);
    let dead = one_owed(&flow, "DEAD").await?;
    // With quotes, the two lines are one record.
    flow.change_mapping(|m| m["input"]["quote"] = "\"".into()).await?;
    let retry = flow.api.post(&format!("/v1/deliveries/{}/retry", id(&dead)), &json!({})).await?;
    let retry = flow.ended(&id(&retry)).await?;
    expect(&retry, "PARTIAL", &[("read", 2), ("created", 1), ("errors", 1)]);
    expect_failure(&retry, "mapping", "retry_incomplete", false, &["1 of the 2 records", "rerun"]);
    assert_eq!(
        in_short(&flow.records(&retry).await?[1]),
        "3 error retry_incomplete -",
        "it stays in a report"
    );
    flow.agrees(&[&run, &retry]).await
}

#[tokio::test]
async fn under_park_an_answer_that_cannot_be_used_is_no_reason_to_send_again() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_target(|t| t["on_unknown"] = "park".into()).await?;
    let manners = [
        Manner::Answer(r#"{"results": [{"source_id": "other", "result": "created"}]}"#.into()),
        Manner::Status(504),
    ];
    for (i, manner) in manners.into_iter().enumerate() {
        flow.receiver.next([manner]);
        flow.put("a.csv", format!("id;value\r\n{i};x\r\n"))?;
        let run = flow.start().await?;
        let unknown = one_owed(&flow, "UNKNOWN").await?;
        flow.stack.tick().await?;
        assert_eq!(flow.receiver.requests().len(), i + 1, "{unknown}");
        flow.api.post(&format!("/v1/deliveries/{}/confirm", id(&unknown)), &json!({})).await?;
        expect(&flow.ended(&run).await?, "COMPLETE", &[("read", 1), ("created", 1)]);
    }
    Ok(())
}

#[tokio::test]
async fn a_retry_after_of_years_does_not_hold_the_connection_for_years() -> Result<()> {
    let flow = Flow::new().await?;
    flow.receiver.next([Manner::RetryAfter(503, "4000000000".into())]);
    flow.put("a.csv", THREE)?;
    let run = flow.run().await?;
    expect(&run, "ERROR", &[("read", 3), ("errors", 3)]);
    assert_eq!(flow.records(&run).await?[0]["reason"], "expired");
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_retry_that_is_cancelled_before_it_sends_leaves_the_batch_to_be_retried_again() -> Result<()> {
    let flow = Flow::new().await?;
    let run = one_batch_dies(&flow).await?;
    let dead = one_owed(&flow, "DEAD").await?;
    // Admitted without a message: no function has it when it is cancelled.
    let table = flow.stack.table().await?;
    let name: BatchName = id(&dead).parse()?;
    let batch = table.batch(&flow.account, &name).await?.context("the batch")?;
    let of_old = table.run(&flow.account, &name.run).await?.context("its run")?;
    let retry_id = derived("run", &[&flow.account, "cancelled retry"]);
    let mut retry = Run::queued(retry_id, &flow.account, &flow.connection, Trigger::Manual, now());
    (retry.inputs, retry.inputs_complete, retry.rerun_of) = (of_old.inputs, true, Some(name.run.clone()));
    retry.retry_of = Some(RetryOf {
        run: name.run.clone(),
        first_ordinal: name.first_ordinal,
        part: name.part,
        owed_by: keys::owed_by(&flow.account, &flow.target, &batch.id),
        object: batch.object,
    });
    assert_eq!(table.admit(&retry, None).await?, Admission::Admitted);
    assert_eq!(owed(&flow, "DEAD").await?, Vec::<Value>::new());
    let cancelled = flow.api.post(&format!("/v1/runs/{}/cancel", retry.id), &json!({})).await?;
    assert_eq!(cancelled["status"], "CANCELLED");
    assert_eq!(id(&one_owed(&flow, "DEAD").await?), id(&dead), "the target owes it again");
    let again = flow.api.post(&format!("/v1/deliveries/{}/retry", id(&dead)), &json!({})).await?;
    let again = flow.ended(&id(&again)).await?;
    expect(&again, "COMPLETE", &[("read", count(&dead)), ("created", count(&dead))]);
    let cancelled = flow.api.get(&format!("/v1/runs/{}", retry.id)).await?;
    flow.agrees(&[&run, &cancelled, &again]).await
}
