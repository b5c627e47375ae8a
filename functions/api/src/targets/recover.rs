//! Taking up what a target was not sent since a time: because it failed until the hub gave up, or since nobody knew
//! whether it arrived. What arrived while the target was disabled has waited, and goes with it.

use std::sync::Arc;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    aws::{
        gates::Of,
        owed::{Owed, OwedList},
    },
    delivery::DeliveryState,
    notification::NotificationDelivery,
    problem::Problem,
};

use super::{find, gate::open};
use crate::{
    Context,
    caller::Caller,
    deliveries::remap,
    http::{self, Request, Response, unavailable},
};

/// Most deliveries of one request.
const MOST: usize = 2000;

/// Deliveries that are written at once.
const AT_ONCE: usize = 32;

/// Since when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recover {
    /// Notifications that were accepted at or after this, RFC 3339.
    since: Timestamp,
}

/// What is taken up.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Recovered {
    /// Notifications that were dead or unknown, and now wait to be sent, with the whole schedule before them.
    notifications: usize,
    /// Whether there may be more: ask again with the same time.
    more: bool,
    /// Dead batches of runs, which are not among them: each is retried by `POST /v1/deliveries/{id}/retry`.
    batches_left: usize,
}

/// Has everything sent that a target was not sent since a time, oldest first, at its limit. The target is resumed.
pub(crate) async fn recover(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let body: Recover = http::parse(&request.body)?;
    let of = find(&context, &caller, &request).await?;
    let (mut rows, mut batches_left, mut more) = (Vec::new(), 0, false);
    for state in [DeliveryState::Dead, DeliveryState::Unknown] {
        for owed in undelivered(&context, of, state, body.since).await? {
            match owed {
                Owed::Notification(row) if rows.len() < MOST => rows.push(*row),
                Owed::Notification(_) => more = true,
                Owed::Batch(_) => batches_left += 1,
            }
        }
    }
    for row in &mut rows {
        remap(&context, row).await?;
    }
    let now = (context.clock)();
    let again = |row: NotificationDelivery| {
        let context = context.clone();
        async move { context.table.notification_waits_again(&row, now).await }
    };
    let mut notifications = 0;
    let mut written = stream::iter(rows).map(again).buffer_unordered(AT_ONCE);
    while let Some(result) = written.next().await {
        notifications += usize::from(result.map_err(unavailable)?);
    }
    drop(written);
    open(&context, of).await?;
    Response::json(202, &Recovered { notifications, more, batches_left })
}

async fn undelivered(
    context: &Context,
    of: Of<'_>,
    state: DeliveryState,
    since: Timestamp,
) -> Result<Vec<Owed>, Problem> {
    let list = OwedList {
        account: of.account,
        target_server: of.target_server,
        state: Some(state),
        waiting_for: None,
        connection: None,
        from_ms: since.as_millisecond(),
        to_ms: i64::MAX / 2,
        limit: i32::try_from(MOST + 1).unwrap_or(i32::MAX),
    };
    context.table.owed(list).await.map_err(unavailable)
}
