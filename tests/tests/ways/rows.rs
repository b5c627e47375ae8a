//! What rows, leases and caches do.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use serde_json::{Value, json};
use shared::{keys, message::PullMessage};
use tests::{
    faults::{
        plan::Mode,
        promises::{FILE, Left},
        sweep::Path,
    },
    flow::Flow,
    report::expect,
    rows::past_ms,
    wait::until,
};

use super::{ends_well, point, survives, world};

/// Answers as if the table had not got round to any key.
fn processes_nothing(request: &Value) -> Value {
    json!({ "Responses": {}, "UnprocessedKeys": request["RequestItems"] })
}

#[tokio::test]
async fn way_04_keys_of_the_ledger_that_were_not_processed_are_asked_for_again() -> Result<()> {
    let unprocessed = Mode::AnsweredWith(processes_nothing);
    let mut world = world("sftp-pull", point("dynamodb:BatchGetItem", 2, unprocessed)).await?;
    world.admit(true).await?;
    world.run_out().await?;
    // The file comes back as it was: the ledger knows it, if it is asked until it answers.
    std::fs::rename(world.folder.join("done").join(FILE), world.folder.join(FILE))?;
    world.admit(false).await?;
    world.run_out().await?;
    assert_eq!(world.plan.counts()["dynamodb:BatchGetItem"], 3);
    let left = Left::of(&world).await?;
    assert_eq!(left.runs.iter().map(|run| run.inputs.len()).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(world.receiver.taken()?.len(), 4);
    world.end().await
}

#[tokio::test]
async fn way_04_rows_of_a_buffer_that_were_not_processed_are_asked_for_again() -> Result<()> {
    for occurrence in [1, 2] {
        let unprocessed = Mode::AnsweredWith(processes_nothing);
        survives(Path::Push, "dynamodb:BatchGetItem", occurrence, unprocessed).await?;
    }
    Ok(())
}

#[tokio::test]
async fn way_08_a_second_pull_of_a_run_leaves_it_to_the_first() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_connection(|c| c["source"]["settle_secs"] = 4.into()).await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n2;b\r\n")?;
    let run = flow.start().await?;
    let (rows, key) = (flow.stack.rows().await?, keys::run(&flow.account, &run));
    let is_running = async || Ok((rows.get(&key).await?["status"] == "RUNNING").then_some(()));
    until("the first pull", Duration::from_secs(20), is_running).await?;
    let message = serde_json::to_value(PullMessage::run(&flow.account, &run))?;
    let failed = flow.stack.hand_over("sftp-pull", &[message.clone(), message]).await?;
    assert!(failed.is_empty(), "{failed:?}");
    let row = rows.get(&key).await?;
    assert_eq!((&row["status"], &row["epoch"]), (&json!("RUNNING"), &json!(1)), "the first goes on");
    let report = flow.ended(&run).await?;
    expect(&report, "COMPLETE", &[("read", 2), ("created", 2)]);
    assert_eq!(flow.receiver.requests().len(), 1);
    flow.agrees(&[&report]).await
}

#[tokio::test]
async fn way_20_a_secret_that_was_changed_counts_at_once_in_a_warm_function() -> Result<()> {
    let flow = Flow::new().await?;
    for (token, file) in [("receiver-token", "a.csv"), ("the-new-token", "b.csv")] {
        flow.change_target(|t| t["auth"]["bearer_token"] = token.into()).await?;
        flow.put(file, format!("id;value\r\n1;{file}\r\n"))?;
        flow.run().await?;
        let requests = flow.receiver.requests();
        let last = &requests.last().map(|r| r["headers"]["authorization"].clone());
        assert_eq!(*last, Some(format!("Bearer {token}").into()));
    }
    Ok(())
}

#[tokio::test]
async fn way_22_rows_that_are_past_their_time_and_still_there_count_as_they_stand() -> Result<()> {
    let mut world = world("sftp-pull", None).await?;
    let run = world.admit(true).await?;
    world.pull_next().await?;
    for batch in world.table.batches(world.account(), &run.id).await? {
        let key = keys::batch(world.account(), &run.id, batch.first_ordinal, batch.part);
        assert!(world.rows.get(&key).await?["expires_at"].is_i64(), "a staged batch has an end");
        world.rows.edit(&key, json!({ "expires_at": past_ms() / 1000 - 86_400 })).await?;
    }
    ends_well(world).await
}

#[test]
fn way_23_the_rows_of_one_account_and_of_one_run_are_spread_over_all_shards() {
    let of_run = (0..3200).map(|n| keys::batch("acme", "run_1", n, 0));
    let of_account = (0..3200).map(|n| keys::run("acme", &format!("run_{n}")));
    for keys in [of_run.collect::<Vec<_>>(), of_account.collect()] {
        let mut shards: BTreeMap<String, u32> = BTreeMap::new();
        for key in &keys {
            *shards.entry(keys::due_shard(key)).or_default() += 1;
        }
        assert_eq!(shards.len(), 32);
        assert!(shards.values().all(|rows| (50..200).contains(rows)), "{shards:?}");
    }
}
