//! The events of both paths.

use anyhow::Result;
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::{
    delivery::NotificationName,
    keys,
    message::DeliveryMessage,
    notification::{MOST_WHOLE_BYTES, Payload, Posted, content_hash, deliver_until, notification_id},
};

use super::{Taker, Wiring};
use crate::{faults::world::World, rows::now};

/// The content type of every event.
pub const CONTENT_TYPE: &str = "application/json";

/// An event, and who takes it.
#[derive(Clone, Debug)]
pub struct Event {
    /// What the client calls it.
    pub id: String,
    /// Its type, as the source reads it.
    pub event_type: Option<&'static str>,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Those who take it.
    pub takers: Vec<Taker>,
    /// Whether its payload goes through the bucket.
    pub by_bucket: bool,
    /// Whether the client uploads its payload.
    pub is_uploaded: bool,
}

fn event(id: &str, event_type: &'static str, padding: usize, takers: &[&Taker]) -> Event {
    let body = json!({ "type": event_type, "id": id, "navn": "Åse  Ø", "padding": "x".repeat(padding) });
    Event {
        id: id.into(),
        event_type: Some(event_type),
        body: body.to_string().into_bytes(),
        takers: takers.iter().copied().cloned().collect(),
        by_bucket: false,
        is_uploaded: false,
    }
}

/// Two connections take the first; the payload of the second goes through the bucket; no connection wants the third; the
/// payload of the fourth was uploaded.
pub fn posted(wiring: &Wiring) -> [Event; 4] {
    [
        event("evt-small", "order.created", 0, &[&wiring.plain, &wiring.limited]),
        event("evt-large", "order.closed", 70_000, &[&wiring.plain]),
        event("evt-unwanted", "weather", 0, &[]),
        Event { is_uploaded: true, ..event("evt-uploaded", "order.closed", 70_000, &[&wiring.plain]) },
    ]
}

/// Is answered 500 at first.
pub(super) fn refused(wiring: &Wiring) -> Event {
    event("evt-refused", "order.closed", 0, &[&wiring.plain])
}

/// Is taken by an endpoint that hangs up at first; it is no JSON, and has no type.
pub(super) fn taken_and_hung_up_on(wiring: &Wiring) -> Event {
    let body = "\u{feff}order;closed\r\n\0\tÅse  Ø\r\n".into();
    Event { event_type: None, body, ..event("evt-hung-up", "order.closed", 0, &[&wiring.plain]) }
}

/// Comes with its payload in the bucket, too large to be handled whole.
pub(super) fn by_bucket(wiring: &Wiring) -> Event {
    Event { by_bucket: true, ..event("evt-bucket", "order.closed", MOST_WHOLE_BYTES, &[&wiring.plain]) }
}

/// Comes while its target's gate is shut.
pub(super) fn held(wiring: &Wiring) -> Event {
    event("evt-held", "order.created", 0, &[&wiring.limited])
}

/// Was kept before the plain connection wanted it, and is handed out to those that want it.
pub fn kept(wiring: &Wiring) -> Event {
    event("evt-kept", "order.closed", 0, &[&wiring.plain])
}

/// One that goes into a file.
pub fn filed(id: &str, files: &Taker) -> Event {
    event(id, "file.event", 0, &[files])
}

/// One that goes into a file, with so many bytes more than it needs, by the bucket.
pub fn filed_by_bucket(id: &str, padding: usize, files: &Taker) -> Event {
    Event { by_bucket: true, ..event(id, "file.event", padding, &[files]) }
}

/// One that the plain connection takes, with so many bytes more than it needs.
pub fn plain(id: &str, padding: usize, wiring: &Wiring) -> Event {
    event(id, "order.closed", padding, &[&wiring.plain])
}

impl Event {
    /// Id of the notification that it is.
    pub fn notification(&self, world: &World) -> String {
        notification_id(world.account(), &world.setting.wiring.source, &self.id)
    }

    /// Its deliveries.
    pub fn deliveries(&self, world: &World) -> Vec<NotificationName> {
        let name = |taker: &Taker| NotificationName {
            notification: self.notification(world),
            connection: taker.connection.clone(),
        };
        self.takers.iter().map(name).collect()
    }

    /// Where its payload is in the bucket, if it is there.
    pub fn object(&self, world: &World) -> String {
        let hash = content_hash(CONTENT_TYPE, &self.body);
        keys::notification_object(world.account(), &self.notification(world), &hash)
    }

    /// Where a client uploads its payload to.
    pub fn upload_object(&self, world: &World) -> String {
        let hash = shared::id::hex(&Sha256::digest(&self.body));
        keys::upload_object(world.account(), &world.setting.wiring.source, &hash)
    }

    /// What is posted: its payload, or what names the upload.
    pub(super) fn posted_body(&self) -> Vec<u8> {
        if !self.is_uploaded {
            return self.body.clone();
        }
        let upload = format!("upl_{}", shared::id::hex(&Sha256::digest(&self.body)));
        json!({ "type": self.event_type, "upload": upload, "content_type": CONTENT_TYPE })
            .to_string()
            .into_bytes()
    }

    /// The messages that `intake` makes of it.
    ///
    /// # Errors
    /// When its payload cannot be put where they say.
    pub async fn messages(&self, world: &World) -> Result<Vec<DeliveryMessage>> {
        let payload = if self.by_bucket {
            let object = self.object(world);
            world.bucket.put(&object, self.body.clone()).await?;
            Payload::Object(object)
        } else {
            Payload::inline(&self.body)
        };
        let posted = |taker: &Taker| {
            DeliveryMessage::Posted(Box::new(Posted {
                v: 1,
                account: world.account().into(),
                notification: self.notification(world),
                connection: taker.connection.clone(),
                target_server: taker.target.clone(),
                mapping: None,
                source: world.setting.wiring.source.clone(),
                event_id: self.id.clone(),
                event_type: self.event_type.map(str::to_string),
                accepted_at: now().as_millisecond(),
                deliver_until: deliver_until(None, now()),
                content_type: CONTENT_TYPE.into(),
                body_hash: content_hash(CONTENT_TYPE, &self.body),
                size_bytes: self.body.len() as u64,
                payload: payload.clone(),
            }))
        };
        Ok(self.takers.iter().map(posted).collect())
    }
}
