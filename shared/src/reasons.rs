//! Why records of a run did not arrive: each reason counted, with the first records of it.
//!
//! Gathered as results go by, in bounded memory: the list is for people, who want the few reasons behind many
//! records. The whole list of records is in the report.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::{RecordResult, Writer};

/// Most reasons that are told apart; a run with more has a rest.
const MOST_REASONS: usize = 100;

/// Records of a reason that are shown.
const SAMPLES: usize = 5;

/// Most characters of a text that a sample shows.
const MOST_CHARS: usize = 300;

/// Records with one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReasonCount {
    /// What became of them: `error`, or `none` where they were left out.
    pub writer: Writer,
    /// Stable code; `other` for the records of all reasons beyond the first 100.
    pub reason: String,
    /// The input column at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Records.
    pub count: u64,
    /// The first of them, in the order in which they were read.
    pub samples: Vec<Sample>,
}

/// A record with a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// Remote path of its file.
    pub file: String,
    /// Line on which it begins, from 1.
    pub line: u64,
    /// Its key in the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// The reason in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Counts reasons.
#[derive(Clone, Debug, Default)]
pub struct Reasons {
    at: HashMap<(Writer, String, Option<String>), usize>,
    counts: Vec<ReasonCount>,
    other: Option<ReasonCount>,
}

impl Reasons {
    /// Takes a result that has a reason; others do not matter.
    pub fn add(&mut self, result: &RecordResult) {
        let Some(reason) = &result.reason else { return };
        let key = (result.writer, reason.clone(), result.field.clone());
        let new = |reason: &str, field| ReasonCount {
            writer: result.writer,
            reason: reason.into(),
            field,
            count: 0,
            samples: Vec::new(),
        };
        let count = match self.at.get(&key) {
            Some(at) => &mut self.counts[*at],
            None if self.counts.len() < MOST_REASONS => {
                self.at.insert(key, self.counts.len());
                self.counts.push(new(reason, result.field.clone()));
                self.counts.last_mut().expect("one was pushed just now")
            }
            None => self.other.get_or_insert_with(|| new("other", None)),
        };
        count.count += 1;
        if count.samples.len() < SAMPLES {
            let short = |text: &String| text.chars().take(MOST_CHARS).collect();
            count.samples.push(Sample {
                file: result.file.clone(),
                line: result.line,
                source_id: result.source_id.as_ref().map(short),
                detail: result.detail.as_ref().map(short),
            });
        }
    }

    /// Gives them back, errors first, the most frequent first among those.
    pub fn finish(self) -> Vec<ReasonCount> {
        let mut counts = self.counts;
        counts.sort_by_key(|c| (c.writer != Writer::Error, std::cmp::Reverse(c.count)));
        counts.extend(self.other);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Processor;

    fn result(line: u64, writer: Writer, reason: Option<&str>, field: Option<&str>) -> RecordResult {
        RecordResult {
            ordinal: line,
            file: "/out/a.csv".into(),
            line,
            name: None,
            source_id: Some(format!("id-{line}")),
            target_id: None,
            processor: Processor::None,
            writer,
            reason: reason.map(Into::into),
            field: field.map(Into::into),
            detail: Some("x".repeat(1000)),
            pushed_as: None,
            input: Some(1),
            place: None,
        }
    }

    #[test]
    fn reasons_are_counted_by_field_and_the_first_records_are_shown() {
        let mut reasons = Reasons::default();
        for line in 1..=20 {
            reasons.add(&result(line, Writer::None, Some("not_payroll"), None));
            reasons.add(&result(
                line,
                Writer::Error,
                Some("required"),
                Some(if line > 12 { "b" } else { "a" }),
            ));
            reasons.add(&result(line, Writer::Created, None, None));
        }
        let counts = reasons.finish();
        let short: Vec<_> =
            counts.iter().map(|c| (c.writer, c.reason.as_str(), c.field.as_deref(), c.count)).collect();
        assert_eq!(
            short,
            [
                (Writer::Error, "required", Some("a"), 12),
                (Writer::Error, "required", Some("b"), 8),
                (Writer::None, "not_payroll", None, 20),
            ]
        );
        assert_eq!(counts[1].samples.iter().map(|s| s.line).collect::<Vec<_>>(), [13, 14, 15, 16, 17]);
        assert_eq!(counts[0].samples[0].source_id.as_deref(), Some("id-1"));
        assert_eq!(counts[0].samples[0].detail.as_ref().map(String::len), Some(MOST_CHARS));
    }

    #[test]
    fn a_run_with_very_many_reasons_has_a_rest_and_every_record_is_counted() {
        let mut reasons = Reasons::default();
        for n in 0..1000 {
            reasons.add(&result(n, Writer::Error, Some("required"), Some(&format!("column {n}"))));
        }
        let counts = reasons.finish();
        assert_eq!(counts.len(), MOST_REASONS + 1);
        assert_eq!(counts.last().map(|c| (c.reason.as_str(), c.count)), Some(("other", 900)));
        assert_eq!(counts.iter().map(|c| c.count).sum::<u64>(), 1000);
    }
}
