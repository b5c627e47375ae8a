//! Who wants a notification, and handing it to the queue for each of them.

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;
use shared::{
    connection::{Connection, Incoming},
    keys,
    message::DeliveryMessage,
    notification::{
        Kept, KeptState, NotificationDelivery, Payload, Posted, content_hash, content_hash_of, deliver_until,
        notification_id, resend_until,
    },
    resource::Resource,
};

use crate::{Context, address::Address, refusal::Refusal, sources::Ready, upload::Upload};

/// A payload that would take more room than this in the queue, over all who want it, goes through the bucket.
const MOST_INLINE_BYTES: usize = 64 * 1024;

/// Notifications of one request that are looked up at once.
const AT_ONCE: usize = 16;

/// A verified event.
pub(crate) struct Event<'a> {
    pub(crate) id: String,
    pub(crate) event_type: Option<String>,
    pub(crate) content_type: String,
    /// Its payload, or what stands for one that was uploaded. Conditions are asked of it.
    pub(crate) body: &'a [u8],
    /// Its payload, where that was uploaded.
    pub(crate) upload: Option<Upload>,
}

impl Event<'_> {
    fn content_hash(&self) -> String {
        match &self.upload {
            Some(upload) => content_hash_of(&self.content_type, upload.sha256()),
            None => content_hash(&self.content_type, self.body),
        }
    }
}

/// How an event was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It is in the queue.
    HandedOn,
    /// No connection wants it: it is kept.
    Unrouted,
    /// All of it was there already.
    Repeat,
}

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is in the queue, or kept.
    Accepted {
        /// Id of the notification.
        id: String,
        /// What else there is to say of it.
        how: How,
    },
    /// The same id came before with another payload.
    Conflict {
        /// Id of the notification.
        id: String,
    },
}

