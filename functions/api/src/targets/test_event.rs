//! Sending a target an event to try it out: on the same road as any other.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use shared::{
    connection::HUB,
    delivery::NotificationName,
    message::DeliveryMessage,
    notification::{Payload, Posted, content_hash, deliver_until, notification_id},
    problem::Problem,
};

use super::find;
use crate::{
    Context,
    caller::Caller,
    http::{Request, Response, unavailable},
};

/// What stands for a connection in a test event's delivery.
const CONNECTION: &str = "test";

/// How long a test event is tried.
const TRIED_FOR_SECS: u32 = 600;

/// The event that is on its way.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TestEvent {
    /// Id of its delivery, for `GET /v1/deliveries/{id}`: it is there in a moment.
    delivery: String,
}

/// Sends a test event, of type `crossdock.test`.
pub(crate) async fn test_event(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let of = find(&context, &caller, &request).await?;
    let now = (context.clock)();
    let event_id = context.new_id("evt");
    let body = json!({
        "type": "crossdock.test", "id": event_id, "timestamp": now.to_string(),
        "data": { "target_server": of.target_server },
    })
    .to_string();
    let notification = notification_id(of.account, HUB, &event_id);
    let content_type = "application/json".to_string();
    let name = NotificationName { notification: notification.clone(), connection: CONNECTION.into() };
    let posted = Posted {
        v: 1,
        account: of.account.into(),
        notification,
        connection: CONNECTION.into(),
        target_server: of.target_server.into(),
        mapping: None,
        source: HUB.into(),
        event_id,
        event_type: Some("crossdock.test".into()),
        accepted_at: now.as_millisecond(),
        deliver_until: deliver_until(Some(TRIED_FOR_SECS), now),
        body_hash: content_hash(&content_type, body.as_bytes()),
        size_bytes: body.len() as u64,
        content_type,
        payload: Payload::Text(body),
    };
    let message = DeliveryMessage::Posted(Box::new(posted));
    context.deliveries.send(of.account, &message, 0).await.map_err(unavailable)?;
    Response::json(202, &TestEvent { delivery: name.to_string() })
}
