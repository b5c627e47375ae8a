//! What the hub has to tell an account's own people: operational notifications, handed out as those of the source
//! `hub`.
//!
//! Each is written in the transaction that makes it true, and handed out from there. What becomes of delivering them
//! is not announced in turn.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    connection::HUB,
    notification::{Kept, KeptState, content_hash, notification_id},
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A target answered that it wants nothing more.
    TargetDisabled,
    /// A target failed time after time: what is owed to it waits.
    BreakerOpened,
    /// A target is back.
    BreakerClosed,
    /// A notification is not sent any more.
    DeliveryDead,
    /// A run ended in ERROR or PARTIAL.
    RunFailed,
    /// Due times of a schedule passed unclaimed.
    RunMissed,
    /// A secret of a source or of a target server ends soon.
    SecretEnding,
}

impl Happened {
    /// The notification's type.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::TargetDisabled => "target.disabled",
            Self::BreakerOpened => "breaker.opened",
            Self::BreakerClosed => "breaker.closed",
            Self::DeliveryDead => "delivery.dead",
            Self::RunFailed => "run.failed",
            Self::RunMissed => "run.missed",
            Self::SecretEnding => "secret.ending",
        }
    }
}

/// Builds the notification. `key` names the occasion: the same occasion is one notification, however often it is
/// announced.
pub fn announcement(account: &str, happened: Happened, key: &[&str], data: Value, now: Timestamp) -> Kept {
    let event_type = happened.event_type();
    let event_id = crate::id::derived("evt", &[&[event_type], key].concat());
    let body = json!({
        "type": event_type, "id": event_id, "timestamp": now.to_string(), "account": account, "data": data,
    })
    .to_string();
    let content_type = "application/json".to_string();
    Kept {
        account: account.into(),
        notification: notification_id(account, HUB, &event_id),
        source: HUB.into(),
        event_id,
        event_type: Some(event_type.into()),
        kept_state: KeptState::Pending,
        accepted_at: now.as_millisecond(),
        body_hash: content_hash(&content_type, body.as_bytes()),
        content_type,
        size_bytes: body.len() as u64,
        object: String::new(),
        inline: Some(body),
        posted: None,
        to: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_occasion_is_one_notification_and_another_another() {
        let at = |secs| Timestamp::from_second(secs).unwrap();
        let build = |key: &[&str], secs| announcement("acme", Happened::RunFailed, key, json!({}), at(secs));
        assert_eq!(build(&["run_1"], 1).notification, build(&["run_1"], 2).notification);
        assert_ne!(build(&["run_1"], 1).notification, build(&["run_2"], 1).notification);
        let kept = build(&["run_1"], 1);
        let body: Value = serde_json::from_str(kept.inline.as_deref().unwrap()).unwrap();
        assert_eq!(body["type"], "run.failed");
        assert_eq!(body["id"], kept.event_id);
    }
}
