//! A run: one execution of a connection, or one push to a target server, and its report.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{connection::Connection, counts::Counts};

pub use crate::export::{Output, OutputResult};

/// What made a run start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A schedule.
    Scheduled,
    /// A person or a system that asked for it.
    Manual,
    /// A push of a real-time target.
    Realtime,
    /// An agent.
    Agent,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// Admitted, waiting for a function.
    Queued,
    /// Reading and mapping.
    Running,
    /// Everything is read and mapped; the target owes answers.
    Delivering,
    /// Every record is accounted for and none is in error.
    Complete,
    /// Some records are in error.
    Partial,
    /// The run failed: `failure` says why.
    Error,
    /// A person stopped it.
    Cancelled,
    /// Never started: the connection had another run, or was disabled.
    Skipped,
    /// Its time passed while nothing could start it.
    Missed,
}

impl RunStatus {
    /// Says whether nothing more will happen to the run.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running | Self::Delivering)
    }
}

/// Code of the failure of a run whose errors are more than its connection allows: nothing was sent.
pub const TOO_MANY_ERRORS: &str = "too_many_errors";

/// Which side a failure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The server that files come from.
    Source,
    /// The file's content, or what the mapping says of it.
    Mapping,
    /// The system that records go to.
    Target,
    /// The connection's settings.
    Settings,
    /// The hub itself.
    Hub,
}

/// Why a run failed or was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// Which side it comes from.
    pub origin: Origin,
    /// Stable code, for example `host_key_mismatch`.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
    /// Whether the same run might go through later with nothing changed.
    pub retryable: bool,
}

impl Failure {
    /// Makes a failure.
    pub fn new(origin: Origin, code: &str, message: impl Into<String>, retryable: bool) -> Self {
        Self { origin, code: code.into(), message: message.into(), retryable }
    }
}

/// Due times that passed while nothing could start them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missed {
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// How many they are, the first and the last included.
    pub count: u64,
    /// Whether there were more than `count`: very many are not counted to the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
}

/// A file that a run took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    /// Remote path; of an upload its name.
    pub path: String,
    /// The upload that it came by, where it came by one: no server was asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// Bytes.
    pub size_bytes: u64,
    /// Remote time of change, seconds since 1970; of an upload the time at which it was announced.
    pub mtime: i64,
    /// SHA-256 of the content, hex.
    pub sha256: String,
    /// Where the whole file is in the bucket.
    pub object: String,
    /// When it was taken. Of two files that say different things of a key, the one taken later holds.
    #[serde(default)]
    pub taken_at: Timestamp,
    /// Set when it was not mapped: the path whose content, taken last, was the same to the byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_content_as: Option<String>,
    /// How it came.
    #[serde(default)]
    pub transfer: Transfer,
}

/// How a file was carried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Transfer {
    /// How long it took, milliseconds; of small files that were read together, how long all of them took.
    pub duration_ms: u64,
    /// Invocations that carried some of it.
    pub attempts: u32,
    /// What the server says it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// What it was encrypted by on its way.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cipher: String,
}

/// A file that is in the bucket in part: the next holder goes on from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartialInput {
    /// Remote path.
    pub path: String,
    /// Bytes of the whole file.
    pub size_bytes: u64,
    /// Remote time of change, seconds since 1970.
    pub mtime: i64,
    /// Id of the upload in parts; not shown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub upload: String,
    /// Parts of it that are in the bucket.
    pub parts: u32,
    /// Where hashing them stands, Base64; not shown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256_state: String,
    /// How they came.
    pub transfer: Transfer,
}

