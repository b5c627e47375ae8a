//! What goes wrong between a client's post and its target's answer.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use shared::{
    keys,
    message::DeliveryMessage,
    notification::{KeptState, NotificationDelivery, Payload, Posted},
};
use tests::{
    faults::{
        Plan,
        notifications::{
            events::{Event, kept, plain, posted},
            keep,
            promises::{Wanted, hold},
        },
        plan::{Mode, Point},
        setting::Setting,
        sweep::Path,
        world::World,
    },
    rows::{future_ms, now, past_ms},
    wait::until,
};

use super::{point, queues::takes_the_first, survives};

/// A world without a file, in which nothing is due; the calls of `under` are counted.
async fn world(under: &'static str, point: Option<Point>) -> Result<World> {
    World::new(&Setting::new(1).await?, 0, under, Plan::new(point)).await
}

/// Ten that one connection takes.
fn ten(world: &World) -> Vec<Event> {
    (0..10).map(|n| plain(&format!("evt-{n}"), 0, &world.setting.wiring)).collect()
}

/// The messages of events, as the queue has them.
async fn bodies(world: &World, events: &[Event]) -> Result<Vec<String>> {
    let mut bodies = Vec::new();
    for event in events {
        for message in event.messages(world).await? {
            bodies.push(serde_json::to_string(&message)?);
        }
    }
    Ok(bodies)
}

/// Plays on to the end, and holds that these were delivered, with so many requests.
async fn ends_well(mut world: World, events: &[Event], requests: Option<usize>) -> Result<()> {
    world.run_out().await?;
    let mut wanted = Wanted { requests, ..Wanted::default() };
    for event in events {
        wanted.of(&world, event, None);
    }
    hold(&world, &wanted).await?;
    world.end().await
}

#[tokio::test]
async fn way_02_an_event_that_was_queued_and_whose_answer_was_lost_is_delivered_once() -> Result<()> {
    survives(Path::Intake, "sqs:SendMessageBatch", 1, Mode::KilledAfter).await
}

#[tokio::test]
async fn way_03_a_connection_whose_message_was_left_out_is_sent_it_and_only_that() -> Result<()> {
    let leaves_out = Mode::AnsweredWith(takes_the_first);
    let mut world = world("intake", point("sqs:SendMessageBatch", 1, leaves_out)).await?;
    let [of_two, ..] = posted(&world.setting.wiring);
    assert_eq!(world.post(&of_two.id, &of_two.body).await?, 202);
    assert_eq!(world.plan.counts()["sqs:SendMessageBatch"], 2);
    let sent = world.receive(&world.deliveries, 10).await?;
    let connections: Vec<_> = sent.iter().filter_map(|m| connection(m.body.as_deref()?)).collect();
    // The order of the connections in a call is the hub's own; each is sent to once.
    let all: Vec<_> = of_two.takers.iter().map(|taker| taker.connection.clone()).collect();
    assert!(connections.len() == 1 && all.contains(&connections[0]), "{connections:?} of {all:?}");
    world.end().await
}

fn connection(body: &str) -> Option<String> {
    match serde_json::from_str(body) {
        Ok(DeliveryMessage::Posted(posted)) => Some(posted.connection),
        _ => None,
    }
}

#[tokio::test]
async fn way_05_an_error_on_item_7_of_10_fails_that_notification_and_delivers_the_rest() -> Result<()> {
    let mut world = world("deliver", None).await?;
    let events = ten(&world);
    // The row of one whose first holder died. It cannot be read, which is nothing that the handler knows an answer to.
    let row = first_row(&world, &events[6]).await?;
    world.table.claim_first(&row, now(), now()).await?;
    let key = row.name().key(world.account());
    world.rows.edit(&key, json!({ "epoch": "rubbish", "lease_until": past_ms() })).await?;
    let bodies = bodies(&world, &events).await?;
    assert_eq!(world.hand_over("deliver", &bodies).await?, ["6"]);
    assert_eq!(world.endpoint.taken().len(), 9);
    world.rows.edit(&key, json!({ "epoch": 1 })).await?;
    assert!(world.hand_over("deliver", &bodies).await?.is_empty());
    assert_eq!(world.endpoint.hooks().len(), 10, "and nothing twice");
    world.end().await
}

/// The row that the first claim of an event with one taker makes.
async fn first_row(world: &World, event: &Event) -> Result<NotificationDelivery> {
    let DeliveryMessage::Posted(posted) = event.messages(world).await?.remove(0) else {
        anyhow::bail!("an event becomes a notification");
    };
    let mut row = NotificationDelivery::posted(&posted, shared::delivery::DeliveryState::Sending);
    row.attempts = 1;
    Ok(row)
}

#[tokio::test]
async fn way_10_notifications_that_come_again_under_other_ids_are_sent_once() -> Result<()> {
    let mut world = world("deliver", None).await?;
    let events = ten(&world);
    let mut bodies = bodies(&world, &events).await?;
    for _ in 0..2 {
        assert!(world.hand_over("deliver", &bodies).await?.is_empty());
        bodies.reverse(); // the ids are places in the event
    }
    ends_well(world, &events, Some(10)).await
}

