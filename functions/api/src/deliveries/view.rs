//! A delivery as administrators see it, and lists of what a target owes.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    aws::{
        notifications::Attempt,
        owed::{Owed, OwedList},
    },
    delivery::{Batch, BatchName, DeathCause, DeliveryName, DeliveryState, Outcome, WaitingFor},
    notification::NotificationDelivery,
    problem::Problem,
};

use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, bad_query, unavailable},
};

/// A batch of records, or a notification, owed to a target.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeliveryView {
    /// Id, for the routes below. A notification's is also the id under which its target gets it.
    id: String,
    /// What it is.
    kind: Kind,
    /// Of a batch: Idempotency-Key under which the target gets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<String>,
    /// Of a batch: its run.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// Of a notification: its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<String>,
    /// Of a notification: its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// Of a notification: what the client calls the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// Of a notification: its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    /// Of a notification: the version of the connection's mapping that it goes out by, if it is mapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping_version: Option<u64>,
    /// Of a notification: bytes of its payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    /// Its connection.
    connection: String,
    /// The target server.
    target_server: String,
    /// Where it stands.
    state: DeliveryState,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<WaitingFor>,
    /// Attempts begun.
    attempts: u32,
    /// Of a batch: records in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    /// When it was accepted: a batch, when it was staged.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_at: Option<Timestamp>,
    /// When it is tried next; of one that is UNKNOWN, until when a person can decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    /// Of a notification: until when it is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    deliver_until: Option<Timestamp>,
    /// Of a notification: what the target answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_status: Option<u16>,
    /// Of a notification: how long the last attempt took, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ms: Option<u64>,
    /// Of a notification: when the last attempt ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<Timestamp>,
    /// How the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// Why it is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    died_of: Option<DeathCause>,
    /// Of a notification: how often the same event came with another payload, which was not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    conflicts: Option<u32>,
    /// Of one that goes into a file: the run that pushed it, or left it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pushed_by: Option<String>,
    /// Of a batch that is in a file: the file's remote path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pushed_as: Option<String>,
    /// Of a batch: the run that takes its records again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retried_by: Option<String>,
    /// Of a batch: what the target answered, once it is delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    /// Of a notification, where one delivery is shown: its attempts that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed_attempts: Vec<AttemptView>,
}

/// What a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A batch of a run's records.
    Batch,
    /// A notification.
    Notification,
}

/// An attempt that failed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AttemptView {
    /// Its number, from 1; a delivery that was sent again begins anew.
    n: u32,
    /// When it ended.
    at: Timestamp,
    /// How long it took, milliseconds.
    duration_ms: u64,
    /// The target's status, if it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// What was wrong.
    error: String,
    /// The beginning of the answer's body, 4 KiB at most.
    #[serde(skip_serializing_if = "String::is_empty")]
    answer: String,
}

/// One page of what a target owes.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeliveryPage {
    /// Oldest first.
    items: Vec<DeliveryView>,
    /// Where the next page begins, if there may be one.
    next_cursor: Option<String>,
}

fn at(ms: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(ms).ok()
}

impl From<Batch> for DeliveryView {
    fn from(batch: Batch) -> Self {
        Self {
            id: BatchName::of(&batch).to_string(),
            kind: Kind::Batch,
            batch_id: Some(batch.id),
            run: Some(batch.run),
            notification: None,
            source: None,
            event_id: None,
            event_type: None,
            mapping_version: None,
            size_bytes: None,
            connection: batch.connection,
            target_server: batch.target_server,
            state: batch.state,
            waiting_for: batch.waiting_for,
            attempts: batch.attempts,
            records: Some(batch.records),
            accepted_at: at(batch.accepted_at),
            next_attempt_at: batch.attempt_at.and_then(at),
            deliver_until: batch.flush_until.and_then(at),
            last_status: None,
            last_ms: None,
            last_at: None,
            last_error: batch.last_error,
            died_of: batch.died_of,
            conflicts: None,
            pushed_by: batch.pushed_by,
            pushed_as: batch.pushed_as,
            retried_by: batch.retried_by,
            outcome: (batch.state == DeliveryState::Delivered).then_some(batch.outcome),
            failed_attempts: Vec::new(),
        }
    }
}

