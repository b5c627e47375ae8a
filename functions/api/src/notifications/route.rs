//! Handing out a notification that no connection wanted.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    connection::Connection,
    message::DeliveryMessage,
    problem::{FieldError, Problem},
};

use super::view::NotificationView;
use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, unavailable},
};

/// Who is to get it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RouteNotification {
    /// Connections that take notifications, whatever their types and conditions. Without any: those that want it now.
    #[serde(default)]
    connections: Vec<String>,
}

/// Has a notification that is kept handed out; doing it again reaches no one twice.
pub(crate) async fn route(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let body: RouteNotification = match request.body.is_empty() {
        true => RouteNotification::default(),
        false => http::parse(&request.body)?,
    };
    let (account, id) = (&caller.account, request.param("id"));
    let kept = context.table.kept_notification(account, id).await.map_err(unavailable)?;
    let kept = kept.ok_or_else(|| {
        Problem::new(
            404,
            "not_found",
            "no such notification is kept in this account; retry its deliveries instead",
        )
    })?;
    for (i, connection) in body.connections.iter().enumerate() {
        let found = match shared::id::is_id(connection) {
            true => context.table.find::<Connection>(account, connection).await.map_err(unavailable)?,
            false => None,
        };
        if found.is_none_or(|f| f.resource.settings.notifications().is_none()) {
            let detail = format!("there is no '{connection}' in this account that takes notifications");
            return Err(Problem::invalid(vec![FieldError::new(format!("connections[{i}]"), detail)]));
        }
    }
    let now = (context.clock)();
    let routed = context.table.route_notification(account, id, &body.connections, now).await;
    if !routed.map_err(unavailable)? {
        return Err(Problem::not_found("notification"));
    }
    // What is lost here is sent by the next tick: the row is due.
    if let Err(error) = context.deliveries.send(account, &DeliveryMessage::route(account, id), 0).await {
        tracing::warn!(error = shared::chain(&error), "the notification was not woken; its row is due");
    }
    let kept = context.table.kept_notification(account, id).await.map_err(unavailable)?.unwrap_or(kept);
    Response::json(202, &NotificationView::from(kept))
}
