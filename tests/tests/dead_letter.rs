//! What the infrastructure dropped is kept, taken up again a few times, and then parked with the cause.

use anyhow::Result;
use serde_json::{Value, json};
use shared::{
    aws::runs::Admission,
    id::{derived, hash128, hex},
    keys,
    message::{DeliveryMessage, PullMessage},
    run::{Run, Trigger},
};
use tests::{
    api::id,
    flow::{Flow, RUN_SECS},
    receiver::Manner,
    report::{expect, expect_failure},
    rows::{now, past_ms},
    wait::until,
};

const THREE: &str = "id;value\r\n1;a\r\n2;b\r\n3;c\r\n";

/// As a row stands before its last dead letter: woken four times, the last a while ago.
fn worn_out() -> Value {
    json!({ "dead_letters": 4, "last_dead_letter_at": "2026-01-01T00:00:00Z" })
}

/// Admits a run of which no message is under way.
async fn admitted(flow: &Flow) -> Result<Run> {
    let run_id = derived("run", &[&flow.account, "test"]);
    let run = Run::queued(run_id, &flow.account, &flow.connection, Trigger::Manual, now());
    assert_eq!(flow.stack.table().await?.admit(&run, None).await?, Admission::Admitted);
    Ok(run)
}

/// Hands `dead-letter` messages as its queue does; none may fail.
async fn hand_over(flow: &Flow, messages: &[Value]) -> Result<()> {
    let failed = flow.stack.hand_over("dead-letter", messages).await?;
    assert!(failed.is_empty(), "{failed:?}");
    Ok(())
}

fn pull_message(flow: &Flow, run: &str) -> Result<Value> {
    Ok(serde_json::to_value(PullMessage::run(&flow.account, run))?)
}

#[tokio::test]
async fn a_poison_message_is_kept_as_it_came_and_takes_no_other_along() -> Result<()> {
    let flow = Flow::new().await?;
    let run = admitted(&flow).await?;
    let poison = json!({ "kind": "nonsense", "of": flow.account });
    hand_over(&flow, &[poison.clone(), pull_message(&flow, &run.id)?, json!(null)]).await?;
    let rows = flow.stack.rows().await?;
    let row = rows.get(&keys::run(&flow.account, &run.id)).await?;
    assert_eq!(row["dead_letters"], 1, "the good message beside it was handled");
    let object = keys::dead_letter_object("unknown", &hex(&hash128(&[&poison.to_string()])));
    let kept = flow.stack.bucket().await?.get(&object).await?;
    assert_eq!(kept.map(|o| o.bytes.to_vec()), Some(poison.to_string().into_bytes()));
    Ok(())
}

#[tokio::test]
async fn what_lies_in_a_dead_letter_queue_is_taken_from_it() -> Result<()> {
    let flow = Flow::new().await?;
    let run = admitted(&flow).await?;
    let (client, url) = flow.stack.queue("pulls_dead_letters").await?;
    client
        .send_message()
        .queue_url(url)
        .message_body(pull_message(&flow, &run.id)?.to_string())
        .send()
        .await?;
    let key = keys::run(&flow.account, &run.id);
    let rows = flow.stack.rows().await?;
    until(
        "the dead letter",
        RUN_SECS,
        async || Ok((rows.get(&key).await?["dead_letters"] == 1).then_some(())),
    )
    .await
}

