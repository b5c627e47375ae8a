//! The paths of notifications: a client that posts events ([`client`]), what is sent ([`events`]), an administrator who
//! sees to it (`admin`), and what must have come of it ([`promises`]).
//!
//! Two connections take from one source. The target of one has limits, and its gate is shut and opened again; both
//! are the world's one endpoint, which verifies what comes.

mod admin;
pub mod client;
pub mod events;
pub mod promises;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use shared::{
    aws::gates::Of,
    gate::GateState,
    message::DeliveryMessage,
    notification::{Kept, KeptState, content_hash},
};

use super::world::World;
use crate::{
    api::{Api, id},
    hooks::Manner,
    rows::now,
    webhooks::{OUTBOUND, standard_source, webservice},
};
use events::{CONTENT_TYPE, Event};
use promises::Wanted;

/// The second secret that the hub signs with.
const NEXT: &str = "whsec_bmV4dC1uZXh0LW5leHQtbmV4dC1uZXh0LW5leHQ=";

/// What notifications go through, made once through the deployed API.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// The source.
    pub source: String,
    /// Takes every type that begins with `order.`.
    pub plain: Taker,
    /// Takes `order.created` only; its target has limits.
    pub limited: Taker,
}

/// A connection and its target.
#[derive(Clone, Debug)]
pub struct Taker {
    /// Id of the connection.
    pub connection: String,
    /// Id of the target server.
    pub target: String,
}

impl Wiring {
    /// Makes it. Where the targets are, each world says itself.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn make(api: &Api) -> Result<Self> {
        let source = id(&api.post("/v1/sources", &standard_source()).await?);
        let taker = async |name: &str, limits: Value, types: &[&str]| {
            let mut target = webservice(&format!("http://127.0.0.1/{name}"));
            // Nothing is to depend on how busy the machine is.
            target["timeout_secs"] = 30.into();
            target["limits"] = limits;
            target["signing_secrets"] =
                json!([{ "name": "first", "secret": OUTBOUND }, { "name": "next", "secret": NEXT }]);
            let target = id(&api.post("/v1/target-servers", &target).await?);
            let connection = json!({
                "name": name, "source": { "source": source, "types": types }, "target": { "target_server": target },
            });
            let connection = id(&api.post("/v1/connections", &connection).await?);
            anyhow::Ok(Taker { connection, target })
        };
        let plain = taker("plain", json!({}), &["order.*"]).await?;
        let limited =
            taker("limited", json!({ "per_second": 100, "in_flight": 2 }), &["order.created"]).await?;
        Ok(Self { source, plain, limited })
    }
}

/// A careful client posts three events, and again one that no connection wanted when it came first; `deliver` takes
/// what comes of them.
///
/// # Errors
/// When a promise is broken, or a call fails.
pub(super) async fn play_intake(world: &mut World) -> Result<()> {
    let wiring = world.setting.wiring.clone();
    let wanted_by_now = events::kept(&wiring);
    keep(world, &wanted_by_now).await?;
    let mut events = vec![(wanted_by_now, Some(KeptState::Routed))];
    for event in events::posted(&wiring) {
        let kept = event.takers.is_empty().then_some(KeptState::Unrouted);
        events.push((event, kept));
    }
    let (mut owed, mut wanted) = (0, Wanted::default());
    for (event, kept) in events {
        world.post_until_accepted(&event).await?;
        // The answer may not be ahead of what it acknowledges.
        owed += event.takers.len() as u64;
        let queued = world.messages().await?;
        ensure!(queued >= owed, "{} was answered 202, and {queued} of {owed} messages are there", event.id);
        let row = world.table.kept_notification(world.account(), &event.notification(world)).await?;
        let state = row.map(|row| row.kept_state);
        ensure!(state == kept, "{} was answered 202, and is kept as {state:?}", event.id);
        wanted.of(world, &event, kept);
    }
    world.plan.is_over();
    world.run_out().await?;
    // Nothing interrupts `deliver` here: however often the client repeats, the endpoint gets each once.
    wanted.requests = Some(wanted.deliveries.len());
    promises::hold(world, &wanted).await
}

