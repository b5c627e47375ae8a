//! What became of one record: a line of a run's report.

use crate::counts::Settled;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the hub decided to do with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Processor {
    /// The target has no such record yet.
    Create,
    /// The target has an older one.
    Update,
    /// The source no longer has it.
    Delete,
    /// Nothing to do: unchanged, or in error before the decision.
    None,
    /// Left out by a filter.
    Filter,
}

/// What became of a record at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Writer {
    /// Made.
    Created,
    /// Changed.
    Updated,
    /// Removed.
    Deleted,
    /// As it was.
    Unchanged,
    /// Refused, undeliverable, or in error before it was sent: `reason` says why.
    Error,
    /// Not sent: a filter left it out.
    None,
    /// The target owes an answer.
    Owed,
}

impl From<Settled> for Writer {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Created => Self::Created,
            Settled::Updated => Self::Updated,
            Settled::Deleted => Self::Deleted,
            Settled::Unchanged => Self::Unchanged,
            Settled::Error => Self::Error,
        }
    }
}

/// One record of a run and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordResult {
    /// Position in the run, from 1.
    pub ordinal: u64,
    /// Remote path of the file.
    pub file: String,
    /// Line of the file on which the record begins, from 1.
    pub line: u64,
    /// What the mapping calls the record's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The record's key in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// The record's id at the target, where it told one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// What the hub decided.
    pub processor: Processor,
    /// What became of it.
    pub writer: Writer,
    /// Stable code of why, for errors and filtered records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The input column at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The reason in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The parts that hold a run's record results.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsIndex {
    /// In order of the records.
    pub parts: Vec<RecordsPart>,
}

/// One part: a compressed NDJSON object of [`RecordResult`]s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsPart {
    /// Key in the bucket.
    pub object: String,
    /// Records in it.
    pub records: u64,
    /// How many of them are errors, so that a list of errors skips the other parts.
    pub errors: u64,
}
