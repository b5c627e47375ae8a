//! Notifications: events that clients post, and what of them is owed to the targets of connections.

mod delivery;
mod kept;
mod payload;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id;

pub use delivery::{NotificationDelivery, ROW_KEPT_SECS};
pub use kept::{Kept, KeptState};
pub use payload::{MOST_WHOLE_BYTES, Payload, content_hash, content_hash_of};

/// The id of the notification that a source's event is: the same for every repeat.
pub fn notification_id(account: &str, source: &str, event_id: &str) -> String {
    id::derived("ntf", &[account, source, event_id])
}

/// How long a notification is tried at most: its row is kept for longer, so that it is never sent again as a new one.
const MOST_DELIVER_SECS: u32 = 28 * 86_400;

/// Until when a notification is tried that is accepted at `now`, milliseconds since 1970.
pub fn deliver_until(deliver_for_secs: Option<u32>, now: Timestamp) -> i64 {
    let secs = deliver_for_secs.unwrap_or(MOST_DELIVER_SECS).min(MOST_DELIVER_SECS);
    now.as_millisecond().saturating_add(i64::from(secs) * 1000)
}

/// When what waits for its target is looked at again, if the target's gate never lets it out: rarely, since that is a
/// write for each, and at the end of its time.
pub fn looked_at_again(deliver_until: i64, now: Timestamp) -> Timestamp {
    let until = Timestamp::from_millisecond(deliver_until).unwrap_or(Timestamp::MAX);
    now.saturating_add(SignedDuration::from_hours(12)).unwrap_or(until).min(until)
}

/// How long a payload is sure to be in the bucket, from when the notification was accepted.
const PAYLOAD_KEPT_MS: i64 = 34 * 86_400_000;

/// Until when a notification is tried that a person has sent again at `now`, milliseconds since 1970.
pub fn resend_until(accepted_at: i64, now: Timestamp) -> i64 {
    deliver_until(None, now).min(accepted_at.saturating_add(PAYLOAD_KEPT_MS))
}

/// A notification that was accepted, as it is owed to the target of one connection: a message of the queue
/// `deliveries`, and the only place where it is written down until its first claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// Version of this form.
    pub v: u8,
    /// Account.
    pub account: String,
    /// Id of the notification.
    pub notification: String,
    /// The connection that takes it.
    pub connection: String,
    /// The connection's target when it was accepted.
    pub target_server: String,
    /// The connection's mapping when it was accepted; without one the payload goes out as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<String>,
    /// Id of the source.
    pub source: String,
    /// What the client calls the event.
    pub event_id: String,
    /// Its type, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// When it was accepted, milliseconds since 1970.
    pub accepted_at: i64,
    /// Until when it is tried, milliseconds since 1970.
    pub deliver_until: i64,
    /// Content type of the payload.
    pub content_type: String,
    /// Hash of the payload: the same event with another payload is a conflict.
    pub body_hash: String,
    /// Bytes of the payload.
    pub size_bytes: u64,
    /// The payload, or where it is.
    pub payload: Payload,
}