#[tokio::test]
async fn way_11_a_dead_letter_that_never_had_a_row_becomes_one_and_is_delivered() -> Result<()> {
    let mut world = world("none", None).await?;
    let (small, large) = (plain("evt-1", 0, &world.setting.wiring), posted(&world.setting.wiring)[1].clone());
    let events = [small, Event { by_bucket: true, ..large }];
    let bodies = bodies(&world, &events).await?;
    for _ in 0..2 {
        assert!(world.hand_over("dead-letter", &bodies).await?.is_empty());
    }
    assert_eq!(world.messages().await?, 0, "no message has it any more");
    for event in &events {
        let row = world.table.notification_delivery(world.account(), &event.deliveries(&world)[0]).await?;
        let row = row.map(|row| (row.due.is_some(), row.object));
        assert_eq!(row, Some((true, Some(event.object(&world)))));
    }
    ends_well(world, &events, Some(2)).await
}

#[tokio::test]
async fn way_12_a_payload_of_4_mib_is_no_part_of_its_message() -> Result<()> {
    let mut world = world("none", None).await?;
    let without = plain("evt-1", 0, &world.setting.wiring).body.len();
    let event = plain("evt-1", 4 * 1024 * 1024 - without, &world.setting.wiring);
    assert_eq!(event.body.len(), 4 * 1024 * 1024);
    world.post_until_accepted(&event).await?;
    let sent = world.receive(&world.deliveries, 10).await?;
    let sizes: Vec<_> = sent.iter().filter_map(|m| Some(m.body.as_ref()?.len())).collect();
    assert!(sizes.len() == 1 && sizes[0] < 2048, "{sizes:?}");
    world.give_back(&world.deliveries, sent).await?;
    let larger = plain("evt-2", event.body.len() - without + 1, &world.setting.wiring);
    assert_eq!(world.post(&larger.id, &larger.body).await?, 413);
    ends_well(world, &[event], Some(1)).await
}

#[test]
fn way_12_a_payload_within_its_message_leaves_room_whatever_its_bytes() -> Result<()> {
    let text = |length| "x".repeat(length);
    // What takes most room in JSON: six bytes each.
    let payload = Payload::inline(&[0; 64 * 1024]);
    let message = DeliveryMessage::Posted(Box::new(Posted {
        v: 1,
        account: text(80),
        notification: text(80),
        connection: text(80),
        target_server: text(80),
        mapping: Some(text(80)),
        source: text(80),
        event_id: text(512),
        event_type: Some(text(512)),
        accepted_at: i64::MAX,
        deliver_until: i64::MAX,
        content_type: text(200),
        body_hash: text(80),
        size_bytes: u64::MAX,
        payload,
    }));
    let size = serde_json::to_vec(&message)?.len();
    assert!(size < 1024 * 1024 / 2, "{size} bytes");
    Ok(())
}

#[tokio::test]
async fn way_20_a_secret_of_a_source_that_has_ended_counts_no_more_in_a_warm_function() -> Result<()> {
    let mut world = world("none", None).await?;
    let key = keys::resource(world.account(), "SOURCE", &world.setting.wiring.source);
    let ends_ms = end(&world, &key, "secrets", 0).await?;
    assert_eq!(world.post("evt-1", b"{}").await?, 202);
    past(ends_ms).await?;
    assert_eq!(world.post("evt-2", b"{}").await?, 401);
    world.end().await
}

#[tokio::test]
async fn way_20_a_signing_secret_that_has_ended_signs_no_more_in_a_warm_function() -> Result<()> {
    let mut world = world("none", None).await?;
    let key = keys::resource(world.account(), "TARGET", &world.setting.wiring.plain.target);
    let ends_ms = end(&world, &key, "signing_secrets", 1).await?;
    let events = [plain("evt-1", 0, &world.setting.wiring), plain("evt-2", 0, &world.setting.wiring)];
    let bodies = bodies(&world, &events).await?;
    assert!(world.hand_over("deliver", &bodies[..1]).await?.is_empty());
    past(ends_ms).await?;
    assert!(world.hand_over("deliver", &bodies[1..]).await?.is_empty());
    let signatures = |hook: &tests::hooks::Hook| hook.headers["webhook-signature"].matches("v1,").count();
    let signatures: Vec<_> = world.endpoint.hooks().iter().map(signatures).collect();
    assert_eq!(signatures, [2, 1]);
    ends_well(world, &events, Some(2)).await
}

/// Has the `n`th of a row's secrets end in some seconds; when, in milliseconds since 1970.
async fn end(world: &World, key: &keys::Key, name: &str, n: usize) -> Result<i64> {
    // Sooner than the function that has it reads it again.
    let ends_ms = future_ms(4);
    let mut secrets: Value = world.rows.get(key).await?[name].clone();
    secrets[n]["ends_at"] = jiff::Timestamp::from_millisecond(ends_ms)?.to_string().into();
    world.rows.edit(key, json!({ name: secrets })).await?;
    Ok(ends_ms)
}

