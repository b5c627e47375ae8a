//! A file in the report of the run that pushed it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A file that a run pushed, or was to push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// Remote path.
    pub path: String,
    /// What became of it.
    pub result: OutputResult,
    /// Records in it.
    pub records: u64,
    /// Bytes.
    pub size_bytes: u64,
    /// SHA-256 of the content, hex.
    pub sha256: String,
    /// Its number among the target's files.
    pub number: u64,
    /// Id of its batch.
    pub batch: String,
    /// The connection whose records it has, where each has files of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Where its bytes are in the bucket.
    pub object: String,
    /// Where the list of its records is in the bucket.
    pub manifest: String,
    /// Uploads begun.
    pub attempts: u32,
    /// How long its uploads took, milliseconds.
    pub duration_ms: u64,
    /// What the server says it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// What it was encrypted by on its way.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cipher: String,
    /// When it was through.
    pub ended_at: Timestamp,
}

/// What became of a file that a run was to push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputResult {
    /// It is on the server under its name.
    Written,
    /// The folder had a file of its name, and the target's policy is `ignore`: it was not sent.
    Exists,
    /// A person decided that it is not sent; its number stays void.
    Discarded,
    /// None of its records fit the target's format: there is no file.
    Nothing,
}
