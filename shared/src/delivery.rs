//! Batches owed to a target: their row, and when they are tried again.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryState {
    /// A function holds it and sends.
    Sending,
    /// It waits for its release or its next attempt: `waiting_for` says which.
    Waiting,
    /// The target has it.
    Delivered,
    /// Attempts ran out.
    Dead,
}

impl DeliveryState {
    /// Says whether nothing more will be sent.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Dead)
    }
}

/// What a delivery in WAITING waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    /// The run is still reading; nothing is sent before all of it is mapped.
    Release,
    /// The time of the next attempt.
    NextAttempt,
}

/// What a target answered for a batch, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// Created.
    pub created: u64,
    /// Updated.
    pub updated: u64,
    /// Deleted.
    pub deleted: u64,
    /// Found as they were.
    pub unchanged: u64,
    /// Refused.
    pub errors: u64,
}

impl Outcome {
    /// Records that are settled.
    pub fn records(&self) -> u64 {
        self.created + self.updated + self.deleted + self.unchanged + self.errors
    }
}

/// A part of a run's records, owed to one target: a row under the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Stable id, sent as Idempotency-Key with every attempt.
    pub id: String,
    /// Account.
    pub account: String,
    /// Run.
    pub run: String,
    /// Connection.
    pub connection: String,
    /// Target server.
    pub target_server: String,
    /// Ordinal of the first record of the batch that was read; a split part keeps it.
    pub first_ordinal: u64,
    /// 0 as read; counts up with each part that an incomplete answer left over.
    pub part: u32,
    /// Where it stands.
    pub state: DeliveryState,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<WaitingFor>,
    /// Attempts begun.
    pub attempts: u32,
    /// Records in it.
    pub records: u64,
    /// Payload in the bucket: a [`crate::wire::StagedBatch`].
    pub object: String,
    /// Counts up with each holder; every write of a holder is conditional on it.
    pub epoch: u64,
    /// Epoch of the run that staged it.
    pub staged_by: u64,
    /// When it was staged, milliseconds since 1970.
    pub accepted_at: i64,
    /// When it has to be looked at again, milliseconds since 1970; absent once final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
    /// When the next attempt is to be made, milliseconds since 1970. Unlike `due`, which `dispatch` puts off
    /// before it sends a message, it stays as it is until the batch is claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_at: Option<i64>,
    /// How the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// What the target answered.
    #[serde(default)]
    pub outcome: Outcome,
    /// The target's answers record by record, where it gave any: a [`crate::wire::Answers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_object: Option<String>,
}

/// Seconds between attempts where a target states none: 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
///
/// Source: the Standard Webhooks specification's schedule.
pub const DEFAULT_RETRY_SECS: &[u32] = &[5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// When to try again after `attempts` failed attempts, or `None` when none is left.
///
/// `jitter` in 0..=1 moves the wait within ±20%, so that what failed together does not come back together.
pub fn next_attempt(attempts: u32, retry_secs: &[u32], jitter: f64, now: Timestamp) -> Option<Timestamp> {
    let wait = retry_secs.get(usize::try_from(attempts.checked_sub(1)?).ok()?)?;
    let factor = 0.8 + 0.4 * jitter.clamp(0.0, 1.0);
    let millis = (f64::from(*wait) * 1000.0 * factor) as i64;
    now.checked_add(jiff::SignedDuration::from_millis(millis)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_follow_the_schedule_within_a_fifth_and_end() {
        let now = Timestamp::UNIX_EPOCH;
        let wait = |attempts, jitter| {
            next_attempt(attempts, &[1, 10], jitter, now).map(|t| t.duration_since(now).as_millis())
        };
        assert_eq!(wait(1, 0.5), Some(1000));
        assert_eq!(wait(2, 0.0), Some(8000));
        assert_eq!(wait(2, 1.0), Some(12_000));
        assert_eq!(wait(3, 0.5), None);
        assert_eq!(wait(0, 0.5), None);
    }
}