async fn past(ms: i64) -> Result<()> {
    let is_past = async || Ok((now().as_millisecond() > ms).then_some(()));
    until("the secret's end", Duration::from_secs(10), is_past).await
}

#[tokio::test]
async fn way_22_an_event_whose_row_is_past_its_time_and_still_there_is_taken_as_new() -> Result<()> {
    let mut world = world("none", None).await?;
    let first = plain("evt-1", 0, &world.setting.wiring);
    let second = plain("evt-1", 1, &world.setting.wiring);
    world.post_until_accepted(&first).await?;
    world.run_out().await?;
    assert_eq!(world.post(&second.id, &second.body).await?, 409, "within its time it is another event");
    let key = first.deliveries(&world)[0].key(world.account());
    assert!(world.rows.get(&key).await?["expires_at"].is_i64());
    world.rows.edit(&key, json!({ "expires_at": past_ms() / 1000 - 86_400 })).await?;
    world.post_until_accepted(&second).await?;
    world.run_out().await?;
    let sent: Vec<_> = world.endpoint.hooks().into_iter().map(|hook| hook.body.to_vec()).collect();
    assert_eq!(sent, [first.body, second.body]);
    assert_eq!(world.rows.get(&key).await?["state"], "DELIVERED");
    world.end().await
}

#[tokio::test]
async fn way_24_clocks_may_be_apart_by_4_minutes_and_not_by_10() -> Result<()> {
    let mut world = world("none", None).await?;
    for (minutes, status) in [(-10, 401), (10, 401), (-4, 202), (4, 202)] {
        let at = now().as_second() + minutes * 60;
        let answered = world.post_at(at, &format!("evt{minutes}"), b"{}").await?;
        assert_eq!(answered, status, "{minutes} minutes");
    }
    world.end().await
}

#[tokio::test]
async fn a_notification_whose_sender_dies_twice_is_sent_by_the_third() -> Result<()> {
    let dies = |occurrence| Point { call: "http:POST".into(), occurrence, mode: Mode::KilledBefore };
    let mut world = world("deliver", Some(dies(1))).await?;
    let event = plain("evt-1", 0, &world.setting.wiring);
    for message in event.messages(&world).await? {
        world.deliver_later(&message).await?;
    }
    assert!(world.deliver_next(1).await? && world.plan.is_reached());
    world.plan.then(dies(2));
    assert!(world.deliver_next(1).await? && world.plan.is_reached());
    world.run_out().await?;
    let key = event.deliveries(&world)[0].key(world.account());
    let row = world.rows.get(&key).await?;
    assert_eq!((&row["state"], &row["attempts"]), (&json!("DELIVERED"), &json!(3)), "{row}");
    assert_eq!(world.endpoint.bodies(), [event.body].into());
    world.end().await
}

#[tokio::test]
async fn what_was_kept_is_listed_until_the_queue_has_what_became_of_it() -> Result<()> {
    let dies = point("sqs:SendMessageBatch", 1, Mode::KilledBefore);
    let mut world = world("intake", dies).await?;
    // No connection wanted it when it was posted first; by now one does, and the client posts it again.
    let event = kept(&world.setting.wiring);
    let notification = keep(&world, &event).await?;
    assert_eq!(world.post(&event.id, &event.body).await?, 502);
    let listed = world.table.unrouted(world.account(), 0, 10).await?;
    assert_eq!(listed.into_iter().map(|kept| kept.notification).collect::<Vec<_>>(), [notification]);
    world.post_until_accepted(&event).await?;
    world.run_out().await?;
    let mut wanted = Wanted { requests: Some(1), ..Wanted::default() };
    wanted.of(&world, &event, Some(KeptState::Routed));
    hold(&world, &wanted).await?;
    world.end().await
}

#[tokio::test]
async fn a_person_who_routes_a_notification_while_it_is_handed_out_is_heard() -> Result<()> {
    let world = world("none", None).await?;
    let event = kept(&world.setting.wiring);
    let notification = keep(&world, &event).await?;
    let account = world.account().to_string();
    let route =
        async |to: &str| world.table.route_notification(&account, &notification, &[to.into()], now()).await;
    route(&world.setting.wiring.plain.connection).await?;
    let seen = world.table.kept_notification(&account, &notification).await?;
    let Some(seen) = seen else { anyhow::bail!("it is kept") };
    route(&world.setting.wiring.limited.connection).await?;
    assert!(!world.table.notification_routed(&seen, KeptState::Routed).await?);
    let row = world.rows.get(&keys::notification(&account, &notification)).await?;
    assert!(row["kept_state"] == "pending" && row["due"].is_i64(), "{row}");
    world.end().await
}
