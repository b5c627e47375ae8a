//! Where the push of a target's files stands: its row, and the batch that is open.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OutputResult, VoidNumber, file_name::numbered};
use crate::{
    delivery::{BatchName, Outcome},
    gate::OPENS_AT,
    run::{Failure, Origin},
};

/// What is to be pushed to a target, and how far it is: one row a target, beside its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// Counts up with each holder; every write of a holder is conditional on it.
    #[serde(default)]
    pub epoch: u64,
    /// The run that is admitted and has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_run: Option<String>,
    /// The batch that is frozen, or about to be, and not through yet: nothing else is sent before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_batch: Option<OpenBatch>,
    /// Those that were opened together with it and come after it, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_behind: Vec<OpenBatch>,
    /// What a person has decided about the open batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Files that were begun: the next one's number is one more.
    #[serde(default)]
    pub files: u64,
    /// Numbers of which no file is on the server, newest first; a bounded number of them.
    #[serde(default)]
    pub void_numbers: Vec<VoidNumber>,
    /// Pushes that failed, one after another.
    #[serde(default)]
    pub failures: u32,
    /// Since when its breaker is open, milliseconds since 1970: people have been told, and each push is a probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker_since: Option<i64>,
    /// Code of the last failure, until one goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_code: Option<String>,
    /// How the last push failed, until one goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When something was last put into the buffer of a realtime target, milliseconds since 1970.
    #[serde(default)]
    pub held_at: i64,
    /// When it is looked at next, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
    /// Not before this, milliseconds since 1970: after a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub try_at: Option<i64>,
}

/// A file that is on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenBatch {
    /// Id: also part of the temporary name.
    pub id: String,
    /// The run that opened it, after which it may be named.
    pub run: String,
    /// Its number among the target's files.
    pub number: u64,
    /// When it was opened, milliseconds since 1970.
    pub opened_at: i64,
    /// How far it is.
    pub phase: Phase,
    /// The connection whose records it has, where each has files of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// What the file is to be called.
    #[serde(default)]
    pub name: String,
    /// Where its bytes are in the bucket.
    #[serde(default)]
    pub object: String,
    /// Where the list of its records is in the bucket.
    #[serde(default)]
    pub manifest: String,
    /// Records of the manifest that are in the file.
    #[serde(default)]
    pub records: u64,
    /// Records of the manifest that did not fit the format.
    #[serde(default)]
    pub unfit: u64,
    /// Bytes.
    #[serde(default)]
    pub size_bytes: u64,
    /// SHA-256 of the bytes, hex.
    #[serde(default)]
    pub sha256: String,
    /// Server and folder that it was uploaded to, from when the upload is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_to: Option<String>,
    /// How much of it is on a server, where an upload did not get to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Sent>,
    /// The most bytes that any attempt has got over.
    #[serde(default)]
    pub furthest: u64,
    /// How long its uploads took so far, milliseconds.
    #[serde(default)]
    pub upload_ms: u64,
    /// The name that the rename goes for, from when that is about to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renames_to: Option<String>,
    /// Uploads begun.
    #[serde(default)]
    pub attempts: u32,
    /// Whether the policy `fail` keeps it: a person decides, or the name becomes free.
    #[serde(default)]
    pub is_blocked: bool,
    /// Whether its done-file was written, where it has one: it is not written again.
    #[serde(default)]
    pub has_done_file: bool,
}

/// The beginning of a file that a server has under the batch's temporary name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Server and folder.
    pub to: String,
    /// Bytes that the server has said it has.
    pub bytes: u64,
}

/// How far an open batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its content is being fixed; nothing was sent.
    Freezing,
    /// Its bytes are in the bucket and do not change any more.
    Frozen,
    /// It is whole on the server under its temporary name, and is being renamed: where that name is gone, it is done.
    Renaming,
}

/// What a person decides about an open batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The file gets this name.
    Rename(String),
    /// The file is not sent; its records end as dead, `cancelled`.
    Discard,
}

