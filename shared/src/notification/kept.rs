//! A notification that is kept as itself, beside what is owed of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Payload;

/// Where a notification stands that is kept as itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeptState {
    /// No connection wanted it.
    Unrouted,
    /// It is to be handed out.
    Pending,
    /// It was handed out.
    Routed,
}

/// A notification that is kept as itself, with its payload in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Account.
    pub account: String,
    /// Id.
    pub notification: String,
    /// Id of the source.
    pub source: String,
    /// What the client calls the event.
    pub event_id: String,
    /// Its type, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Where it stands.
    pub kept_state: KeptState,
    /// When it was accepted, milliseconds since 1970.
    pub accepted_at: i64,
    /// Content type of the payload.
    pub content_type: String,
    /// Hash of the payload.
    pub body_hash: String,
    /// Bytes of the payload.
    pub size_bytes: u64,
    /// The payload in the bucket; empty where it is `inline`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub object: String,
    /// The payload itself, where it is one of the hub's own, which are small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
    /// What was posted of one whose payload was uploaded: conditions are asked of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted: Option<String>,
    /// The connections that it is to be handed out to; without any, to those that want it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
}

impl Kept {
    /// Its payload, or where that is.
    pub fn payload(&self) -> Payload {
        match &self.inline {
            Some(text) => Payload::Text(text.clone()),
            None => Payload::Object(self.object.clone()),
        }
    }
}