impl From<NotificationDelivery> for DeliveryView {
    fn from(row: NotificationDelivery) -> Self {
        Self {
            id: row.name().to_string(),
            kind: Kind::Notification,
            batch_id: None,
            run: None,
            notification: Some(row.notification),
            source: Some(row.source),
            event_id: Some(row.event_id),
            event_type: row.event_type,
            mapping_version: row.mapping_version,
            size_bytes: Some(row.size_bytes),
            connection: row.connection,
            target_server: row.target_server,
            state: row.state,
            waiting_for: row.waiting_for,
            attempts: row.attempts,
            records: None,
            accepted_at: at(row.accepted_at),
            next_attempt_at: row.attempt_at.and_then(at),
            deliver_until: at(row.deliver_until),
            last_status: row.last_status,
            last_ms: row.last_ms,
            last_at: row.last_at.and_then(at),
            last_error: row.last_error,
            died_of: row.died_of,
            conflicts: (row.conflicts > 0).then_some(row.conflicts),
            pushed_by: row.pushed_by,
            pushed_as: None,
            retried_by: None,
            outcome: None,
            failed_attempts: Vec::new(),
        }
    }
}

impl From<Owed> for DeliveryView {
    fn from(owed: Owed) -> Self {
        match owed {
            Owed::Batch(batch) => (*batch).into(),
            Owed::Notification(row) => (*row).into(),
        }
    }
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        let Attempt { n, at, duration_ms, status, error, answer } = attempt;
        Self { n, at, duration_ms, status, error, answer }
    }
}

/// Reads the delivery that a request names, in the caller's account.
pub(super) async fn find(
    context: &Context,
    caller: &Caller,
    request: &Request,
) -> Result<(DeliveryName, Owed), Problem> {
    let not_found = || Problem::not_found("delivery");
    let name: DeliveryName = request.param("id").parse().map_err(|_| not_found())?;
    let account = &caller.account;
    let found = match &name {
        DeliveryName::Batch(name) => {
            let batch = context.table.batch(account, name).await.map_err(unavailable)?;
            batch.map(|b| Owed::Batch(Box::new(b)))
        }
        DeliveryName::Notification(name) => {
            let row = context.table.notification_delivery(account, name).await.map_err(unavailable)?;
            row.map(|r| Owed::Notification(Box::new(r)))
        }
    };
    Ok((name, found.ok_or_else(not_found)?))
}

/// Shows a delivery of the caller's account.
pub(crate) async fn show(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (name, found) = find(&context, &caller, &request).await?;
    let mut view = DeliveryView::from(found);
    if let DeliveryName::Notification(name) = &name {
        let failed = context.table.failed_attempts(&caller.account, name).await.map_err(unavailable)?;
        view.failed_attempts = failed.into_iter().map(AttemptView::from).collect();
    }
    Response::json(200, &view)
}

#[derive(Serialize, Deserialize)]
struct Place {
    accepted_at: i64,
    delivery: String,
}

/// Lists what a target owes in the caller's account, oldest first.
pub(crate) async fn list(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let limit = http::limit(&request)?;
    let target_server = match request.query("target") {
        Some(target) if shared::id::is_id(target) => target,
        _ => return Err(bad_query("target", "state the id of a target server")),
    };
    let state = match request.query("state") {
        None => None,
        Some(text) => Some(
            serde_json::from_value::<DeliveryState>(text.into())
                .ok()
                .filter(|state| *state != DeliveryState::Delivered)
                .ok_or_else(|| bad_query("state", "can be WAITING, SENDING, UNKNOWN or DEAD"))?,
        ),
    };
    let connection = request.query("connection");
    if connection.is_some_and(|c| !shared::id::is_id(c)) {
        return Err(bad_query("connection", "state the id of a connection"));
    }
    let from_ms = http::time(&request, "from")?.map_or(0, Timestamp::as_millisecond);
    let to_ms = http::time(&request, "to")?.map_or(i64::MAX / 2, Timestamp::as_millisecond);
    let place: Option<Place> = http::decode("deliveries", &request)?;
    let from_ms = place.as_ref().map_or(from_ms, |p| p.accepted_at);
    let mut items: Vec<Owed> = Vec::new();
    // Many deliveries may have one time: those that were shown already are passed over.
    let is_after =
        |owed: &Owed| place.as_ref().is_none_or(|p| owed.place() > (p.accepted_at, p.delivery.clone()));
    let mut wanted = limit + 1;
    while items.len() <= limit {
        let list = OwedList {
            account: &caller.account,
            target_server,
            state,
            waiting_for: None,
            connection,
            from_ms,
            to_ms,
            limit: i32::try_from(wanted).unwrap_or(i32::MAX),
        };
        let found = context.table.owed(list).await.map_err(unavailable)?;
        let all = found.len() < wanted;
        // Only the first `wanted` of them are sure to be the oldest.
        items = found.into_iter().take(wanted).filter(is_after).take(limit + 1).collect();
        if all {
            break;
        }
        wanted *= 2;
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(|last| {
        let (accepted_at, delivery) = last.place();
        http::encode("deliveries", &Place { accepted_at, delivery })
    });
    let items = items.into_iter().map(DeliveryView::from).collect();
    Response::json(200, &DeliveryPage { items, next_cursor })
}