/// A row of the buffer that an open batch has: a line of its manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ManifestEntry {
    /// A notification: one record.
    Notification(NotificationEntry),
    /// A batch of a run: all of its records, one after another.
    Batch(BatchEntry),
}

impl ManifestEntry {
    /// Records of the row.
    pub fn records(&self) -> u64 {
        match self {
            Self::Notification(_) => 1,
            Self::Batch(entry) => entry.records,
        }
    }
}

/// A batch of a run in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEntry {
    /// Its run.
    pub run: String,
    /// Ordinal of its first record in its run.
    pub first_ordinal: u64,
    /// Its part.
    pub part: u32,
    /// The connection of its run.
    pub connection: String,
    /// When it was accepted, milliseconds since 1970.
    pub accepted_at: i64,
    /// Its payload in the bucket, which has each record's ordinal: a [`crate::wire::StagedBatch`].
    pub payload: String,
    /// Records of it, those that are not in the file included.
    pub records: u64,
    /// What it comes to once the file is through: what is in it, and what did not fit.
    pub outcome: Outcome,
    /// Which of its records did not fit, and why, where any did not: a [`crate::wire::Answers`] in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
    /// Why nothing of it is in the file, if its payload could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

impl BatchEntry {
    /// What it is called.
    pub fn name(&self) -> BatchName {
        BatchName { run: self.run.clone(), first_ordinal: self.first_ordinal, part: self.part }
    }

    /// What it comes to where its file ended so. Records that did not fit are errors in any case.
    pub fn outcome(&self, result: OutputResult) -> Outcome {
        let unfit = self.outcome.errors;
        match result {
            _ if self.lost.is_some() => Outcome { errors: self.records, ..Outcome::default() },
            OutputResult::Written | OutputResult::Nothing => self.outcome,
            OutputResult::Exists => {
                let filtered = self.records.saturating_sub(unfit);
                Outcome { filtered, errors: unfit, ..Outcome::default() }
            }
            OutputResult::Discarded => Outcome { errors: self.records, ..Outcome::default() },
        }
    }
}

/// A notification in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationEntry {
    /// The notification.
    pub notification: String,
    /// The connection that took it.
    pub connection: String,
    /// What the client calls the event.
    pub event_id: String,
    /// When it was accepted, milliseconds since 1970.
    pub accepted_at: i64,
    /// Why it is not in the file, if it did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
}

impl OpenBatch {
    /// The name under which it is uploaded: the same with every attempt, so that a repeat overwrites its own work.
    pub fn temporary_name(&self) -> String {
        format!(".crossdock-{}.part", self.id)
    }

    /// The name under which a file that is replaced stands aside until its place is taken.
    pub fn aside_name(&self) -> String {
        format!(".crossdock-{}.old", self.id)
    }

    /// The name that it goes by where so many are taken.
    pub fn name_after(&self, taken: u32) -> String {
        if taken == 0 { self.name.clone() } else { numbered(&self.name, taken) }
    }
}

/// What a push does to its target's breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    /// It opens: people are told once.
    Opens,
    /// It closes.
    Closes,
    /// It stays as it is.
    Stays,
}

/// The code of a failure that opens a breaker at once: the server may be somebody else.
const SOMEBODY_ELSE: &str = "host_key_mismatch";

/// The code of a failure about which a person has to decide, with a server that is in order.
const DECIDED_BY_A_PERSON: &str = "name_exists";

impl Push {
    /// The batches that are open, in the order in which their files get their names.
    pub fn all_open(&self) -> Vec<OpenBatch> {
        self.open_batch.iter().chain(&self.open_behind).cloned().collect()
    }

    /// Has these batches be the open ones.
    pub fn set_open(&mut self, batches: Vec<OpenBatch>) {
        let mut batches = batches.into_iter();
        self.open_batch = batches.next();
        self.open_behind = batches.collect();
    }

