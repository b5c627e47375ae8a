//! Holding a run's report against what was expected, and against the receiver's own log.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{
    api::id,
    flow::{Flow, count},
};

/// Holds a report's status and all its counts against what is expected; a count that is not named must be 0.
///
/// `written` need not be named: it is `created`, `updated` and `deleted`.
///
/// # Panics
/// When they differ.
#[track_caller]
pub fn expect(run: &Value, status: &str, counts: &[(&str, u64)]) {
    assert_eq!(run["status"], status, "{run:#}");
    let mut expected: BTreeMap<&str, u64> = [
        "read",
        "missing",
        "filtered",
        "unchanged",
        "written",
        "created",
        "updated",
        "deleted",
        "errors",
        "owed",
    ]
    .map(|name| (name, 0))
    .into();
    expected.extend(counts.iter().copied());
    expected.insert("written", expected["created"] + expected["updated"] + expected["deleted"]);
    let got: BTreeMap<&str, u64> =
        expected.keys().map(|name| (*name, run["counts"][*name].as_u64().unwrap_or(u64::MAX))).collect();
    assert_eq!(got, expected, "{run:#}");
}

/// Holds a report's failure against what is expected: origin, code, whether a retry can help, and words that its
/// message must have.
///
/// # Panics
/// When they differ.
#[track_caller]
pub fn expect_failure(run: &Value, origin: &str, code: &str, retryable: bool, words: &[&str]) {
    let failure = &run["failure"];
    assert_eq!(
        (&failure["origin"], &failure["code"], &failure["retryable"]),
        (&origin.into(), &code.into(), &retryable.into()),
        "{run:#}"
    );
    let message = failure["message"].as_str().unwrap_or_default();
    for word in words {
        assert!(message.contains(word), "no '{word}' in: {message}");
    }
}

/// A record result in one line: `line writer reason field`.
pub fn in_short(record: &Value) -> String {
    let text = |name: &str| record[name].as_str().unwrap_or("-").to_string();
    format!("{} {} {} {}", record["line"], text("writer"), text("reason"), text("field"))
}

impl Flow {
    /// Holds these runs' record results against the receiver's log: every record read is reported once and in
    /// order, what is reported as written was taken once, and nothing else was taken, or even sent.
    ///
    /// # Errors
    /// When they disagree.
    pub async fn agrees(&self, runs: &[&Value]) -> Result<()> {
        let log = self.receiver.taken()?;
        let mut known = BTreeSet::new();
        for run in runs {
            let run_id = id(run);
            let records = self.records(run).await?;
            ensure!(
                records.len() as u64 == count(run, "read") + count(run, "missing"),
                "{}: {run:#}",
                records.len()
            );
            for (i, record) in records.iter().enumerate() {
                ensure!(record["ordinal"] == i + 1, "record {i} of {run_id} is out of order: {record}");
                let explained = record["reason"].is_string() && record["detail"].is_string();
                let settled = matches!(
                    record["writer"].as_str(),
                    Some("created" | "updated" | "deleted" | "unchanged")
                );
                ensure!(settled != explained, "a record of {run_id} is unexplained: {record}");
            }
            for (name, writer) in [
                ("created", "created"),
                ("updated", "updated"),
                ("deleted", "deleted"),
                ("unchanged", "unchanged"),
                ("errors", "error"),
            ] {
                let reported = records.iter().filter(|r| r["writer"] == writer).count();
                ensure!(
                    run["counts"][name] == reported,
                    "{run_id} reports {reported} {writer}: {}",
                    run["counts"]
                );
            }
            let who = |record: &Value, action: &str| (record["source_id"].to_string(), action.to_string());
            let written: Vec<_> = records
                .iter()
                .filter_map(|r| match r["writer"].as_str() {
                    Some("created") => Some(who(r, "create")),
                    Some("updated") => Some(who(r, "update")),
                    Some("deleted") => Some(who(r, "delete")),
                    _ => None,
                })
                .collect();
            let taken: Vec<_> = log
                .iter()
                .filter(|t| t.run == run_id)
                .map(|t| (Value::from(t.source_id.clone()).to_string(), t.action.clone()))
                .collect();
            let (sorted_written, sorted_taken) = (sorted(&written), sorted(&taken));
            ensure!(
                sorted_written == sorted_taken,
                "{run_id} reports {sorted_written:?} as written, the receiver took {sorted_taken:?}"
            );
            let owed: BTreeSet<_> = records
                .iter()
                .filter(|r| matches!(r["processor"].as_str(), Some("create" | "update" | "delete")))
                .map(|r| r["source_id"].to_string())
                .collect();
            known.insert((run_id, owed));
        }
        for request in self.receiver.requests() {
            let body = &request["body"];
            let owed = known.iter().find(|(run, _)| body["run_id"] == *run).map(|(_, owed)| owed);
            let records = body["records"].as_array().map(Vec::as_slice).unwrap_or_default();
            ensure!(
                !records.is_empty()
                    && records.iter().all(|r| owed.is_some_and(|o| o.contains(&r["source_id"].to_string()))),
                "something else was sent: {request}"
            );
            ensure!(request["headers"]["idempotency-key"] == body["batch_id"], "not under its id: {request}");
        }
        let of_others = log.iter().filter(|t| !known.iter().any(|(run, _)| *run == t.run)).count();
        ensure!(of_others == 0, "the receiver took {of_others} records of other runs");
        Ok(())
    }
}

fn sorted(records: &[(String, String)]) -> Vec<&(String, String)> {
    let mut sorted: Vec<_> = records.iter().collect();
    sorted.sort();
    sorted
}