/// `deliver` takes notifications: one is refused at first, one is taken by a target that hangs up, one comes by the
/// bucket, one waits at a shut gate until that is opened, and one is handed out that was kept.
///
/// # Errors
/// When a promise is broken, or a call fails.
pub(super) async fn play_notify(world: &mut World) -> Result<()> {
    let wiring = world.setting.wiring.clone();
    let account = world.account().to_string();
    let of = Of { account: &account, target_server: &wiring.limited.target };
    let shut = world.table.shut_gate(of, GateState::Paused, "a person paused it", false, now()).await?;
    ensure!(shut, "the gate was shut before");
    let (refused, taken) = (events::refused(&wiring), events::taken_and_hung_up_on(&wiring));
    let bodies = (refused.body.clone(), taken.body.clone());
    world.endpoint.decide(move |hook, before| match before {
        0 if hook.body == bodies.0 => Manner::Status(500),
        0 if hook.body == bodies.1 => Manner::TakeAndHangUp,
        _ => Manner::Take,
    });
    let (by_bucket, held, kept) = (events::by_bucket(&wiring), events::held(&wiring), events::kept(&wiring));
    for event in [&refused, &taken, &by_bucket, &held] {
        for message in event.messages(world).await? {
            world.deliver_later(&message).await?;
        }
    }
    let notification = keep(world, &kept).await?;
    world.table.route_notification(&account, &notification, &[], now()).await?;
    world.deliver_later(&DeliveryMessage::route(&account, &notification)).await?;
    world.run_out().await?;

    let waiting = world.table.notification_delivery(&account, &held.deliveries(world)[0]).await?;
    ensure!(waiting.is_some_and(|row| row.attempts == 0), "what waits at a shut gate spends no attempt");
    ensure!(!world.endpoint.bodies().contains(&held.body), "it was sent through a shut gate");
    ensure!(world.table.open_gate(of, Some(GateState::Paused), now()).await?, "the gate is not shut");
    // Some seconds later, when no process uses the gate as it was any more.
    world.forget("deliver");
    world.deliver_later(&DeliveryMessage::target(&account, &wiring.limited.target)).await?;
    world.run_out().await?;

    let mut wanted = Wanted::default();
    for event in [&refused, &taken, &by_bucket, &held] {
        wanted.of(world, event, None);
    }
    wanted.of(world, &kept, Some(KeptState::Routed));
    let is_interrupted = world.plan.point().is_some();
    // Each once, and those two again that the endpoint would not have.
    wanted.requests = (!is_interrupted).then_some(wanted.deliveries.len() + 2);
    promises::hold(world, &wanted).await
}

/// `dispatch` wakes what waits: a notification whose next attempt is due, one that is to be handed out, and the gate of a
/// target that is open again. Its messages are lost once.
///
/// # Errors
/// When a promise is broken, or a call fails.
pub(super) async fn play_wake(world: &mut World) -> Result<()> {
    let wiring = world.setting.wiring.clone();
    let account = world.account().to_string();
    let of = Of { account: &account, target_server: &wiring.limited.target };
    let (refused, held, kept) = (events::refused(&wiring), events::held(&wiring), events::kept(&wiring));
    let body = refused.body.clone();
    world.endpoint.decide(move |hook, before| match before {
        0 if hook.body == body => Manner::Status(500),
        _ => Manner::Take,
    });
    world.table.shut_gate(of, GateState::Paused, "a person paused it", false, now()).await?;
    for event in [&refused, &held] {
        for message in event.messages(world).await? {
            world.deliver_later(&message).await?;
            while !world.deliver_next(1).await? {}
        }
    }
    let notification = keep(world, &kept).await?;
    world.table.route_notification(&account, &notification, &[], now()).await?;
    ensure!(world.table.open_gate(of, Some(GateState::Paused), now()).await?, "the gate is not shut");
    // What `deliver` knows of the gate, and the hint that it sent itself, are gone.
    world.forget("deliver");
    world.lose_messages().await?;
    world.next_minute().await?;
    world.lose_messages().await?;
    world.run_out().await?;

    let mut wanted = Wanted::default();
    for event in [&refused, &held] {
        wanted.of(world, event, None);
    }
    wanted.of(world, &kept, Some(KeptState::Routed));
    promises::hold(world, &wanted).await
}