/// One execution of a connection, or one push to a target server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Id; the same for the same schedule and time, event, or Idempotency-Key.
    pub id: String,
    /// Account.
    pub account: String,
    /// Connection; absent for a push, which may carry what several connections put into the buffer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub connection: String,
    /// Of a push: the target server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_server: Option<String>,
    /// What made it start.
    pub trigger: Trigger,
    /// The schedule, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// What part of the source it covers, as the caller said. Free-form; recorded, not yet acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The upload whose file is its only input; nothing is taken from a server then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<String>,
    /// The run whose inputs this one takes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<String>,
    /// The id of the API key by which a person confirmed the deletes that the run in `rerun_of` was refused for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletes_confirmed_by: Option<String>,
    /// The dead batch whose records alone this run takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RetryOf>,
    /// The run whose failed records alone this run takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_of: Option<String>,
    /// The run that takes its failed records again, or all of them. Who wants them once more reruns that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_again_by: Option<String>,
    /// Whether it only reads and maps, and says what it would send.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub validate_only: bool,
    /// Where it stands.
    pub status: RunStatus,
    /// The due time it answers; of a MISSED run the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_for: Option<Timestamp>,
    /// The due times that a MISSED run stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
    /// When it was admitted or skipped.
    pub requested_at: Timestamp,
    /// When work began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it became final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What became of its records.
    #[serde(default)]
    pub counts: Counts,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Things a person should know that did not stop the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Files, in the order in which they are mapped.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// The file that is on its way, where an invocation ended in the middle of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial_input: Option<PartialInput>,
    /// Of a push: its files, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// Whether `inputs` is complete: nothing more is taken from the server.
    #[serde(default)]
    pub inputs_complete: bool,
    /// Why its files are not all that the connection selects, where they are not: then no record is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_behind: Option<String>,
    /// The mapping and its version, pinned at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<PinnedMapping>,
    /// The connection's settings, pinned at the start: whoever goes on with the run does the same with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Connection>,
    /// ETag of the change-detection state that the run compares with; empty when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_etag: Option<String>,
    /// Whether a person asked to stop it while it was delivering: what is not sent by then is not sent any more.
    #[serde(default)]
    pub cancel_requested: bool,
    /// Batches released to the target.
    #[serde(default)]
    pub batches_total: u64,
    /// Until when they are tried; what is left then is an error `expired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_until: Option<Timestamp>,
    /// Times that its message ended in the dead-letter queue.
    #[serde(default)]
    pub dead_letters: u32,
    /// When that was last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_dead_letter_at: Option<Timestamp>,
    /// The holder that released them: batches that an earlier one staged are not the run's.
    #[serde(default)]
    pub released_by: u64,
    /// Counts up with each holder of the work lease; every write of a holder is conditional on it.
    #[serde(default)]
    pub epoch: u64,
    /// The last holder that got the run further before its time ran out.
    #[serde(default)]
    pub progress_epoch: u64,
    /// Batches that were counted as final. A hint: the batch rows are the truth.
    #[serde(default)]
    pub batches_final: u64,
    /// How many that were when the run was looked at last.
    #[serde(default)]
    pub batches_final_seen: u64,
}

/// A dead batch of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RetryOf {
    /// That run.
    pub run: String,
    /// Ordinal of its first record.
    pub first_ordinal: u64,
    /// Its part.
    pub part: u32,
    /// Its payload in the bucket, which names its records.
    pub object: String,
    /// Partition under which its target owes it.
    pub owed_by: String,
}

/// The version of a mapping that a run uses from beginning to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PinnedMapping {
    /// Id.
    pub id: String,
    /// Version, from 1.
    pub version: u64,
}

/// Most warnings that a run keeps, and most characters of each: its row has 400 KB.
const MOST_WARNINGS: usize = 50;
const MOST_WARNING_CHARS: usize = 600;

impl Run {
    /// Adds a warning. After 50 it only says that there are more.
    pub fn warn(&mut self, warning: String) {
        match self.warnings.len() {
            n if n < MOST_WARNINGS => {
                self.warnings.push(warning.chars().take(MOST_WARNING_CHARS).collect());
            }
            MOST_WARNINGS => self.warnings.push("there are more warnings than are kept".into()),
            _ => {}
        }
    }

    /// Makes a run that waits for a function.
    pub fn queued(id: String, account: &str, connection: &str, trigger: Trigger, now: Timestamp) -> Self {
        Self {
            id,
            account: account.into(),
            connection: connection.into(),
            target_server: None,
            trigger,
            schedule: None,
            scope: None,
            upload: None,
            rerun_of: None,
            deletes_confirmed_by: None,
            retry_of: None,
            failed_of: None,
            taken_again_by: None,
            validate_only: false,
            status: RunStatus::Queued,
            scheduled_for: None,
            missed: None,
            requested_at: now,
            started_at: None,
            ended_at: None,
            counts: Counts::default(),
            failure: None,
            warnings: Vec::new(),
            inputs: Vec::new(),
            partial_input: None,
            outputs: Vec::new(),
            inputs_complete: false,
            left_behind: None,
            mapping: None,
            settings: None,
            state_etag: None,
            cancel_requested: false,
            batches_total: 0,
            deliver_until: None,
            dead_letters: 0,
            last_dead_letter_at: None,
            released_by: 0,
            epoch: 0,
            progress_epoch: 0,
            batches_final: 0,
            batches_final_seen: 0,
        }
    }

