//! A batch on the wire: what is posted to a target, and what its answer means.
//!
//! Request: `{"batch_id", "run_id", "records": [{"source_id", "action", "data"}]}`; a `delete` has `data: null`, and
//! `target_id` where the target told one. Answer:
//! `{"results": [{"source_id", "result", "target_id", "error"}]}`; records that such an answer leaves
//! out stay owed; a 2xx answer without `results` counts for all.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{counts::Settled, delivery::Outcome};

/// A stored body that has not one record for each that the report knows of.
#[derive(Debug, thiserror::Error)]
#[error("it has {found} records, and is to have {wanted}")]
struct Uneven {
    found: usize,
    wanted: usize,
}

/// What the target is asked to do with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make it.
    Create,
    /// Change it.
    Update,
    /// Remove it: the source no longer has it.
    Delete,
}

impl Action {
    /// What it counts as where the target does not say.
    pub fn settled(self) -> Settled {
        match self {
            Self::Create => Settled::Created,
            Self::Update => Settled::Updated,
            Self::Delete => Settled::Deleted,
        }
    }
}

/// A batch as it lies in the bucket: the body to post, and what the report needs to know of each record.
#[derive(Debug, Serialize, Deserialize)]
pub struct StagedBatch {
    /// The request's body, sent byte for byte with every attempt.
    pub body: Box<RawValue>,
    /// One for each record of the body, in its order.
    pub records: Vec<StagedRecord>,
}

/// What the report needs to know of a record that is owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedRecord {
    /// Position in the run, from 1.
    pub ordinal: u64,
    /// Remote path of its file; empty for a delete.
    pub file: String,
    /// Line, from 1; 0 for a delete.
    pub line: u64,
    /// What tells it from all other records of its file, where the line does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u64>,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Key in the source; empty for a delete of which only the target's id is known.
    pub source_id: String,
    /// Of a delete, the record's id at the target, where that told one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// What the target is asked to do.
    pub action: Action,
    /// Hash of the key, for the connection's state; absent without comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<crate::change::Hash>,
    /// Hash of the data.
    pub hash: crate::change::Hash,
    /// When its file was taken, milliseconds since 1970; of a delete, when the last file of its run was.
    pub taken_at: i64,
    /// What it has in the column of the connection's cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<jiff::Timestamp>,
    /// Which of the run's inputs its file is, from 1; absent where it was staged before there was such a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<u32>,
}

impl StagedBatch {
    /// The data of each record, as the mapping made it, in their order.
    ///
    /// # Errors
    /// When the stored body cannot be read, or has another number of records.
    pub fn data(&self) -> Result<Vec<&RawValue>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Stored<'a> {
            #[serde(borrow)]
            records: Vec<StoredRecord<'a>>,
        }
        #[derive(Deserialize)]
        struct StoredRecord<'a> {
            #[serde(borrow)]
            data: &'a RawValue,
        }
        let stored = serde_json::from_str::<Stored<'_>>(self.body.get())?.records;
        let (found, wanted) = (stored.len(), self.records.len());
        match found == wanted {
            true => Ok(stored.into_iter().map(|record| record.data).collect()),
            false => Err(serde::de::Error::custom(Uneven { found, wanted })),
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    batch_id: &'a str,
    run_id: &'a str,
    records: Vec<BodyRecord<'a>>,
}

#[derive(Serialize)]
struct BodyRecord<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    source_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_id: Option<&'a str>,
    action: Action,
    data: &'a RawValue,
}

/// Builds a batch from records and their data, each a JSON object.
///
/// # Errors
/// When some data is not JSON.
pub fn stage(
    batch_id: &str,
    run_id: &str,
    records: Vec<StagedRecord>,
    data: &[Box<RawValue>],
) -> Result<StagedBatch, serde_json::Error> {
    let lines = records.iter().zip(data);
    let body = Body {
        batch_id,
        run_id,
        records: lines
            .map(|(r, data)| BodyRecord {
                source_id: &r.source_id,
                target_id: r.target_id.as_deref(),
                action: r.action,
                data,
            })
            .collect(),
    };
    Ok(StagedBatch { body: serde_json::value::to_raw_value(&body)?, records })
}

/// Takes the records at `keep` out of a batch, as a batch with an id of its own.
///
/// # Errors
/// When the stored body cannot be read.
pub fn split(
    batch: &StagedBatch,
    keep: &[usize],
    batch_id: &str,
    run_id: &str,
) -> Result<StagedBatch, serde_json::Error> {
    #[derive(Deserialize)]
    struct Stored {
        records: Vec<StoredRecord>,
    }
    #[derive(Deserialize)]
    struct StoredRecord {
        data: Box<RawValue>,
    }
    let mut stored: Vec<Option<Box<RawValue>>> =
        serde_json::from_str::<Stored>(batch.body.get())?.records.into_iter().map(|r| Some(r.data)).collect();
    let mut records = Vec::with_capacity(keep.len());
    let mut data = Vec::with_capacity(keep.len());
    for &i in keep {
        let (Some(record), Some(value)) = (batch.records.get(i), stored.get_mut(i).and_then(Option::take))
        else {
            continue;
        };
        records.push(record.clone());
        data.push(value);
    }
    stage(batch_id, run_id, records, &data)
}

