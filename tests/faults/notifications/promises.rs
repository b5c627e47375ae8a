//! The promises about notifications, held against what a world is left with.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use shared::{
    keys,
    notification::{KeptState, content_hash},
};

use super::events::{CONTENT_TYPE, Event};
use crate::{faults::world::World, rows::now};

/// How long a request holds its place at most, in milliseconds.
const PLACE_MS: i64 = 45_000;

/// What events must have come to.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Bytes by the id of the delivery.
    pub deliveries: BTreeMap<String, Vec<u8>>,
    /// Ids of deliveries that a person has sent again: their attempts began anew.
    pub again: BTreeSet<String>,
    /// Requests that the endpoint got, where that is certain.
    pub requests: Option<usize>,
    /// What is kept as itself, by the id of the notification.
    pub kept: BTreeMap<String, KeptState>,
    /// Bytes by the key of the object that may have them.
    pub objects: BTreeMap<String, Vec<u8>>,
}

impl Wanted {
    /// Wants an event delivered to those who take it, and, if it is `kept`, kept so.
    pub fn of(&mut self, world: &World, event: &Event, kept: Option<KeptState>) {
        for name in event.deliveries(world) {
            self.deliveries.insert(name.to_string(), event.body.clone());
        }
        if let Some(state) = kept {
            self.kept.insert(event.notification(world), state);
        }
        self.objects.insert(event.object(world), event.body.clone());
        if event.is_uploaded {
            self.objects.insert(event.upload_object(world), event.body.clone());
        }
    }
}

/// Holds every promise against the world; what is broken is the error.
///
/// # Errors
/// When a promise is broken, or a call fails.
pub async fn hold(world: &World, wanted: &Wanted) -> Result<()> {
    let rows = world.rows.all().await?;
    let mut broken = Vec::new();
    let mut hold = |promise: &str, held: Result<()>| {
        if let Err(how) = held {
            broken.push(format!("{promise}: {how:#}"));
        }
    };
    hold("what arrived", arrived(world, wanted));
    hold("the deliveries", deliveries(world, &rows, wanted));
    hold("the attempts", attempts(world, &rows, wanted));
    hold("what is kept", kept(world, &rows, wanted).await);
    hold("the payloads", payloads(world, &rows, wanted).await);
    hold("the gates", gates(world, &rows));
    hold("the queues", crate::faults::promises::queues(world).await);
    ensure!(broken.is_empty(), "{}", broken.join("\n  "));
    Ok(())
}

fn of_kind<'a>(rows: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    rows.iter().filter(move |row| row["sk"].as_str().is_some_and(|sk| sk.starts_with(kind)))
}

fn name(row: &Value) -> String {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    format!("{}-{}", text("notification"), text("connection"))
}

/// What the endpoint took is what was posted, each under one id and byte for byte, and all that came verified.
fn arrived(world: &World, wanted: &Wanted) -> Result<()> {
    let hooks = world.endpoint.hooks();
    for hook in &hooks {
        ensure!(hook.refused.is_none(), "not signed as it should be: {hook:?}");
        let body = wanted.deliveries.get(hook.id()).context("it came under another id")?;
        ensure!(hook.body == body, "{} came with {} other bytes", hook.id(), hook.body.len());
        ensure!(hook.headers.get("idempotency-key").is_some_and(|key| key == hook.id()), "{hook:?}");
        ensure!(hook.headers.get("content-type").is_some_and(|kind| kind == CONTENT_TYPE), "{hook:?}");
    }
    let taken: BTreeMap<_, _> =
        world.endpoint.taken().into_iter().map(|(id, body)| (id, body.to_vec())).collect();
    ensure!(taken == wanted.deliveries, "it took {:?}", taken.keys().collect::<Vec<_>>());
    let requests = hooks.len();
    ensure!(wanted.requests.is_none_or(|wanted| wanted == requests), "{requests} requests");
    Ok(())
}

/// One row for each event and connection, DELIVERED, which no one holds and nothing wakes any more.
fn deliveries(world: &World, rows: &[Value], wanted: &Wanted) -> Result<()> {
    let found: Vec<_> = of_kind(rows, keys::DELIVERY).map(name).collect();
    let names: BTreeSet<_> = found.iter().collect();
    ensure!(names == wanted.deliveries.keys().collect() && found.len() == names.len(), "{found:?}");
    for row in of_kind(rows, keys::DELIVERY) {
        let name = name(row);
        ensure!(row["state"] == "DELIVERED", "{name} is {}", row["state"]);
        for left in ["lease_until", "due", "due_shard", "owed_by", "attempt_at", "waiting_for", "died_of"] {
            ensure!(row[left].is_null(), "{name} has {left}");
        }
        ensure!(row["expires_at"].is_i64(), "{name} has no end");
        ensure!(row["conflicts"].is_null(), "{name} conflicts with itself");
        let hash = wanted.deliveries.get(&name).map(|body| content_hash(CONTENT_TYPE, body));
        ensure!(row["body_hash"].as_str() == hash.as_deref(), "{name} is of another payload");
        if wanted.again.contains(&name) {
            continue;
        }
        let requests = world.endpoint.hooks().iter().filter(|hook| hook.id() == name).count() as u64;
        let attempts = row["attempts"].as_u64().unwrap_or_default();
        let spare = u64::from(world.plan.point().is_some());
        // An attempt that is interrupted counts, though nothing of it may have arrived.
        let is_so = (requests..=requests + spare).contains(&attempts);
        ensure!(is_so, "{name}: {attempts} attempts, {requests} requests");
    }
    Ok(())
}

