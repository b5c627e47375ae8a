//! A notification that is owed to one target: its row.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Posted;
use crate::{
    delivery::{DeathCause, DeliveryState, NotificationName, WaitingFor},
    keys,
};

/// How long a row is kept that nothing more will happen to: a repeat of the event within this time is known as one.
pub const ROW_KEPT_SECS: i64 = 30 * 86_400;

/// A notification that is owed to the target of one connection: a row under the notification. Its first claim makes
/// it. It stays under 1 KB, which is one write unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationDelivery {
    /// Account.
    pub account: String,
    /// Id of the notification.
    pub notification: String,
    /// The connection that takes it.
    pub connection: String,
    /// Target server.
    pub target_server: String,
    /// The mapping, if its payload is mapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<String>,
    /// Version of the mapping: every attempt has the same body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping_version: Option<u64>,
    /// Id of the source.
    pub source: String,
    /// What the client calls the event.
    pub event_id: String,
    /// Its type, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Where it stands.
    pub state: DeliveryState,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<WaitingFor>,
    /// Attempts begun.
    pub attempts: u32,
    /// Counts up with each holder; every write of a holder is conditional on it.
    pub epoch: u64,
    /// When it was accepted, milliseconds since 1970.
    pub accepted_at: i64,
    /// Until when it is tried, milliseconds since 1970.
    pub deliver_until: i64,
    /// Content type of the payload.
    pub content_type: String,
    /// Hash of the payload.
    pub body_hash: String,
    /// Bytes of the payload.
    pub size_bytes: u64,
    /// The payload in the bucket, once it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// When it has to be looked at again, milliseconds since 1970; absent once final, and at the first attempt, when
    /// the message it came with is still in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
    /// When the next attempt is to be made, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_at: Option<i64>,
    /// What the target answered last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_status: Option<u16>,
    /// How long the last attempt took, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ms: Option<u64>,
    /// When the last attempt ended, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<i64>,
    /// How the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The run that pushed it in a file, or left it out of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_by: Option<String>,
    /// Why it is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died_of: Option<DeathCause>,
    /// Times that the hub itself could not make the attempt, one after another.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hub_failures: u32,
    /// Times that its message ended in the dead-letter queue.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dead_letters: u32,
    /// When that was last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_dead_letter_at: Option<Timestamp>,
    /// Times that the same event came with another payload, which was not sent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub conflicts: u32,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl NotificationDelivery {
    /// The row of a notification that was posted, before anything is known of its state.
    pub fn posted(posted: &Posted, state: DeliveryState) -> Self {
        let object = match &posted.payload {
            super::Payload::Object(key) => Some(key.clone()),
            _ => None,
        };
        Self {
            account: posted.account.clone(),
            notification: posted.notification.clone(),
            connection: posted.connection.clone(),
            target_server: posted.target_server.clone(),
            mapping: posted.mapping.clone(),
            mapping_version: None,
            source: posted.source.clone(),
            event_id: posted.event_id.clone(),
            event_type: posted.event_type.clone(),
            state,
            waiting_for: None,
            attempts: 0,
            epoch: 1,
            accepted_at: posted.accepted_at,
            deliver_until: posted.deliver_until,
            content_type: posted.content_type.clone(),
            body_hash: posted.body_hash.clone(),
            size_bytes: posted.size_bytes,
            object,
            due: None,
            attempt_at: None,
            last_status: None,
            last_ms: None,
            last_at: None,
            last_error: None,
            pushed_by: None,
            died_of: None,
            hub_failures: 0,
            dead_letters: 0,
            last_dead_letter_at: None,
            conflicts: 0,
        }
    }

    /// What it is called: also the id under which its target gets it, with every attempt.
    pub fn name(&self) -> NotificationName {
        NotificationName { notification: self.notification.clone(), connection: self.connection.clone() }
    }

    /// Where its payload is in the bucket, once it waits: also where its holder died before the row said so.
    pub fn payload_object(&self) -> String {
        let key = || keys::notification_object(&self.account, &self.notification, &self.body_hash);
        self.object.clone().unwrap_or_else(key)
    }
}
