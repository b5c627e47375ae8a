//! What targets do to deliveries: fail, hang, disappear, answer in part; and what the hub makes of it.

use anyhow::Result;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use shared::{
    delivery::DeliveryState,
    keys,
    message::{DeliveryMessage, PullMessage},
};
use tests::{
    api::id,
    flow::{Flow, RUN_SECS},
    receiver::Manner,
    report::{expect, expect_failure, in_short},
    stack::Stack,
    wait::until,
};
use tokio::net::TcpListener;

const THREE: &str = "id;value\r\n1;a\r\n2;b\r\n3;c\r\n";

/// The Idempotency-Keys of all requests, in the order in which they came.
fn keys_of(flow: &Flow) -> Vec<String> {
    let key = |r: &Value| r["headers"]["idempotency-key"].as_str().unwrap_or_default().to_string();
    flow.receiver.requests().iter().map(key).collect()
}

#[tokio::test]
async fn a_target_that_answers_500_gets_the_batch_again_under_the_same_id() -> Result<()> {
    let flow = Flow::new().await?;
    flow.receiver.next([Manner::Status(500), Manner::Status(503)]);
    flow.put("a.csv", THREE)?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    let batch = flow.batches(&run).await?.remove(0);
    assert_eq!((batch.attempts, batch.state), (3, DeliveryState::Delivered));
    assert_eq!(keys_of(&flow), [batch.id.as_str(); 3]);
    let bodies: Vec<_> = flow.receiver.requests().iter().map(|r| r["body"].to_string()).collect();
    assert!(bodies.iter().all(|b| *b == bodies[0]), "the body is the same to the byte");
    assert_eq!(
        flow.receiver.requests()[0]["body"]["records"][2],
        json!({"source_id": "3", "action": "create", "data": {"id": "3", "value": "c"}})
    );
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn way_21_a_target_that_hangs_is_given_up_on_in_time_and_tried_again() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.change_target(|t| t["timeout_secs"] = 1.into()).await?;
    flow.receiver.next([Manner::Hang]);
    flow.put("a.csv", THREE)?;
    let run = flow.start().await?;
    let failed = flow.waiting_batches(&run).await?.remove(0);
    assert_eq!(failed.last_error.as_deref(), Some("the target did not answer in 1 s"));
    flow.let_time_pass(&run).await?;
    let run = flow.ended(&run).await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    assert_eq!(flow.batches(&run).await?[0].attempts, 2);
    assert_eq!(keys_of(&flow), [failed.id.as_str(); 2]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_target_that_is_down_gets_everything_once_it_is_back() -> Result<()> {
    let mut flow = Flow::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([2, 2, 2, 2, 2])).await?;
    flow.receiver.stop().await;
    flow.put("a.csv", format!("{THREE};no key\r\n"))?;
    let run = flow.start().await?;
    let report = until("a failed attempt in the report", RUN_SECS, async || {
        let report = flow.api.get(&format!("/v1/runs/{run}")).await?;
        Ok(report["deliveries"]["last_error"].is_string().then_some(report))
    })
    .await?;
    expect(&report, "DELIVERING", &[("read", 4), ("owed", 3), ("errors", 1)]);
    let deliveries = &report["deliveries"];
    assert!(deliveries["last_error"].to_string().contains("cannot be reached"), "{report}");
    assert!(
        deliveries["next_attempt_at"].is_string() && deliveries["attempts"].as_u64() >= Some(1),
        "{report}"
    );
    // What is settled already can be read meanwhile.
    let so_far = flow.api.get(&format!("/v1/runs/{run}/records")).await?;
    let items = so_far["items"].as_array().map(|items| items.iter().map(in_short).collect::<Vec<_>>());
    assert_eq!((&so_far["complete"], items), (&json!(false), Some(vec!["5 error empty_key id".to_string()])));
    flow.receiver.listen().await?;
    let run = flow.ended(&run).await?;
    expect(&run, "PARTIAL", &[("read", 4), ("created", 3), ("errors", 1)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn what_cannot_be_delivered_is_an_error_and_the_next_run_sends_it_again() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([1, 1])).await?;
    flow.change_connection(|c| c["target"]["batch_size"] = 2.into()).await?;
    flow.put("a.csv", THREE)?;
    // Three attempts a batch, two batches: all fail.
    flow.receiver.next(vec![Manner::Status(502); 6]);
    let error = flow.run().await?;
    expect(&error, "ERROR", &[("read", 3), ("errors", 3)]);
    expect_failure(&error, "target", "every_record_failed", true, &["took no record", "rerun"]);
    for record in flow.records(&error).await? {
        assert_eq!((&record["reason"], &record["processor"]), (&json!("undeliverable"), &json!("create")));
        assert!(record["detail"].to_string().contains("the target answered 502"), "{record}");
    }
    let batches = flow.batches(&error).await?;
    assert!(batches.iter().all(|b| b.state == DeliveryState::Dead && b.attempts == 3), "{batches:?}");

    // The same file again: the state did not move, so all of it goes again, and then none of it.
    flow.put("a.csv", THREE)?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.put("a.csv", THREE)?;
    let third = flow.run().await?;
    expect(&third, "COMPLETE", &[]);
    flow.agrees(&[&error, &second, &third]).await
}

#[tokio::test]
async fn a_run_of_which_one_batch_could_not_be_delivered_is_partial() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([1])).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 1), ("created", 1)]);
    // A record fails for good; an error of mapping and an unchanged record stand beside it.
    flow.put("a.csv", "id;value\r\n1;a\r\n2;b\r\n;no key\r\n")?;
    flow.receiver.next(vec![Manner::Status(500); 2]);
    let second = flow.run().await?;
    expect(&second, "PARTIAL", &[("read", 3), ("unchanged", 1), ("errors", 2)]);
    let records = flow.records(&second).await?;
    assert_eq!(
        records.iter().map(in_short).collect::<Vec<_>>(),
        ["2 unchanged - -", "3 error undeliverable -", "4 error empty_key id"]
    );
    // What was not acknowledged goes again with the next file, and by a rerun.
    let rerun = flow.rerun(&second).await?;
    expect(&rerun, "PARTIAL", &[("read", 3), ("unchanged", 1), ("created", 1), ("errors", 1)]);
    flow.agrees(&[&first, &second, &rerun]).await
}

