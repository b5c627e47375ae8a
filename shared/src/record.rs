//! What became of one record: a line of a run's report.

use std::io::{BufRead, BufReader, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::counts::Settled;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
    /// Not sent: a filter left it out, or the run sends nothing; `reason` says which.
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
            Settled::Filtered => Self::None,
        }
    }
}

/// One record of a run and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordResult {
    /// Position in the run, from 1.
    pub ordinal: u64,
    /// Remote path of the file; empty for a record that no file has any more.
    pub file: String,
    /// Line of the file on which the record begins, from 1; 0 for a record that no file has any more.
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
    /// Remote path of the file that it was pushed in, where its target is one of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_as: Option<String>,
    /// Which of the run's inputs the file is, from 1: a path alone may name two of them. Absent in a push, and in
    /// reports from before there was such a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<u32>,
    /// What tells it from all other records of its file, where the line does not: its number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u64>,
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

/// Most records in a part.
pub const PART_RECORDS: u64 = 10_000;

/// Bytes of JSON at which a part is closed, however few records it has: whoever reads a part has all of it in memory.
pub const PART_BYTES: usize = 8 * 1024 * 1024;

/// Packs record results into parts.
pub struct PartWriter {
    encoder: GzEncoder<Vec<u8>>,
    bytes: usize,
    records: u64,
    errors: u64,
}

/// A finished part, without its key.
#[derive(Debug)]
pub struct Part {
    /// Compressed NDJSON.
    pub bytes: Vec<u8>,
    /// Records in it.
    pub records: u64,
    /// How many of them are errors.
    pub errors: u64,
}

impl Default for PartWriter {
    fn default() -> Self {
        Self { encoder: GzEncoder::new(Vec::new(), Compression::fast()), bytes: 0, records: 0, errors: 0 }
    }
}

impl PartWriter {
    /// Adds a record; gives back the part when it is full.
    ///
    /// # Errors
    /// When the result cannot be written as JSON.
    pub fn add(&mut self, result: &RecordResult) -> std::io::Result<Option<Part>> {
        let mut line = serde_json::to_vec(result)?;
        line.push(b'\n');
        self.encoder.write_all(&line)?;
        self.bytes += line.len();
        self.records += 1;
        self.errors += u64::from(result.writer == Writer::Error);
        if self.records < PART_RECORDS && self.bytes < PART_BYTES {
            return Ok(None);
        }
        std::mem::take(self).finish()
    }

    /// Gives back what is left, if anything.
    ///
    /// # Errors
    /// When it cannot be compressed.
    pub fn finish(self) -> std::io::Result<Option<Part>> {
        if self.records == 0 {
            return Ok(None);
        }
        Ok(Some(Part { bytes: self.encoder.finish()?, records: self.records, errors: self.errors }))
    }
}

/// Reads a part.
///
/// # Errors
/// When it is damaged.
pub fn read_part(bytes: &[u8]) -> std::io::Result<Vec<RecordResult>> {
    results(bytes).collect()
}

/// Reads a part result by result, with memory for one; a damaged part ends in an error.
pub fn results(bytes: &[u8]) -> impl Iterator<Item = std::io::Result<RecordResult>> {
    let lines = BufReader::new(GzDecoder::new(bytes)).lines();
    lines.map(|line| Ok(serde_json::from_str(&line?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(ordinal: u64) -> RecordResult {
        RecordResult {
            ordinal,
            file: "/out/å.csv".into(),
            line: ordinal + 1,
            name: None,
            source_id: Some("x\ny".into()),
            target_id: None,
            processor: Processor::None,
            writer: if ordinal.is_multiple_of(3) { Writer::Error } else { Writer::Unchanged },
            reason: None,
            field: None,
            detail: None,
            pushed_as: None,
            input: None,
            place: None,
        }
    }

    #[test]
    fn a_part_is_bounded_in_bytes_too() {
        let result = RecordResult { name: Some("x".repeat(1024 * 1024)), ..result(1) };
        let mut writer = PartWriter::default();
        let full = (1..100).find_map(|n| writer.add(&result).unwrap().map(|part| (n, part)));
        let (n, part) = full.unwrap();
        assert_eq!((n, part.records), (8, 8));
    }

    #[test]
    fn results_come_back_from_their_parts_in_order() {
        let mut writer = PartWriter::default();
        let mut parts = Vec::new();
        for ordinal in 1..=PART_RECORDS + 5 {
            parts.extend(writer.add(&result(ordinal)).unwrap());
        }
        parts.extend(writer.finish().unwrap());
        assert_eq!(parts.iter().map(|p| p.records).collect::<Vec<_>>(), [PART_RECORDS, 5]);
        assert_eq!(parts.iter().map(|p| p.errors).sum::<u64>(), (PART_RECORDS + 5) / 3);
        let read: Vec<_> = parts.iter().flat_map(|p| read_part(&p.bytes).unwrap()).collect();
        assert_eq!(read, (1..=PART_RECORDS + 5).map(result).collect::<Vec<_>>());
        assert!(PartWriter::default().finish().unwrap().is_none());
    }
}