/// Each attempt that failed is written down once, under its number; one that was interrupted may not be.
fn attempts(world: &World, rows: &[Value], wanted: &Wanted) -> Result<()> {
    let mut written = 0;
    for row in of_kind(rows, keys::DELIVERY) {
        let of = format!("{}{}#", keys::ATTEMPT, row["connection"].as_str().unwrap_or_default());
        let failed: Vec<_> = of_kind(rows, &of).filter(|attempt| attempt["pk"] == row["pk"]).collect();
        written += failed.len();
        if wanted.again.contains(&name(row)) {
            continue;
        }
        let numbers: BTreeSet<_> = failed.iter().filter_map(|attempt| attempt["n"].as_u64()).collect();
        let made = row["attempts"].as_u64().unwrap_or_default();
        ensure!(numbers.len() == failed.len(), "{}: {numbers:?} of {} rows", name(row), failed.len());
        ensure!(numbers.iter().all(|n| (1..made).contains(n)), "{}: {numbers:?} of {made}", name(row));
        let missing = made - 1 - numbers.len() as u64;
        ensure!(missing <= u64::from(world.plan.point().is_some()), "{}: {missing} missing", name(row));
    }
    ensure!(written == of_kind(rows, keys::ATTEMPT).count(), "an attempt without a delivery");
    Ok(())
}

/// What no connection wanted is there and listed, what was handed out is not listed any more.
async fn kept(world: &World, rows: &[Value], wanted: &Wanted) -> Result<()> {
    let mut found = BTreeMap::new();
    for row in rows.iter().filter(|row| row["sk"] == "N") {
        ensure!(row["due"].is_null() && row["due_shard"].is_null(), "{} is due", row["notification"]);
        let id = row["notification"].as_str().unwrap_or_default().to_string();
        ensure!(found.insert(id, serde_json::from_value(row["kept_state"].clone())?).is_none(), "twice");
    }
    ensure!(found == wanted.kept, "{found:?}");
    let listed = world.table.unrouted(world.account(), 0, 10).await?;
    let listed: Vec<_> = listed.into_iter().map(|kept| kept.notification).collect();
    let unrouted: Vec<_> = wanted.kept.iter().filter(|(_, state)| **state == KeptState::Unrouted).collect();
    ensure!(listed.iter().eq(unrouted.iter().map(|(id, _)| *id)), "listed are {listed:?}");
    Ok(())
}

/// Whatever the account has in the bucket is an event, byte for byte; and where a row says that its payload is there, it is.
async fn payloads(world: &World, rows: &[Value], wanted: &Wanted) -> Result<()> {
    let of_account = format!("{}/", world.account());
    let objects = world.rows.objects().await?;
    for key in objects.iter().filter(|key| key.starts_with(&of_account)) {
        let bytes = world.bucket.get(key).await?.context("an object that is listed")?.bytes;
        let body = wanted.objects.get(key).with_context(|| format!("{key} is of no event"))?;
        ensure!(bytes == *body, "{key} has {} other bytes", bytes.len());
    }
    for row in rows.iter().filter(|row| row["object"].is_string()) {
        ensure!(objects.iter().any(|key| row["object"] == **key), "{} is not there", row["object"]);
    }
    Ok(())
}

/// No gate is looked at for ever, and no place is held but by one that was interrupted, and then for its time only.
fn gates(world: &World, rows: &[Value]) -> Result<()> {
    for gate in of_kind(rows, keys::GATE) {
        for left in ["due", "due_shard", "drain_until", "draining"] {
            ensure!(gate[left].is_null(), "{} has {left}", gate["sk"]);
        }
        let is_open = gate["gate_state"].is_null() || gate["gate_state"] == "active";
        ensure!(is_open, "{} is {}", gate["sk"], gate["gate_state"]);
    }
    let held: Vec<_> = of_kind(rows, "P#").filter_map(|place| place["lease_until"].as_i64()).collect();
    ensure!(held.len() <= usize::from(world.plan.point().is_some()), "{} places are held", held.len());
    let latest = now().as_millisecond() + PLACE_MS;
    ensure!(held.iter().all(|until| *until <= latest), "a place is held for longer than any request lasts");
    Ok(())
}
