//! A source: where events come in from outside, and how their sender proves who it is.
//!
//! [`verify`] turns what came in into [`Verified`], and nothing else does; [`Place`] finds the event's id and
//! type in it. Neither opens a secret, reads the clock or stores anything.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{problem::FieldError, resource::Settings, secret::SecretField, signature::LiveSecret};

mod check;
mod headers;
mod place;
mod pointer;
mod verify;

pub use headers::Headers;
pub use place::{MOST_BYTES, Place, PlaceError};
pub use verify::{Incoming, Refused, TOLERANCE, Verified, verify};

/// Where events come in from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// For people.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it takes events.
    #[serde(default)]
    pub status: SourceStatus,
    /// How the sender proves who it is.
    pub verification: Verification,
    /// What it proves that with: any that has not ended counts, so that one can be replaced without a gap.
    pub secrets: Vec<LiveSecret>,
    /// Where the event's id stands: an event with an id that came before is taken once.
    pub event_id: Place,
    /// Where the event's type stands. Without it, events have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<Place>,
    /// Notifications a second that it takes, 1 to 500, and as many at once: more are answered 429. Without it, as many
    /// as come. Each request then costs one write more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
}

/// Whether a source takes events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceStatus {
    /// It does.
    #[default]
    Active,
    /// It refuses them.
    Disabled,
}

/// How a sender proves who it is. Which fields belong to which scheme, the schemes say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// The scheme.
    pub scheme: Scheme,
    /// Header with the signature or the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What stands before the signature or the key in that header, for example `sha256=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// How the signature is written. `hex` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// User name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// A way to prove who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Standard Webhooks `v1`: `webhook-id`, `webhook-timestamp` and `webhook-signature`. Secrets begin with
    /// `whsec_`.
    StandardWebhooks,
    /// HMAC-SHA256 over the raw body, as GitHub and Shopify do: `header`, and if need be `prefix` and
    /// `encoding`. It signs no time, so an old message passes again.
    HmacHeader,
    /// `t=…,v1=…`, as Stripe does, in `header` (`stripe-signature` without it).
    Stripe,
    /// A secret in `header` after `prefix`; without a header, in `authorization` after `Bearer `. It proves
    /// nothing about the body.
    ApiKey,
    /// `user`, with the secret as password, in `authorization`. It proves nothing about the body.
    Basic,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Two hex digits a byte, in either case.
    #[default]
    Hex,
    /// Padded standard base64.
    Base64,
}

impl Settings for Source {
    const KIND: &'static str = "SOURCE";
    const PREFIX: &'static str = "src";
    const WORD: &'static str = "source";

    fn validate(&self, _now: Timestamp) -> Vec<FieldError> {
        check::source(self)
    }

    fn secrets(&mut self) -> Vec<(String, &mut SecretField)> {
        self.secrets.iter_mut().map(|live| (format!("secrets.{}", live.name), &mut live.secret)).collect()
    }
}

#[cfg(test)]
mod tests;