/// The target's answers, in the order of the batch's records; `None` for a record that it left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// One for each record of the batch.
    pub records: Vec<Option<Answer>>,
}

/// The target's answer for one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// How it ended.
    pub result: Settled,
    /// The record's id at the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_id: Option<String>,
    /// Why the target refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether the target was never asked: the record does not fit the format of its files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unfit: bool,
}

impl Answers {
    /// Counts them.
    pub fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::default();
        for answer in self.records.iter().flatten() {
            *match answer.result {
                Settled::Created => &mut outcome.created,
                Settled::Updated => &mut outcome.updated,
                Settled::Deleted => &mut outcome.deleted,
                Settled::Unchanged => &mut outcome.unchanged,
                Settled::Error => &mut outcome.errors,
                Settled::Filtered => &mut outcome.filtered,
            } += 1;
        }
        outcome
    }

    /// Positions of the records that have no answer.
    pub fn left_out(&self) -> Vec<usize> {
        self.records.iter().enumerate().filter(|(_, a)| a.is_none()).map(|(i, _)| i).collect()
    }
}

/// What a 2xx answer means.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// No `results`: the target took every record.
    All,
    /// Record by record.
    Each(Answers),
}

#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default)]
    results: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ReplyRecord<'a> {
    #[serde(default)]
    source_id: String,
    result: String,
    #[serde(borrow, default)]
    target_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// Reads the body of a 2xx answer.
///
/// Only an answer that plainly has no `results` counts for all: an empty one, or one that is no JSON object.
/// An object that is cut or garbled, or a `results` that is not as above, is not taken for success: every
/// record is then left out, as is one whose result word is not known.
pub fn read_answer(body: &[u8], records: &[StagedRecord]) -> Meaning {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii();
    if !body.starts_with(b"{") {
        return Meaning::All;
    }
    let mut said =
        match std::str::from_utf8(body).ok().and_then(|text| serde_json::from_str::<Reply>(text).ok()) {
            Some(Reply { results: None }) => return Meaning::All,
            Some(Reply { results: Some(results) }) => answers(results.get()),
            None => HashMap::new(),
        };
    Meaning::Each(Answers { records: records.iter().map(|r| said.remove(&named(r))).collect() })
}

/// What an answer names a record by: its key in the source, or, where that is not known, its id at the target.
#[derive(PartialEq, Eq, Hash)]
enum Named {
    Source(String),
    Target(String),
}

fn named(record: &StagedRecord) -> Named {
    match &record.target_id {
        Some(id) if record.source_id.is_empty() => Named::Target(id.clone()),
        _ => Named::Source(record.source_id.clone()),
    }
}

fn answers(results: &str) -> HashMap<Named, Answer> {
    let results: Vec<ReplyRecord> = serde_json::from_str(results).unwrap_or_default();
    let answer = |record: ReplyRecord| {
        let result = match record.result.as_str() {
            "created" => Settled::Created,
            "updated" => Settled::Updated,
            "deleted" => Settled::Deleted,
            "unchanged" => Settled::Unchanged,
            "error" => Settled::Error,
            _ => return None,
        };
        let (target_id, error) = (record.target_id.map(text), record.error.map(text));
        let name = match &target_id {
            Some(id) if record.source_id.is_empty() => Named::Target(id.clone()),
            _ => Named::Source(record.source_id),
        };
        Some((name, Answer { result, target_id, error, is_unfit: false }))
    };
    results.into_iter().filter_map(answer).collect()
}

