//! What a run would make of the sample: by the engine itself.

use std::borrow::Cow;
use std::cmp::Reverse;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{Format, Preview, Sample, json};
use crate::mapping::{Compiled, FileError, Incoming, Outcome, Provenance, Reason, Settled, records, settle};

/// Most records that are shown.
const RECORDS: usize = 20;
/// Most bytes of records that are shown, so that an answer stays within what a function may answer.
const RECORD_BYTES: usize = 256 * 1024;
/// Most errors that are shown of a reason.
const SAMPLES: usize = 3;

/// What became of the sample's records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct MappedSample {
    /// How many records the sample has; one that it cuts off at its end is not among them.
    pub read: usize,
    /// How many were mapped.
    pub mapped: usize,
    /// How many were filtered.
    pub filtered: usize,
    /// How many are in error.
    pub errors: usize,
    /// Of the mapped records the first, at most 20 and 256 KiB.
    pub records: Vec<SampleRecord>,
    /// The errors by reason, the most frequent first.
    pub errors_by_reason: Vec<ReasonCount>,
    /// Why the file cannot be read as the mapping states, where it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<crate::problem::FieldError>,
}

/// A record as it would go out.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SampleRecord {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The key's text.
    pub source_id: String,
    /// The record, with what the mapping tags as personal data masked.
    pub data: Value,
}

/// How many records are in error for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ReasonCount {
    /// The reason's code.
    pub reason: Reason,
    /// How many records.
    pub count: usize,
    /// The first of them, at most 3.
    pub samples: Vec<SampleError>,
}

/// A record in error.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct SampleError {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The column at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What was found and what would be right.
    pub detail: String,
}

/// Maps the sample.
pub(super) fn of(preview: &Preview, sample: &Sample<'_>, mapping: &Compiled) -> MappedSample {
    let bytes = whole_records(preview, sample, mapping);
    let mut outcome = MappedSample::default();
    if let Err(error) = outcome.fill(&bytes, sample.file_name, mapping) {
        outcome.failure = Some(crate::problem::FieldError::new(error.code(), error.to_string()));
    }
    outcome.errors_by_reason.sort_by_key(|reason| Reverse(reason.count));
    outcome
}

impl MappedSample {
    fn fill(&mut self, bytes: &[u8], file: Option<&str>, mapping: &Compiled) -> Result<(), FileError> {
        let open = || Incoming { reader: bytes, provenance: Provenance { file, ..Provenance::default() } };
        let mut winners =
            settle(mapping, &[bytes.len() as u64], |_| Ok::<_, FileError>(open()), |_, error| Err(error))?;
        let mut records = records(open(), mapping)?;
        let mut bytes_shown = 0;
        while let Some(settled) = winners.read(0, &mut records) {
            self.read += 1;
            match settled? {
                Settled::Mapped(record) => {
                    self.mapped += 1;
                    let bytes = bytes_shown + record.data().len();
                    if self.records.len() < RECORDS && bytes <= RECORD_BYTES {
                        bytes_shown = bytes;
                        let record = record.take();
                        let data =
                            serde_json::from_str(&mapping.masked_record(&record.data)).expect("it is JSON");
                        self.records.push(SampleRecord {
                            line: record.line,
                            source_id: record.source_id,
                            data,
                        });
                    }
                }
                Settled::Other(Outcome::Error(error)) => {
                    self.errors += 1;
                    let sample = SampleError { line: error.line, field: error.field, detail: error.detail };
                    self.count(error.reason, sample);
                }
                Settled::Other(_) => self.filtered += 1,
            }
        }
        Ok(())
    }

    fn count(&mut self, reason: Reason, sample: SampleError) {
        let at = self.errors_by_reason.iter().position(|known| known.reason == reason).unwrap_or_else(|| {
            self.errors_by_reason.push(ReasonCount { reason, count: 0, samples: Vec::new() });
            self.errors_by_reason.len() - 1
        });
        let known = &mut self.errors_by_reason[at];
        known.count += 1;
        if known.samples.len() < SAMPLES {
            known.samples.push(sample);
        }
    }
}

/// Takes the record off that the sample cuts, so that it is not told as an error.
fn whole_records<'s>(preview: &Preview, sample: &Sample<'s>, mapping: &Compiled) -> Cow<'s, [u8]> {
    if sample.is_whole {
        return Cow::Borrowed(sample.bytes);
    }
    if matches!(preview.format.value, Format::Json | Format::Ndjson) {
        return json::content(sample.bytes, false);
    }
    if let Some(whole) = mapping.whole_xml_records(sample.bytes) {
        return Cow::Owned(whole);
    }
    let unit = match preview.encoding.as_ref().map(|guess| guess.value.as_str()) {
        Some("utf-16le" | "utf-16be") => 2,
        Some("utf-32le" | "utf-32be") => 4,
        _ => 1,
    };
    let begins = preview.cut_record_line.and_then(|line| start_of(sample.bytes, unit, line));
    Cow::Borrowed(&sample.bytes[..begins.unwrap_or(sample.bytes.len())])
}

/// Returns where a line begins, from 1, in text whose characters have so many bytes.
fn start_of(bytes: &[u8], unit: usize, line: u64) -> Option<usize> {
    let is = |at: usize, wanted: u8| {
        let found = bytes.get(at..at + unit);
        found.is_some_and(|unit| {
            unit.contains(&wanted) && unit.iter().all(|byte| *byte == wanted || *byte == 0)
        })
    };
    let (mut at, mut now) = (0, 1);
    while now < line {
        if at >= bytes.len() {
            return None;
        }
        if is(at, b'\n') || is(at, b'\r') && !is(at + unit, b'\n') {
            now += 1;
        }
        at += unit;
    }
    Some(at)
}