    /// What it does to the breaker that a push ended stuck by a failure; or that it did not, and whether a file got
    /// through, without which nobody knows whether the server is there.
    pub fn breaker_after(&self, stuck_by: Option<&Failure>, has_files: bool) -> Breaker {
        match (self.breaker_since, stuck_by) {
            (None, Some(failure))
                if failure.origin == Origin::Target && failure.code != DECIDED_BY_A_PERSON =>
            {
                match failure.code == SOMEBODY_ELSE || self.failures + 1 >= OPENS_AT {
                    true => Breaker::Opens,
                    false => Breaker::Stays,
                }
            }
            (Some(_), None) if has_files => Breaker::Closes,
            _ => Breaker::Stays,
        }
    }
}

/// How long to wait after the `n`th failure in a row of a realtime target, from 1: a minute, doubled up to an hour.
pub fn retry_wait(n: u32) -> SignedDuration {
    SignedDuration::from_mins(2i64.pow(n.saturating_sub(1).min(6)).min(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_tried_again_at_longer_and_longer_intervals() {
        let minutes: Vec<_> = (1..=9).map(|n| retry_wait(n).as_mins()).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_breaker_opens_at_once_for_a_wrong_key_and_else_at_the_tenth_failure() {
        let push = |failures, breaker_since| Push { failures, breaker_since, ..Push::default() };
        let target = |code| Some(Failure::new(Origin::Target, code, "", true));
        let hub = Some(Failure::new(Origin::Hub, "gave_up", "", true));
        for (push, stuck_by, has_files, then) in [
            (push(0, None), target("host_key_mismatch"), false, Breaker::Opens),
            (push(0, None), target("server_down"), false, Breaker::Stays),
            (push(9, None), target("server_down"), false, Breaker::Opens),
            (push(9, None), target("name_exists"), false, Breaker::Stays),
            (push(9, None), hub, false, Breaker::Stays),
            (push(10, Some(1)), target("host_key_mismatch"), false, Breaker::Stays),
            (push(10, Some(1)), None, true, Breaker::Closes),
            (push(10, Some(1)), None, false, Breaker::Stays),
            (push(9, None), None, true, Breaker::Stays),
        ] {
            assert_eq!(push.breaker_after(stuck_by.as_ref(), has_files), then, "{push:?} {stuck_by:?}");
        }
    }

    #[test]
    fn a_line_of_the_manifest_reads_as_what_it_is_and_each_record_of_a_batch_is_counted_once() {
        let old =
            r#"{"notification":"ntf_1","connection":"con_1","event_id":"e","accepted_at":1,"unfit":"why"}"#;
        let entry: ManifestEntry = serde_json::from_str(old).unwrap();
        assert!(matches!(&entry, ManifestEntry::Notification(n) if n.unfit.as_deref() == Some("why")));
        let outcome = Outcome { created: 3, updated: 1, errors: 1, ..Outcome::default() };
        let mut batch = BatchEntry {
            run: "run_1".into(),
            first_ordinal: 2,
            part: 0,
            connection: "con_1".into(),
            accepted_at: 1,
            payload: "p".into(),
            records: 5,
            outcome,
            answers: Some("a".into()),
            lost: None,
        };
        let entry = ManifestEntry::Batch(batch.clone());
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<ManifestEntry>(&text).unwrap(), entry);
        for (result, wanted) in [
            (OutputResult::Written, outcome),
            (OutputResult::Exists, Outcome { filtered: 4, errors: 1, ..Outcome::default() }),
            (OutputResult::Discarded, Outcome { errors: 5, ..Outcome::default() }),
        ] {
            assert_eq!(batch.outcome(result), wanted, "{result:?}");
            assert_eq!(batch.outcome(result).records(), batch.records, "{result:?}");
        }
        batch.lost = Some("gone".into());
        assert_eq!(batch.outcome(OutputResult::Exists), Outcome { errors: 5, ..Outcome::default() });
    }

    #[test]
    fn a_row_that_only_waits_reads_as_nothing_was_done() {
        let push: Push = serde_json::from_str(r#"{"due": 1, "held_at": 2}"#).unwrap();
        assert_eq!((push.epoch, push.files, push.open_batch), (0, 0, None));
    }
}