/// Hands events on, and answers what became of each. Nothing is acknowledged before the queue has it: where a call
/// fails, the sender is told to send all of it again, and what is there already is known by then.
pub(crate) async fn fan_out(
    context: &Context,
    address: &Address<'_>,
    ready: &Ready,
    events: &[Event<'_>],
    now: Timestamp,
) -> Result<Vec<Taken>, Refusal> {
    // Of two events of one request with the same id, the first counts.
    let mut seen: HashMap<&str, &[u8]> = HashMap::new();
    let first: Vec<Option<Taken>> = events
        .iter()
        .map(|event| {
            let before = seen.insert(&event.id, event.body)?;
            seen.insert(&event.id, before);
            let id = notification_id(address.account, address.source, &event.id);
            Some(if before == event.body {
                Taken::Accepted { id, how: How::Repeat }
            } else {
                Taken::Conflict { id }
            })
        })
        .collect();
    let one = async |(event, known): (&Event<'_>, Option<Taken>)| match known {
        Some(taken) => Ok(Handed::done(taken)),
        None => hand_on(context, address, ready, event, now).await,
    };
    let mut handed: Vec<Handed> =
        stream::iter(events.iter().zip(first)).map(one).buffered(AT_ONCE).try_collect().await?;
    let messages: Vec<_> = handed.iter_mut().flat_map(|h| std::mem::take(&mut h.messages)).collect();
    context.deliveries.send_all(address.account, &messages).await.map_err(Refusal::Unavailable)?;
    // What was listed as unrouted stays so until the queue has it.
    for kept in handed.iter().filter_map(|h| h.routes.as_ref()) {
        let routed = context.table.notification_routed(kept, KeptState::Routed).await;
        routed.map_err(Refusal::Unavailable)?;
    }
    Ok(handed.into_iter().map(|h| h.taken).collect())
}

/// What an event becomes.
struct Handed {
    taken: Taken,
    messages: Vec<DeliveryMessage>,
    /// What was kept of it, which a connection wants by now.
    routes: Option<Kept>,
}

impl Handed {
    fn done(taken: Taken) -> Self {
        Self { taken, messages: Vec::new(), routes: None }
    }
}

/// What an event becomes; what no connection wants is kept.
async fn hand_on(
    context: &Context,
    address: &Address<'_>,
    ready: &Ready,
    event: &Event<'_>,
    now: Timestamp,
) -> Result<Handed, Refusal> {
    let id = notification_id(address.account, address.source, &event.id);
    let body_hash = event.content_hash();
    let known = context.table.known_notification(address.account, &id, now).await;
    let (kept, deliveries) = known.map_err(Refusal::Unavailable)?;
    let is_other = |hash: &str| hash != body_hash;
    if kept.as_ref().is_some_and(|k| is_other(&k.body_hash))
        || deliveries.iter().any(|d| is_other(&d.body_hash))
    {
        return Ok(Handed::done(Taken::Conflict { id }));
    }
    let wanted = wanted_by(address.source, ready, event);
    if wanted.is_empty() {
        let repeat = kept.is_some() || !deliveries.is_empty();
        if !repeat {
            keep(context, address, event, &id, &body_hash, now).await?;
        }
        let how = if repeat { How::Repeat } else { How::Unrouted };
        return Ok(Handed::done(Taken::Accepted { id, how }));
    }
    let before = deliveries.first().map(|d| (d.size_bytes, d.accepted_at));
    let before = before.or_else(|| kept.as_ref().map(|k| (k.size_bytes, k.accepted_at)));
    let left = left_to_send(&wanted, &deliveries);
    if left.is_empty() {
        return Ok(Handed::done(Taken::Accepted { id, how: How::Repeat }));
    }
    let is_inline = event.upload.is_none() && event.body.len() * left.len() <= MOST_INLINE_BYTES;
    let (payload, size_bytes, kept_since) = match is_inline {
        true => (Payload::inline(event.body), event.body.len() as u64, now.as_millisecond()),
        false => match (put(context, address, &id, &body_hash, event).await, before) {
            (Ok((object, size_bytes)), _) => (Payload::Object(object), size_bytes, now.as_millisecond()),
            // The upload is gone, and what was kept of it when the event came first is not.
            (Err(Refusal::NoUpload(_)), Some((size_bytes, since)))
                if size_bytes > MOST_INLINE_BYTES as u64 =>
            {
                let object = keys::notification_object(address.account, &id, &body_hash);
                (Payload::Object(object), size_bytes, since)
            }
            (Err(refusal), _) => return Err(refusal),
        },
    };
    let posted = |connection: &&Resource<Connection>| {
        DeliveryMessage::Posted(Box::new(Posted {
            v: 1,
            account: address.account.into(),
            notification: id.clone(),
            connection: connection.id.clone(),
            target_server: connection.settings.target.target_server.clone(),
            mapping: connection.settings.mapping.clone(),
            source: address.source.into(),
            event_id: event.id.clone(),
            event_type: event.event_type.clone(),
            accepted_at: now.as_millisecond(),
            deliver_until: deliver_until(connection.settings.target.deliver_for_secs, now)
                .min(resend_until(kept_since, now)),
            content_type: event.content_type.clone(),
            body_hash: body_hash.clone(),
            size_bytes,
            payload: payload.clone(),
        }))
    };
    let messages = left.iter().map(posted).collect();
    let routes = kept.filter(|k| k.kept_state == KeptState::Unrouted);
    Ok(Handed { taken: Taken::Accepted { id, how: How::HandedOn }, messages, routes })
}

fn wanted_by<'a>(source: &str, ready: &'a Ready, event: &Event<'_>) -> Vec<&'a Resource<Connection>> {
    let sides = ready.connections.iter().filter_map(|c| Some((c, c.settings.notifications()?)));
    let mut payload: Option<Option<Value>> = None; // read once, where a condition asks for it
    sides
        .filter(|(_, side)| {
            if !side.conditions.is_empty() && payload.is_none() {
                payload = Some(serde_json::from_slice(event.body).ok());
            }
            let payload = payload.as_ref().and_then(Option::as_ref);
            side.takes(Incoming { source, event_type: event.event_type.as_deref(), payload })
        })
        .map(|(connection, _)| connection)
        .collect()
}

/// Those of the connections that have no row for it yet: a request that was cut off is taken up where it stopped.
fn left_to_send<'a>(
    wanted: &[&'a Resource<Connection>],
    deliveries: &[NotificationDelivery],
) -> Vec<&'a Resource<Connection>> {
    wanted.iter().filter(|c| deliveries.iter().all(|d| d.connection != c.id)).copied().collect()
}

async fn keep(
    context: &Context,
    address: &Address<'_>,
    event: &Event<'_>,
    id: &str,
    body_hash: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    let (object, size_bytes) = put(context, address, id, body_hash, event).await?;
    let kept = Kept {
        account: address.account.into(),
        notification: id.into(),
        source: address.source.into(),
        event_id: event.id.clone(),
        event_type: event.event_type.clone(),
        kept_state: KeptState::Unrouted,
        accepted_at: now.as_millisecond(),
        content_type: event.content_type.clone(),
        body_hash: body_hash.into(),
        size_bytes,
        object,
        inline: None,
        posted: event.upload.is_some().then(|| String::from_utf8_lossy(event.body).into_owned()),
        to: Vec::new(),
    };
    // Another request with the same event may have been faster: then it is kept.
    context.table.keep_notification(&kept, now).await.map_err(Refusal::Unavailable)?;
    Ok(())
}

/// Puts a payload into the bucket; its key and its size.
async fn put(
    context: &Context,
    address: &Address<'_>,
    id: &str,
    body_hash: &str,
    event: &Event<'_>,
) -> Result<(String, u64), Refusal> {
    let object = keys::notification_object(address.account, id, body_hash);
    if let Some(upload) = &event.upload {
        let size_bytes = upload.keep_as(context, address, &object).await?;
        return Ok((object, size_bytes));
    }
    context.bucket.put(&object, event.body.to_vec()).await.map_err(Refusal::Unavailable)?;
    Ok((object, event.body.len() as u64))
}