#[tokio::test]
async fn a_target_that_hangs_up_after_taking_gets_the_same_id_again_and_takes_once() -> Result<()> {
    let flow = Flow::new().await?;
    flow.receiver.next([Manner::TakeAndHangUp, Manner::TakeAndHangUp]);
    flow.put("a.csv", THREE)?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    let batch = flow.batches(&run).await?.remove(0);
    assert_eq!(keys_of(&flow), [batch.id.as_str(); 3]);
    assert_eq!(flow.receiver.taken()?.len(), 3);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn answers_record_by_record_are_reported_with_the_targets_ids() -> Result<()> {
    let flow = Flow::new().await?;
    flow.receiver.next([Manner::TakeEach, Manner::TakeEach]);
    flow.put("a.csv", THREE)?;
    let first = flow.run().await?;
    expect(&first, "COMPLETE", &[("read", 3), ("created", 3)]);
    for record in flow.records(&first).await? {
        assert_eq!(record["target_id"], format!("t-{}", record["source_id"].as_str().unwrap_or_default()));
    }
    flow.put("a.csv", "id;value\r\n1;a\r\n2;changed\r\n")?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 2), ("updated", 1), ("unchanged", 1)]);
    let records = flow.records(&second).await?;
    // The id that the target told is kept with the state, and reported for what was not sent too.
    assert_eq!((&records[0]["target_id"], &records[1]["target_id"]), (&json!("t-1"), &json!("t-2")));
    flow.agrees(&[&first, &second]).await
}