/// A JSON string's text, or any other value as it was written, at most 500 characters of it.
fn text(value: &RawValue) -> String {
    let text = serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().into());
    text.chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(ordinal: u64, source_id: &str) -> StagedRecord {
        StagedRecord {
            ordinal,
            file: "f.csv".into(),
            line: ordinal + 1,
            place: None,
            name: None,
            source_id: source_id.into(),
            target_id: None,
            action: Action::Create,
            key: None,
            hash: crate::change::Hash([0; 16]),
            taken_at: 0,
            cursor: None,
            input: None,
        }
    }

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.into()).unwrap()
    }

    fn batch() -> StagedBatch {
        let records = vec![record(1, "a"), record(2, "b"), record(3, "c")];
        stage("bat_1", "run_1", records, &[raw(r#"{"n":1.50}"#), raw(r#"{"n":2}"#), raw(r#"{"n":3}"#)])
            .unwrap()
    }

    #[test]
    fn the_body_has_the_wire_shape_and_keeps_the_data_as_it_is() {
        assert_eq!(
            batch().body.get(),
            r#"{"batch_id":"bat_1","run_id":"run_1","records":[{"source_id":"a","action":"create","data":{"n":1.50}},{"source_id":"b","action":"create","data":{"n":2}},{"source_id":"c","action":"create","data":{"n":3}}]}"#
        );
        let stored = serde_json::to_string(&batch()).unwrap();
        let read: StagedBatch = serde_json::from_str(&stored).unwrap();
        assert_eq!(read.body.get(), batch().body.get());
    }

    #[test]
    fn the_data_of_each_record_comes_back_as_it_was_and_a_missing_one_is_no_guess() {
        let whole = batch();
        let data: Vec<_> = whole.data().unwrap().iter().map(|data| data.get()).collect();
        assert_eq!(data, [r#"{"n":1.50}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
        let mut uneven = batch();
        uneven.records.pop();
        assert!(uneven.data().unwrap_err().to_string().contains("3 records"));
    }

    #[test]
    fn what_an_answer_leaves_out_goes_again_under_its_own_id() {
        let answer = br#"{"results":[{"source_id":"b","result":"updated","target_id":7},{"source_id":"zzz","result":"created"}]}"#;
        let Meaning::Each(answers) = read_answer(answer, &batch().records) else { panic!("has results") };
        assert_eq!(answers.left_out(), [0, 2]);
        assert_eq!(answers.outcome(), Outcome { updated: 1, ..Outcome::default() });
        assert_eq!(answers.records[1].as_ref().unwrap().target_id.as_deref(), Some("7"));
        let rest = split(&batch(), &answers.left_out(), "bat_2", "run_1").unwrap();
        assert_eq!(
            rest.body.get(),
            r#"{"batch_id":"bat_2","run_id":"run_1","records":[{"source_id":"a","action":"create","data":{"n":1.50}},{"source_id":"c","action":"create","data":{"n":3}}]}"#
        );
        assert_eq!(rest.records.iter().map(|r| r.ordinal).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn a_delete_names_the_record_by_what_is_known_and_is_answered_by_the_same() {
        let delete = |source_id: &str, target_id: Option<&str>| StagedRecord {
            action: Action::Delete,
            target_id: target_id.map(Into::into),
            ..record(1, source_id)
        };
        let records = vec![delete("a", Some("t-1")), delete("b", None), delete("", Some("t-3"))];
        let nulls = [raw("null"), raw("null"), raw("null")];
        let batch = stage("bat_1", "run_1", records, &nulls).unwrap();
        assert_eq!(
            batch.body.get(),
            r#"{"batch_id":"bat_1","run_id":"run_1","records":[{"source_id":"a","target_id":"t-1","action":"delete","data":null},{"source_id":"b","action":"delete","data":null},{"target_id":"t-3","action":"delete","data":null}]}"#
        );
        let answer = br#"{"results":[{"target_id":"t-3","result":"deleted"},{"source_id":"a","target_id":"t-1","result":"deleted"}]}"#;
        let Meaning::Each(answers) = read_answer(answer, &batch.records) else { panic!("has results") };
        assert_eq!(answers.left_out(), [1]);
        assert_eq!(answers.outcome(), Outcome { deleted: 2, ..Outcome::default() });
        let rest = split(&batch, &[1, 2], "bat_2", "run_1").unwrap();
        assert!(
            rest.body
                .get()
                .contains(r#"[{"source_id":"b","action":"delete","data":null},{"target_id":"t-3""#)
        );
        assert_eq!(rest.data().unwrap().len(), 2);
    }

    #[test]
    fn only_an_answer_without_results_counts_for_all() {
        for all in ["", "ok", "{}", " {} ", "[1]", r#"{"result":"x"}"#, "\u{feff}{}", r#"{"results":null}"#] {
            assert_eq!(read_answer(all.as_bytes(), &batch().records), Meaning::All, "{all}");
        }
        for none in [
            r#"{"results":[]}"#,
            r#"{"results":{}}"#,
            r#"{"results":[{"source_id":"a","result":"error","error":1e9"#,
            "{\"note\":1e999, \"results\":[",
            r#"{"results":[{"id":1}]}"#,
            r#"{"results":[{"source_id":"a","result":"maybe"}]}"#,
        ] {
            let Meaning::Each(answers) = read_answer(none.as_bytes(), &batch().records) else {
                panic!("{none}")
            };
            assert_eq!(answers.left_out(), [0, 1, 2], "{none}");
        }
    }
}
