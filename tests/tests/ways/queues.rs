//! What queues do to messages.

use anyhow::Result;
use serde_json::{Value, json};
use shared::{
    aws::Table,
    delivery::DeliveryState,
    keys,
    message::{DeliveryMessage, PullMessage},
};
use tests::faults::{
    plan::Mode,
    promises::{FILE, Left},
};

use super::{ends_well, point, world};

#[tokio::test]
async fn way_01_a_run_that_was_admitted_and_whose_message_was_not_sent_is_woken() -> Result<()> {
    let mut world = world("dispatch", point("sqs:SendMessageBatch", 1, Mode::Fails)).await?;
    world.tick().await;
    assert!(world.plan.is_reached());
    assert_eq!(Left::of(&world).await?.runs.len(), 1, "the run is written");
    assert_eq!(world.messages().await?, 0, "and its message is not sent");
    ends_well(world).await
}

#[tokio::test]
async fn way_01_batches_that_were_released_and_whose_messages_were_not_sent_are_woken() -> Result<()> {
    let mut world = world("sftp-pull", point("sqs:SendMessageBatch", 1, Mode::Fails)).await?;
    let run = world.admit(true).await?;
    world.pull_next().await?;
    assert!(world.plan.is_reached());
    assert_eq!(world.table.batches(world.account(), &run.id).await?.len(), 2, "the batches are written");
    assert_eq!(world.messages().await?, 0, "and their messages are not sent");
    ends_well(world).await
}

/// Answers as if the queue had taken the first message and left out the rest.
pub(super) fn takes_the_first(request: &Value) -> Value {
    let ids: Vec<_> = request["Entries"].as_array().into_iter().flatten().map(|e| e["Id"].clone()).collect();
    let failed = |id: &Value| json!({ "Id": id, "Code": "InternalError", "SenderFault": false });
    json!({
        "Successful": [{ "Id": ids[0], "MessageId": "1", "MD5OfMessageBody": "-" }],
        "Failed": ids[1..].iter().map(failed).collect::<Vec<_>>(),
    })
}

#[tokio::test]
async fn way_03_what_a_message_batch_left_out_is_sent_again_and_only_that() -> Result<()> {
    let leaves_out = Mode::AnsweredWith(takes_the_first);
    let mut world = world("sftp-pull", point("sqs:SendMessageBatch", 1, leaves_out)).await?;
    let run = world.admit(true).await?;
    world.pull_next().await?;
    assert_eq!(world.plan.counts()["sqs:SendMessageBatch"], 2);
    let sent = world.receive(&world.deliveries, 10).await?;
    let second = DeliveryMessage::batch(world.account(), &run.id, 4, 0);
    let bodies: Vec<_> = sent.iter().filter_map(|m| m.body.clone()).collect();
    assert_eq!(bodies, [serde_json::to_string(&second)?]);
    // What was received here is lost, and so is the first: the run is due.
    world.lose_received(&world.deliveries, sent).await?;
    ends_well(world).await
}

#[tokio::test]
async fn way_05_an_error_on_item_7_of_10_fails_that_item_and_delivers_the_rest() -> Result<()> {
    let mut world = world("deliver", None).await?;
    let lines: String = (1..=20).map(|id| format!("{id};a;\r\n")).collect();
    world.put(FILE, format!("id;value;padding\r\n{lines}"))?;
    let run = world.admit(true).await?;
    world.pull_next().await?;
    let batches = world.table.batches(world.account(), &run.id).await?;
    assert_eq!(batches.len(), 10);
    // A row that cannot be read is nothing that the handler knows an answer to.
    let seventh = keys::batch(world.account(), &run.id, batches[6].first_ordinal, batches[6].part);
    world.rows.edit(&seventh, json!({ "records": "rubbish" })).await?;
    let body = |b: &shared::delivery::Batch| {
        serde_json::to_string(&DeliveryMessage::batch(&b.account, &b.run, b.first_ordinal, b.part))
    };
    let bodies = batches.iter().map(body).collect::<Result<Vec<_>, _>>()?;
    assert_eq!(world.hand_over("deliver", &bodies).await?, ["6"]);
    assert_eq!(world.receiver.taken()?.len(), 18);
    world.rows.edit(&seventh, json!({ "records": batches[6].records })).await?;
    world.run_out().await?;
    assert_eq!(world.receiver.taken()?.len(), 20, "and nothing twice");
    assert!(Left::of(&world).await?.is_whole(&world));
    world.end().await
}

