//! Batches owed to a target: their row, their name, and when they are tried again.

mod attempts;
mod name;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::counts::{Counts, CountsError, Settled};

pub use attempts::{Attempts, DEFAULT_RETRY_SECS, Next, deliver_until, hub_wait_secs};
pub use name::{BatchName, DeliveryName, NotificationName};

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryState {
    /// A function holds it and sends.
    Sending,
    /// It waits for its release or its next attempt: `waiting_for` says which.
    Waiting,
    /// The target has it.
    Delivered,
    /// It was sent, what came of it is not known, and the target's policy is `park`: a person decides.
    Unknown,
    /// It is not sent any more: `died_of` says why.
    Dead,
}

impl DeliveryState {
    /// Says whether nothing more will be sent.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Dead)
    }
}

/// Why a delivery is not sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeathCause {
    /// Every attempt of the target's schedule failed, or the target is no longer there.
    Undeliverable,
    /// The run's `deliver_until` passed.
    Expired,
    /// It was sent, what came of it was never known, and the run's `deliver_until` passed.
    OutcomeUnknown,
    /// The hub itself failed to handle its message, time after time.
    DeadLetter,
    /// A person cancelled the run.
    Cancelled,
    /// Its payload does not fit the connection's mapping.
    Unmappable,
    /// The connection's mapping filters it: on purpose, nothing is sent.
    Filtered,
}

impl DeathCause {
    /// Stable code, which is the reason of the batch's records.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Undeliverable => "undeliverable",
            Self::Expired => "expired",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::DeadLetter => "dead_letter",
            Self::Cancelled => "cancelled",
            Self::Unmappable => "unmappable",
            Self::Filtered => "filtered",
        }
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
    /// The target: it is paused, disabled or failing, or its limits leave no room. `dispatch` sees to it that what
    /// waits longest goes first.
    Target,
    /// The next flush of its target's buffer: it goes into a file.
    Flush,
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
    /// Not sent, as the target's policy for files says.
    #[serde(default)]
    pub filtered: u64,
}

impl Outcome {
    /// Records that are settled.
    pub fn records(&self) -> u64 {
        self.created + self.updated + self.deleted + self.unchanged + self.errors + self.filtered
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
    /// Size of that object, bytes; 0 where it was staged before rows told.
    #[serde(default)]
    pub size_bytes: u64,
    /// Counts up with each holder, and with each file that it is taken up for; every write of a holder is conditional on it.
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
    /// Why it is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died_of: Option<DeathCause>,
    /// The run that takes its records again, since it died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried_by: Option<String>,
    /// Runs that were to take its records again and sent nothing.
    #[serde(default)]
    pub failed_retries: u32,
    /// Times that the hub itself could not make the attempt, one after another.
    #[serde(default)]
    pub hub_failures: u32,
    /// Times that its message ended in the dead-letter queue.
    #[serde(default)]
    pub dead_letters: u32,
    /// When that was last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_dead_letter_at: Option<Timestamp>,
    /// What the target answered.
    #[serde(default)]
    pub outcome: Outcome,
    /// The target's answers record by record, where it gave any: a [`crate::wire::Answers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_object: Option<String>,
    /// Of a batch that waits for a flush: until when, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flush_until: Option<i64>,
    /// Number of the target's file that it was last taken up for. While that file's batch is open, the file decides what
    /// becomes of it, and nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_file: Option<u64>,
    /// The run that pushed it in a file, or left it out of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_by: Option<String>,
    /// Remote path of the file that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_as: Option<String>,
}

/// What the report says of the records of a batch that was cancelled, with how its last attempt failed, if one was
/// made.
pub fn why_cancelled(last_error: Option<&str>) -> String {
    match last_error {
        Some(last) => format!("the run was cancelled; the last attempt before that failed: {last}"),
        None => "the run was cancelled before this was sent".into(),
    }
}

/// A run's counts with what the rows of its batches say, without a look at single records. What they leave open is
/// an error.
///
/// # Errors
/// When the rows settle more records than the run owes.
pub fn settle_by_rows(mut counts: Counts, batches: &[Batch]) -> Result<Counts, CountsError> {
    for outcome in batches.iter().map(|b| b.outcome) {
        for (how, records) in [
            (Settled::Created, outcome.created),
            (Settled::Updated, outcome.updated),
            (Settled::Deleted, outcome.deleted),
            (Settled::Unchanged, outcome.unchanged),
            (Settled::Error, outcome.errors),
            (Settled::Filtered, outcome.filtered),
        ] {
            counts.settle(how, records)?;
        }
    }
    counts.settle(Settled::Error, counts.owed())?;
    Ok(counts)
}