/// `api`: an administrator sends a dead notification again, recovers a target, has a kept one handed out, pauses a target
/// and resumes it.
///
/// # Errors
/// When a promise is broken, or a call fails.
pub(super) async fn play_care(world: &mut World) -> Result<()> {
    let wiring = world.setting.wiring.clone();
    let (dead, lost) = (events::refused(&wiring), events::posted(&wiring)[0].clone());
    let (held, kept) = (events::by_bucket(&wiring), events::kept(&wiring));
    world.endpoint.decide(|_, _| Manner::Status(404));
    let notification = keep(world, &kept).await?;
    for event in [&dead, &lost] {
        for message in event.messages(world).await? {
            world.deliver_later(&message).await?;
        }
    }
    world.run_out().await?;
    world.endpoint.decide(|_, _| Manner::Take);

    let [retried] = dead.deliveries(world).try_into().map_err(|_| anyhow::anyhow!("one takes it"))?;
    world.administer(&format!("/v1/deliveries/{retried}/retry"), &json!({})).await?;
    world.run_out().await?;
    let since = json!({ "since": "2020-01-01T00:00:00Z" });
    for target in [&wiring.plain.target, &wiring.limited.target] {
        world.administer(&format!("/v1/target-servers/{target}/recover"), &since).await?;
    }
    world.administer(&format!("/v1/notifications/{notification}/route"), &json!({})).await?;
    world.run_out().await?;
    let plain = format!("/v1/target-servers/{}", wiring.plain.target);
    world.administer(&format!("{plain}/pause"), &json!({ "reason": "a person paused it" })).await?;
    world.forget("deliver");
    for message in held.messages(world).await? {
        world.deliver_later(&message).await?;
    }
    world.run_out().await?;
    ensure!(!world.endpoint.bodies().contains(&held.body), "it was sent through a shut gate");
    world.administer(&format!("{plain}/resume"), &json!({})).await?;
    world.plan.is_over();
    world.run_out().await?;

    let mut wanted = Wanted::default();
    for event in [&dead, &lost] {
        wanted.of(world, event, None);
        wanted.again.extend(event.deliveries(world).iter().map(ToString::to_string));
    }
    wanted.of(world, &held, None);
    wanted.of(world, &kept, Some(KeptState::Routed));
    promises::hold(world, &wanted).await
}

/// Keeps an event as `intake` does when no connection wants it; the notification's id.
///
/// # Errors
/// When it is kept already, or when a call fails.
pub async fn keep(world: &World, event: &Event) -> Result<String> {
    let (account, notification) = (world.account(), event.notification(world));
    let kept = Kept {
        account: account.into(),
        notification: notification.clone(),
        source: world.setting.wiring.source.clone(),
        event_id: event.id.clone(),
        event_type: event.event_type.map(str::to_string),
        kept_state: KeptState::Unrouted,
        accepted_at: now().as_millisecond(),
        content_type: CONTENT_TYPE.into(),
        body_hash: content_hash(CONTENT_TYPE, &event.body),
        size_bytes: event.body.len() as u64,
        object: event.object(world),
        inline: None,
        posted: None,
        to: Vec::new(),
    };
    world.bucket.put(&kept.object, event.body.clone()).await?;
    ensure!(world.table.keep_notification(&kept, now()).await?, "it is kept already");
    Ok(notification)
}
