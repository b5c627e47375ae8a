//! Handing out a notification that is kept as itself: one that a person has routed, or one of the hub's own.
//!
//! Doing it again does no harm: each connection's delivery has one id, and its first claim one row.

use shared::{
    aws::AwsError,
    connection::{Connection, ConnectionStatus, HUB, Incoming},
    message::DeliveryMessage,
    notification::{Kept, KeptState, Posted, deliver_until, resend_until},
    resource::Resource,
};
use tracing::instrument;

use crate::Context;

/// Hands a notification out to the connections that a person named, or to those that want it.
#[instrument(skip_all, fields(account.id = account, notification.id = id))]
pub(crate) async fn route(context: &Context, account: &str, id: &str) -> Result<(), AwsError> {
    let kept = context.table.kept_notification(account, id).await?;
    let Some(kept) = kept.filter(|k| k.kept_state == KeptState::Pending) else { return Ok(()) };
    let all = context.table.list_all::<Connection>(account).await?;
    let active =
        all.into_iter().map(|f| f.resource).filter(|c| c.settings.status == ConnectionStatus::Active);
    let active: Vec<_> = active.filter(|c| c.settings.notifications().is_some()).collect();
    let chosen = match kept.to.is_empty() {
        false => active.into_iter().filter(|c| kept.to.contains(&c.id)).collect(),
        true => wanted(context, &kept, active).await?,
    };
    let messages: Vec<_> = chosen.iter().map(|c| posted(context, &kept, c)).collect();
    context.deliveries.send_all(account, &messages).await?;
    tracing::info!(connections = messages.len(), "a notification was handed out");
    // What the hub has to tell and nobody wants to hear is not kept for anyone.
    let state = match messages.is_empty() && kept.source != HUB {
        true => KeptState::Unrouted,
        false => KeptState::Routed,
    };
    context.table.notification_routed(&kept, state).await.map(|_| ())
}

async fn wanted(
    context: &Context,
    kept: &Kept,
    active: Vec<Resource<Connection>>,
) -> Result<Vec<Resource<Connection>>, AwsError> {
    let has_conditions = |c: &Resource<Connection>| {
        c.settings.notifications().is_some_and(|n| n.source == kept.source && !n.conditions.is_empty())
    };
    let payload = match (active.iter().any(has_conditions), &kept.posted) {
        (true, Some(posted)) => serde_json::from_str(posted).ok(),
        (true, None) => {
            let bytes = context.bucket.payload(&kept.payload()).await?;
            serde_json::from_slice::<serde_json::Value>(&bytes).ok()
        }
        (false, _) => None,
    };
    let incoming =
        Incoming { source: &kept.source, event_type: kept.event_type.as_deref(), payload: payload.as_ref() };
    let takes = |c: &Resource<Connection>| c.settings.notifications().is_some_and(|n| n.takes(incoming));
    Ok(active.into_iter().filter(takes).collect())
}

fn posted(context: &Context, kept: &Kept, connection: &Resource<Connection>) -> DeliveryMessage {
    let (target, now) = (&connection.settings.target, (context.clock)());
    // Its payload was put into the bucket when it was accepted, and is not there for ever.
    let until = deliver_until(target.deliver_for_secs, now).min(resend_until(kept.accepted_at, now));
    DeliveryMessage::Posted(Box::new(Posted {
        v: 1,
        account: kept.account.clone(),
        notification: kept.notification.clone(),
        connection: connection.id.clone(),
        target_server: target.target_server.clone(),
        mapping: connection.settings.mapping.clone(),
        source: kept.source.clone(),
        event_id: kept.event_id.clone(),
        event_type: kept.event_type.clone(),
        accepted_at: kept.accepted_at,
        deliver_until: until,
        content_type: kept.content_type.clone(),
        body_hash: kept.body_hash.clone(),
        size_bytes: kept.size_bytes,
        payload: kept.payload(),
    }))
}
