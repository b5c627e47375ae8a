//! A notification as administrators see it, and the list of those that no connection wanted.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    notification::{Kept, KeptState, NotificationDelivery},
    problem::Problem,
};

use crate::{
    Context,
    caller::Caller,
    deliveries::DeliveryView,
    http::{self, Request, Response, bad_query, unavailable},
};

/// A notification.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NotificationView {
    /// Its id.
    id: String,
    /// Its source.
    source: String,
    /// What the client calls the event.
    event_id: String,
    /// Its type, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    /// When it was accepted.
    accepted_at: Option<Timestamp>,
    /// Content type of its payload.
    content_type: String,
    /// Bytes of its payload.
    size_bytes: u64,
    /// Where it stands, if it is kept as itself: no connection wanted it, or it was handed out later.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<KeptState>,
    /// Who it is owed to, where one notification is shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deliveries: Vec<DeliveryView>,
}

/// One page of notifications.
#[derive(Serialize, JsonSchema)]
pub(crate) struct NotificationPage {
    /// Oldest first.
    items: Vec<NotificationView>,
    /// Where the next page begins, if there may be one.
    next_cursor: Option<String>,
}

impl From<Kept> for NotificationView {
    fn from(kept: Kept) -> Self {
        Self {
            id: kept.notification,
            source: kept.source,
            event_id: kept.event_id,
            event_type: kept.event_type,
            accepted_at: Timestamp::from_millisecond(kept.accepted_at).ok(),
            content_type: kept.content_type,
            size_bytes: kept.size_bytes,
            kept: Some(kept.kept_state),
            deliveries: Vec::new(),
        }
    }
}

impl From<&NotificationDelivery> for NotificationView {
    fn from(row: &NotificationDelivery) -> Self {
        Self {
            id: row.notification.clone(),
            source: row.source.clone(),
            event_id: row.event_id.clone(),
            event_type: row.event_type.clone(),
            accepted_at: Timestamp::from_millisecond(row.accepted_at).ok(),
            content_type: row.content_type.clone(),
            size_bytes: row.size_bytes,
            kept: None,
            deliveries: Vec::new(),
        }
    }
}

/// Shows a notification with who it is owed to. One that was posted a moment ago may not be there yet.
pub(crate) async fn show(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let now = (context.clock)();
    let known = context.table.known_notification(&caller.account, request.param("id"), now).await;
    let (kept, deliveries) = known.map_err(unavailable)?;
    let view = kept.map(NotificationView::from).or_else(|| deliveries.first().map(NotificationView::from));
    let mut view = view.ok_or_else(|| Problem::not_found("notification"))?;
    view.deliveries = deliveries.into_iter().map(DeliveryView::from).collect();
    Response::json(200, &view)
}

#[derive(Serialize, Deserialize)]
struct Place {
    accepted_at: i64,
    notification: String,
}

/// Lists the notifications that no connection wanted, oldest first.
pub(crate) async fn list(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    if request.query("routed") != Some("no") {
        let detail = "must be 'no'; what was routed is listed by target, under /v1/deliveries";
        return Err(bad_query("routed", detail));
    }
    let limit = http::limit(&request)?;
    let place: Option<Place> = http::decode("notifications", &request)?;
    let from_ms = place.as_ref().map_or(0, |p| p.accepted_at);
    let is_after = |k: &Kept| {
        let seen = place.as_ref().map(|p| (p.accepted_at, p.notification.as_str()));
        seen.is_none_or(|seen| (k.accepted_at, k.notification.as_str()) > seen)
    };
    let mut wanted = limit + 1;
    let items = loop {
        let most = i32::try_from(wanted).unwrap_or(i32::MAX);
        let found = context.table.unrouted(&caller.account, from_ms, most).await.map_err(unavailable)?;
        let all = found.len() < wanted;
        // Only the first `wanted` of them are sure to be the oldest.
        let items: Vec<Kept> = found.into_iter().take(wanted).filter(is_after).take(limit + 1).collect();
        if all || items.len() > limit {
            break items;
        }
        wanted *= 2;
    };
    let more = items.len() > limit;
    let mut items = items;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(|last| {
        let place = Place { accepted_at: last.accepted_at, notification: last.notification.clone() };
        http::encode("notifications", &place)
    });
    let items = items.into_iter().map(NotificationView::from).collect();
    Response::json(200, &NotificationPage { items, next_cursor })
}