#[tokio::test]
async fn a_runs_dead_letters_wake_it_later_and_then_end_it_and_free_its_connection() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", THREE)?;
    let run = admitted(&flow).await?;
    let (rows, key) = (flow.stack.rows().await?, keys::run(&flow.account, &run.id));
    let message = pull_message(&flow, &run.id)?;
    hand_over(&flow, std::slice::from_ref(&message)).await?;
    let row = rows.get(&key).await?;
    let wait_ms = row["due"].as_i64().unwrap_or_default() - now().as_millisecond();
    assert!(row["dead_letters"] == 1 && (50_000..=60_000).contains(&wait_ms), "{row}");
    // The same failure left more than one message: they count once.
    hand_over(&flow, &[message.clone(), message.clone()]).await?;
    assert_eq!(rows.get(&key).await?["dead_letters"], 1);
    rows.edit(&key, worn_out()).await?;
    hand_over(&flow, std::slice::from_ref(&message)).await?;
    let ended = flow.api.get(&format!("/v1/runs/{}", run.id)).await?;
    expect(&ended, "ERROR", &[]);
    expect_failure(&ended, "hub", "dead_letter", true, &["5 times", "start a new run"]);
    hand_over(&flow, &[message]).await?;
    assert_eq!(flow.api.get(&format!("/v1/runs/{}", run.id)).await?, ended, "it is as it was");
    let next = flow.run().await?;
    expect(&next, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.agrees(&[&ended, &next]).await
}

#[tokio::test]
async fn a_batchs_dead_letters_end_in_a_dead_batch_that_can_be_retried() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.receiver.next([Manner::Status(503)]);
    flow.put("a.csv", THREE)?;
    let run = flow.start().await?;
    let batch = flow.waiting_batches(&run).await?.remove(0);
    let message = DeliveryMessage::batch(&flow.account, &run, batch.first_ordinal, batch.part);
    let message = serde_json::to_value(message)?;
    let rows = flow.stack.rows().await?;
    let key = keys::batch(&flow.account, &run, batch.first_ordinal, batch.part);
    // Its next attempt is planned: an old message of it says nothing.
    hand_over(&flow, std::slice::from_ref(&message)).await?;
    assert_eq!(rows.get(&key).await?["dead_letters"], 0);
    // A run that still waits for its target is not ended, however often its own message was dropped.
    rows.edit(&keys::run(&flow.account, &run), worn_out()).await?;
    hand_over(&flow, &[pull_message(&flow, &run)?]).await?;
    assert_eq!(flow.api.get(&format!("/v1/runs/{run}")).await?["status"], "DELIVERING");

    let mut change = worn_out();
    change["attempt_at"] = past_ms().into();
    rows.edit(&key, change).await?;
    hand_over(&flow, &[message]).await?;
    let ended = flow.ended(&run).await?;
    expect(&ended, "ERROR", &[("read", 3), ("errors", 3)]);
    assert_eq!(flow.records(&ended).await?[0]["reason"], "dead_letter");
    assert_eq!(flow.receiver.requests().len(), 1, "the attempt of the customer's schedule was not spent");
    let dead = flow.api.all(&format!("/v1/deliveries?target={}&state=DEAD", flow.target)).await?;
    let retry = flow.api.post(&format!("/v1/deliveries/{}/retry", id(&dead[0])), &json!({})).await?;
    let retry = flow.ended(&id(&retry)).await?;
    expect(&retry, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.agrees(&[&ended, &retry]).await
}

#[tokio::test]
async fn a_request_that_dispatch_failed_to_take_becomes_one_run() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", THREE)?;
    let detail = json!({ "account": flow.account, "connection": flow.connection, "scope": "2026" });
    // As Lambda sends it to the destination of an invocation that failed for good.
    let letter = json!({
        "version": "1.0", "timestamp": "2026-11-14T18:16:05.568Z",
        "requestContext": { "requestId": "r", "functionArn": "arn", "condition": "RetriesExhausted", "approximateInvokeCount": 3 },
        "requestPayload": { "version": "0", "id": format!("event-{}", flow.account), "source": "crossdock",
                            "detail-type": "RunRequested", "detail": detail },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "responsePayload": { "errorMessage": "dynamodb:TransactWriteItems failed: timeout" },
    });
    hand_over(&flow, &[letter.clone(), letter]).await?;
    let runs = flow.api.all(&format!("/v1/runs?connection={}", flow.connection)).await?;
    assert_eq!(runs.len(), 1, "{runs:?}");
    let run = flow.ended(&id(&runs[0])).await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert_eq!(run["scope"], "2026");
    flow.agrees(&[&run]).await
}