#[tokio::test]
async fn way_09_a_message_whose_receives_are_burnt_only_delays_its_run() -> Result<()> {
    let world = world("sftp-pull", None).await?;
    world.admit(true).await?;
    for _ in 0..5 {
        let throttled = world.receive(&world.pulls, 1).await?;
        assert_eq!(throttled.len(), 1);
        world.give_back(&world.pulls, throttled).await?;
    }
    assert!(world.receive(&world.pulls, 1).await?.is_empty());
    assert_eq!(world.depth(&world.pulls.dead_letters).await?, 1);
    world.setting.sqs.purge_queue().queue_url(&world.pulls.dead_letters).send().await?;
    ends_well(world).await
}

#[tokio::test]
async fn way_10_messages_that_come_again_under_other_ids_do_nothing_twice() -> Result<()> {
    let mut world = world("deliver", None).await?;
    let run = world.admit(true).await?;
    world.pull_next().await?;
    let bodies: Vec<_> =
        world.receive(&world.deliveries, 10).await?.into_iter().filter_map(|m| m.body).collect();
    assert_eq!(bodies.len(), 2);
    let again = [bodies.clone(), bodies.clone()].concat();
    assert!(world.hand_over("deliver", &again).await?.is_empty());
    assert_eq!(world.receiver.requests().len(), 2, "each batch was sent once");
    world.setting.sqs.purge_queue().queue_url(&world.deliveries.url).send().await?;
    world.run_out().await?;
    let pull = serde_json::to_string(&PullMessage::run(world.account(), &run.id))?;
    assert!(world.hand_over("sftp-pull", &[pull.clone(), pull]).await?.is_empty());
    assert!(world.hand_over("deliver", &again).await?.is_empty());
    assert_eq!(world.receiver.requests().len(), 2);
    ends_well(world).await
}

#[tokio::test]
async fn way_11_with_every_first_message_lost_for_good_nothing_is_lost() -> Result<()> {
    let mut world = world("sftp-pull", None).await?;
    let run = world.admit(true).await?;
    assert_eq!(world.lose_messages().await?, 1, "the run's");
    world.next_minute().await?;
    assert!(world.pull_next().await?);
    assert_eq!(world.lose_messages().await?, 2, "the batches'");
    world.next_minute().await?;
    assert!(world.pull_next().await?);
    while world.deliver_next(10).await? {}
    let is_delivered = |table: Table, account: String| async move {
        let batches = table.batches(&account, &run.id).await?;
        anyhow::Ok(batches.iter().all(|b| b.state == DeliveryState::Delivered))
    };
    assert!(is_delivered(world.table.clone(), world.account().into()).await?);
    assert_eq!(world.lose_messages().await?, 1, "the one that says that all are final");
    ends_well(world).await
}

#[test]
fn way_12_no_message_can_be_too_large() -> Result<()> {
    // Ids are at most 80 characters: shared::id::is_id.
    let id = "x".repeat(80);
    assert!(shared::id::is_id(&id) && !shared::id::is_id(&(id.clone() + "x")));
    let largest = serde_json::to_string(&DeliveryMessage::batch(&id, &id, u64::MAX, u32::MAX))?;
    assert!(largest.len() < 512, "{}", largest.len());
    assert!(serde_json::to_string(&PullMessage::run(&id, &id))?.len() < 512);
    Ok(())
}