    /// Says whether it takes some records of its files only, and passes the others over.
    pub fn takes_a_part(&self) -> bool {
        self.retry_of.is_some() || self.failed_of.is_some()
    }

    /// Says whether a run has been at it for over an hour, which is long where all it waits for is a connection.
    pub fn has_waited_long(&self, now: Timestamp) -> bool {
        self.started_at.is_some_and(|started| now.duration_since(started) > SignedDuration::from_hours(1))
    }

    /// Makes a run that pushes to a target server, and waits for a function.
    pub fn push(id: String, account: &str, target_server: &str, trigger: Trigger, now: Timestamp) -> Self {
        Self { target_server: Some(target_server.into()), ..Self::queued(id, account, "", trigger, now) }
    }

    /// Makes the row that stands for due times of a schedule that passed. `instead` is the time for which a run
    /// is started, if one is.
    pub fn missed(self, schedule: &str, missed: Missed, instead: Option<Timestamp>, now: Timestamp) -> Self {
        let times = match (missed.count, missed.at_least) {
            (1, false) => "1 due time".to_string(),
            (n, false) => format!("{n} due times"),
            (n, true) => format!("at least {n} due times"),
        };
        let then = match instead {
            Some(time) => format!("the run for {time} stands for them too"),
            None => "start a run by hand if it cannot wait for the next time".into(),
        };
        let message = format!(
            "{times} of the schedule, {} to {}, passed while dispatch did not run or was far behind; {then}",
            missed.first, missed.last
        );
        Self {
            status: RunStatus::Missed,
            schedule: Some(schedule.into()),
            scheduled_for: Some(missed.first),
            missed: Some(missed),
            failure: Some(Failure::new(Origin::Hub, "missed", message, false)),
            ended_at: Some(now),
            ..self
        }
    }

    /// Turns a run that could not be admitted into the row that says so.
    pub fn skipped(mut self, why: Failure, now: Timestamp) -> Self {
        self.status = RunStatus::Skipped;
        self.failure = Some(why);
        self.ended_at = Some(now);
        self
    }
}

/// Decides how a run whose every record is settled ends, and with what failure.
///
/// `failure` is what went wrong beside the records: a run with one is PARTIAL at best. A run with errors is
/// never COMPLETE; one where every record read is in error is ERROR.
pub fn ending(counts: &Counts, failure: Option<Failure>) -> (RunStatus, Option<Failure>) {
    debug_assert_eq!(counts.owed(), 0);
    match (counts.errors(), failure) {
        (0, None) => (RunStatus::Complete, None),
        (n, failure) if n > 0 && n == counts.reported() => {
            let message = "every record is in error; the record results say why";
            let every = Failure::new(Origin::Mapping, "every_record_failed", message, false);
            (RunStatus::Error, failure.or(Some(every)))
        }
        (_, failure) => (RunStatus::Partial, failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Settled;

    #[test]
    fn warnings_are_bounded() {
        let mut run = Run::queued("run_1".into(), "a", "c", Trigger::Manual, Timestamp::UNIX_EPOCH);
        (0..1000).for_each(|_| run.warn("å".repeat(10_000)));
        assert_eq!(run.warnings.len(), MOST_WARNINGS + 1);
        assert!(run.warnings.iter().all(|w| w.chars().count() <= MOST_WARNING_CHARS));
    }

    #[test]
    fn a_run_with_errors_is_never_complete() {
        let status = |counts: &Counts, failure| ending(counts, failure).0;
        let failure = || Some(Failure::new(Origin::Source, "transfer_failed", "", true));
        let mut counts = Counts::default();
        assert_eq!(status(&counts, None), RunStatus::Complete);
        assert_eq!(status(&counts, failure()), RunStatus::Partial);
        counts.add_error();
        assert_eq!(status(&counts, None), RunStatus::Error);
        counts.add_owed();
        counts.settle(Settled::Created, 1).unwrap();
        assert_eq!(status(&counts, None), RunStatus::Partial);
    }
}
