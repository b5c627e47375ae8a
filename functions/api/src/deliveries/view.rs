//! A delivery as administrators see it, and lists of what a target owes.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    aws::owed::OwedList,
    delivery::{Batch, BatchName, DeathCause, DeliveryState, Outcome, WaitingFor},
    problem::Problem,
};

use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, bad_query, unavailable},
};

/// A batch of records owed to a target.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeliveryView {
    /// Id, for the routes below.
    id: String,
    /// Idempotency-Key under which the target gets it.
    batch_id: String,
    /// Its run.
    run: String,
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
    /// Records in it.
    records: u64,
    /// When it was staged.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_at: Option<Timestamp>,
    /// When it is tried next; of one that is UNKNOWN, until when a person can decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    /// How the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// Why it is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    died_of: Option<DeathCause>,
    /// The run that takes its records again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retried_by: Option<String>,
    /// What the target answered, once it is delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
}

/// One page of what a target owes.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DeliveryPage {
    /// Oldest first.
    items: Vec<DeliveryView>,
    /// Where the next page begins, if there may be one.
    next_cursor: Option<String>,
}

impl From<Batch> for DeliveryView {
    fn from(batch: Batch) -> Self {
        let at = |ms| Timestamp::from_millisecond(ms).ok();
        Self {
            id: BatchName::of(&batch).to_string(),
            batch_id: batch.id,
            run: batch.run,
            connection: batch.connection,
            target_server: batch.target_server,
            state: batch.state,
            waiting_for: batch.waiting_for,
            attempts: batch.attempts,
            records: batch.records,
            accepted_at: at(batch.accepted_at),
            next_attempt_at: batch.attempt_at.and_then(at),
            last_error: batch.last_error,
            died_of: batch.died_of,
            retried_by: batch.retried_by,
            outcome: (batch.state == DeliveryState::Delivered).then_some(batch.outcome),
        }
    }
}

/// Reads the batch that a request names, in the caller's account.
pub(super) async fn find(
    context: &Context,
    caller: &Caller,
    request: &Request,
) -> Result<(BatchName, Batch), Problem> {
    let not_found = || Problem::not_found("delivery");
    let name: BatchName = request.param("id").parse().map_err(|_| not_found())?;
    let batch = context.table.batch(&caller.account, &name).await.map_err(unavailable)?;
    Ok((name, batch.ok_or_else(not_found)?))
}

/// Shows a delivery of the caller's account.
pub(crate) async fn show(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (_, batch) = find(&context, &caller, &request).await?;
    Response::json(200, &DeliveryView::from(batch))
}

#[derive(Serialize, Deserialize)]
struct Place {
    accepted_at: i64,
    batch: String,
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
    let place: Option<Place> = http::decode("deliveries", &request)?;
    let from_ms = place.as_ref().map_or(0, |p| p.accepted_at);
    let mut items: Vec<Batch> = Vec::new();
    // Many batches may have one time: those that were shown already are passed over.
    let is_after =
        |b: &Batch| place.as_ref().is_none_or(|p| (b.accepted_at, &b.id) > (p.accepted_at, &p.batch));
    let mut wanted = limit + 1;
    while items.len() <= limit {
        let list = OwedList {
            account: &caller.account,
            target_server,
            state,
            from_ms,
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
        http::encode("deliveries", &Place { accepted_at: last.accepted_at, batch: last.id.clone() })
    });
    let items = items.into_iter().map(DeliveryView::from).collect();
    Response::json(200, &DeliveryPage { items, next_cursor })
}