#[tokio::test]
async fn way_28_records_that_an_answer_leaves_out_go_again_under_an_id_of_their_own() -> Result<()> {
    let flow = Flow::new().await?;
    let left_out = |ids: &[&str]| Manner::LeaveOut(ids.iter().map(|id| id.to_string()).collect());
    flow.receiver.next([left_out(&["1", "3"]), left_out(&["3"]), Manner::TakeEach]);
    flow.put("a.csv", THREE)?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    let sent: Vec<Vec<_>> = flow
        .receiver
        .requests()
        .iter()
        .map(|r| {
            r["body"]["records"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|r| r["source_id"].to_string())
                .collect()
        })
        .collect();
    assert_eq!(sent, [vec![r#""1""#, r#""2""#, r#""3""#], vec![r#""1""#, r#""3""#], vec![r#""3""#]]);
    let mut ids = keys_of(&flow);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each under its own id");
    assert_eq!(run["batches_total"], 3);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn way_28_an_answer_with_unusable_results_is_no_success() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.put("a.csv", THREE)?;
    let cut = r#"{"results": [{"source_id": "1", "result": "created"}, {"source_"#;
    flow.receiver.next([
        Manner::LeaveOut(["1", "2", "3"].map(str::to_string).to_vec()),
        Manner::Answer(cut.into()),
        Manner::Answer(r#"{"results": [{"source_id": "1", "result": "perhaps"}]}"#.into()),
    ]);
    let run = flow.start().await?;
    for attempt in 1..=2 {
        let failed = until(&format!("the end of attempt {attempt}"), RUN_SECS, async || {
            let batch = flow.waiting_batches(&run).await?.remove(0);
            Ok((batch.attempts == attempt).then_some(batch))
        })
        .await?;
        let error = failed.last_error.unwrap_or_default();
        assert!(error.contains("results that name none of the batch's 3 records"), "{error}");
        flow.let_time_pass(&run).await?;
    }
    let run = flow.ended(&run).await?;
    expect(&run, "ERROR", &[("read", 3), ("errors", 3)]);
    let keys = keys_of(&flow);
    assert_eq!(keys, [keys[0].as_str(); 3], "the same batch each time, not a part of it");
    let rerun = flow.rerun(&run).await?;
    expect(&rerun, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.agrees(&[&run, &rerun]).await
}

#[tokio::test]
async fn records_that_the_target_refuses_are_errors_and_go_again_with_the_next_file() -> Result<()> {
    let flow = Flow::new().await?;
    flow.receiver.next([Manner::Refuse(vec!["2".into()])]);
    flow.put("a.csv", THREE)?;
    let first = flow.run().await?;
    expect(&first, "PARTIAL", &[("read", 3), ("created", 2), ("errors", 1)]);
    let record = flow.records(&first).await?.remove(1);
    assert_eq!(in_short(&record), "3 error refused_by_target -");
    assert_eq!(record["detail"], "no such department");
    flow.put("a.csv", format!("{THREE}4;d\r\n"))?;
    let second = flow.run().await?;
    expect(&second, "COMPLETE", &[("read", 4), ("created", 2), ("unchanged", 2)]);
    flow.agrees(&[&first, &second]).await
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.receiver.next([Manner::Redirect(flow.receiver.url())]);
    flow.put("a.csv", THREE)?;
    let run = flow.start().await?;
    let failed = flow.waiting_batches(&run).await?.remove(0);
    assert!(failed.last_error.as_ref().is_some_and(|e| e.contains("302")), "{failed:?}");
    assert_eq!(flow.receiver.requests().len(), 1);
    flow.let_time_pass(&run).await?;
    let run = flow.ended(&run).await?;
    expect(&run, "COMPLETE", &[("read", 3), ("created", 3)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn each_way_to_prove_who_the_hub_is_arrives_and_no_answer_of_the_api_shows_it() -> Result<()> {
    const SECRETS: [&str; 3] = ["bearer-s3cret", "basic-s3cret", "header-s3cret"];
    let flow = Flow::new().await?;
    let basic = format!("Basic {}", STANDARD.encode("hub:basic-s3cret"));
    let ways = [
        (json!({ "bearer_token": SECRETS[0] }), "authorization", "Bearer bearer-s3cret"),
        (json!({ "user": "hub", "password": SECRETS[1] }), "authorization", basic.as_str()),
        (json!({ "header_name": "X-Api-Key", "header_value": SECRETS[2] }), "x-api-key", SECRETS[2]),
    ];
    let mut runs = Vec::new();
    for (n, (auth, header, value)) in ways.into_iter().enumerate() {
        flow.change_target(|t| t["auth"] = auth).await?;
        flow.put("a.csv", format!("id;value\r\n1;{n}\r\n"))?;
        // Told to fail once, so that errors are shown too.
        flow.receiver.next([Manner::Status(401)]);
        runs.push(flow.run().await?);
        let requests = flow.receiver.requests();
        let headers = &requests[requests.len() - 1]["headers"];
        assert_eq!(headers[header], value, "{headers}");
        assert_eq!(headers["content-type"], "application/json");
        assert!(header == "authorization" || headers["authorization"].is_null(), "{headers}");
    }
    let mut shown = String::new();
    for path in ["target-servers", "connections", "mappings", "schedules", "runs"] {
        for item in flow.api.all(&format!("/v1/{path}")).await? {
            shown += &item.to_string();
            shown += &flow.api.get(&format!("/v1/{path}/{}", id(&item))).await?.to_string();
        }
    }
    assert!(shown.contains("(set)") && shown.contains("X-Api-Key"));
    let key = flow.server.target_server(&flow.folder)["auth"]["private_key"]
        .as_str()
        .unwrap_or_default()
        .to_string();
    let in_key = key.lines().nth(1).unwrap_or("no key");
    for secret in SECRETS.iter().chain([&in_key, &"sealed:"]) {
        assert!(!shown.contains(secret), "the API shows {secret}");
    }
    // Nor do rows hold one in the open.
    let settings = flow.stack.rows().await?.partition(&keys::account(&flow.account).pk).await?;
    let own: String = settings.iter().map(Value::to_string).collect();
    assert!(own.contains("sealed:v1:"));
    for secret in SECRETS.iter().chain([&in_key]) {
        assert!(!own.contains(secret), "a row holds {secret}");
    }
    flow.agrees(&runs.iter().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn an_attempt_that_is_far_off_is_made_once_its_time_has_come() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.receiver.next([Manner::Status(503)]);
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let run = flow.start().await?;
    let batch = flow.waiting_batches(&run).await?.remove(0);
    // A message before its time changes nothing.
    let early = DeliveryMessage::batch(&flow.account, &run, batch.first_ordinal, batch.part);
    assert!(flow.stack.hand_over("deliver", &[serde_json::to_value(early)?]).await?.is_empty());
    assert_eq!(flow.receiver.requests().len(), 1);
    flow.let_time_pass(&run).await?;
    let run = flow.ended(&run).await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.agrees(&[&run]).await
}

/// Puts a message on a queue `times` times, to be received after `delay_secs`.
async fn send(stack: &Stack, queue: &str, message: &Value, times: usize, delay_secs: i32) -> Result<()> {
    let (client, url) = stack.queue(queue).await?;
    for _ in 0..times {
        let send = client.send_message().queue_url(&url).message_body(message.to_string());
        send.delay_seconds(delay_secs).send().await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_same_messages_three_times_are_one_run_and_one_take() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_target(|t| t["retry_secs"] = json!([4])).await?;
    flow.put("a.csv", THREE)?;
    flow.receiver.next([Manner::Status(500)]);
    let run = flow.start().await?;
    let pulls = serde_json::to_value(PullMessage::run(&flow.account, &run))?;
    send(&flow.stack, "pulls", &pulls, 3, 0).await?;
    let batch = flow.waiting_batches(&run).await?.remove(0);
    let deliveries = DeliveryMessage::batch(&flow.account, &run, batch.first_ordinal, batch.part);
    let deliveries = serde_json::to_value(deliveries)?;
    // All come once the second attempt is due, and at once.
    send(&flow.stack, "deliveries", &deliveries, 3, 4).await?;
    let report = flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 3), ("created", 3)]);
    // And again when all is over.
    for (function, message) in [("sftp-pull", &pulls), ("deliver", &deliveries)] {
        let failed = flow.stack.hand_over(function, &vec![message.clone(); 3]).await?;
        assert!(failed.is_empty(), "{function} failed messages that say nothing new: {failed:?}");
    }
    assert_eq!(flow.receiver.requests().len(), 2, "one that failed, and one that was taken");
    assert_eq!(flow.batches(&report).await?[0].attempts, 2);
    let after = flow.api.get(&format!("/v1/runs/{run}")).await?;
    assert_eq!(after, report, "the report is as it was");
    assert_eq!(flow.api.all(&format!("/v1/runs?connection={}", flow.connection)).await?.len(), 1);
    flow.agrees(&[&report]).await
}

/// Lets the account dial these networks only.
async fn allow(flow: &Flow, networks: &[&str]) -> Result<()> {
    let account = keys::account(&flow.account);
    flow.stack.rows().await?.edit(&account, json!({ "allowed_networks": networks })).await
}

/// Says whether anyone has dialled the listener.
async fn was_dialled(listener: &TcpListener) -> bool {
    tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await.is_ok()
}

#[tokio::test]
async fn a_source_at_an_address_that_the_account_may_not_dial_is_not_dialled() -> Result<()> {
    let flow = Flow::new().await?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    allow(&flow, &[]).await?;
    let mut runs = Vec::new();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        flow.change_source(|s| s["address"] = format!("{host}:{port}").into()).await?;
        let run = flow.run().await?;
        expect(&run, "ERROR", &[]);
        expect_failure(
            &run,
            "source",
            "address_refused",
            false,
            &["not a public address", "allowed_networks"],
        );
        runs.push(run);
    }
    assert!(!was_dialled(&listener).await);
    flow.agrees(&runs.iter().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn a_target_at_an_address_that_the_account_may_not_dial_is_not_dialled() -> Result<()> {
    let flow = Flow::new().await?;
    // The source may be dialled, at 127.0.0.1; the target's addresses may not.
    let listener = TcpListener::bind(("127.0.0.2", 0)).await?;
    let port = listener.local_addr()?.port();
    allow(&flow, &["127.0.0.1/32"]).await?;
    flow.put("a.csv", THREE)?;
    let refused = async |run: &Value| -> Result<()> {
        expect(run, "ERROR", &[("read", 3), ("errors", 3)]);
        expect_failure(run, "target", "every_record_failed", true, &[]);
        let record = flow.records(run).await?.remove(0);
        assert_eq!(record["reason"], "undeliverable");
        assert!(record["detail"].to_string().contains("allowed_networks do not name it"), "{record}");
        Ok(())
    };
    flow.change_target(|t| {
        t["address"] = format!("http://127.0.0.2:{port}/records").into();
        t["retry_secs"] = json!([1]);
    })
    .await?;
    let first = flow.run().await?;
    refused(&first).await?;
    // A name is judged by what it resolves to. A rerun needs no source.
    allow(&flow, &[]).await?;
    let local = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = local.local_addr()?.port();
    flow.change_target(|t| t["address"] = format!("http://localhost:{port}/records").into()).await?;
    let second = flow.rerun(&first).await?;
    refused(&second).await?;
    assert!(!was_dialled(&listener).await && !was_dialled(&local).await);
    flow.agrees(&[&first, &second]).await
}
