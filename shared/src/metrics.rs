//! What functions count, as lines of CloudWatch's embedded metric format.
//!
//! A function prints such a line to its log, and CloudWatch makes metrics of it: no call, no permission.
//! The only dimension is the function's name, which also tells two stacks apart. Accounts are neither
//! dimension nor property: who a run belonged to is in its report. Alarms and dashboard
//! (`infra/alarms/`, `infra/dashboard.yaml`) ask for these names, and `make check` holds them together.
//! This module builds lines; `aws::emf` prints them.
//!
//! Source: CloudWatch's "Specification: Embedded metric format".

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{counts::Counts, delivery::DeliveryState, run::RunStatus};

/// Where CloudWatch lists the metrics.
pub const NAMESPACE: &str = "Crossdock";

/// The dimension: what Lambda's own metrics have, too.
const DIMENSION: &str = "FunctionName";

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Time.
    Milliseconds,
    /// Time.
    Seconds,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

/// One value under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in CloudWatch.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// What the value counts.
    pub unit: Unit,
}

impl Metric {
    fn count(name: &'static str, value: u64) -> Self {
        Self { name, value, unit: Unit::Count }
    }
}

/// Most values of one metric in a line: what the format allows.
const MOST_VALUES: usize = 100;

/// One line for a function's log, without its line feed; `None` when there is nothing to say. Counts of the same name
/// are added up; other values stand side by side, the first 100 of them.
pub fn line(function: &str, at: Timestamp, metrics: &[Metric]) -> Option<String> {
    if metrics.is_empty() {
        return None;
    }
    let mut values: Vec<(Metric, Vec<u64>)> = Vec::new();
    for metric in metrics {
        match values.iter_mut().find(|(first, _)| first.name == metric.name) {
            None => values.push((*metric, vec![metric.value])),
            Some((_, sum)) if metric.unit == Unit::Count => sum[0] += metric.value,
            Some((_, all)) if all.len() < MOST_VALUES => all.push(metric.value),
            Some(_) => {}
        }
    }
    let listed: Vec<Value> =
        values.iter().map(|(m, _)| json!({ "Name": m.name, "Unit": m.unit.name() })).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".into(),
        json!({
            "Timestamp": at.as_millisecond(),
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": listed }],
        }),
    );
    line.insert(DIMENSION.into(), function.into());
    line.extend(values.into_iter().map(|(m, values)| {
        (m.name.to_string(), if let [one] = values[..] { one.into() } else { values.into() })
    }));
    Some(Value::Object(line).to_string())
}

/// A run that ended, or was born final, and its records. Nothing for a run that goes on.
pub fn run_ended(status: RunStatus, counts: &Counts) -> Vec<Metric> {
    let name = match status {
        RunStatus::Complete => "RunsComplete",
        RunStatus::Partial => "RunsPartial",
        RunStatus::Error => "RunsError",
        RunStatus::Cancelled => "RunsCancelled",
        RunStatus::Skipped => "RunsSkipped",
        RunStatus::Missed => "RunsMissed",
        RunStatus::Queued | RunStatus::Running | RunStatus::Delivering => return Vec::new(),
    };
    let mut metrics = vec![Metric::count(name, 1)];
    if counts.read() > 0 {
        metrics.push(Metric::count("RecordsRead", counts.read()));
        metrics.push(Metric::count("RecordsWritten", counts.written()));
        metrics.push(Metric::count("RecordsInError", counts.errors()));
    }
    metrics
}

/// An attempt on a batch, by the state that it left the batch in.
pub fn attempt(state: DeliveryState) -> Vec<Metric> {
    match state {
        DeliveryState::Delivered => vec![Metric::count("BatchesDelivered", 1)],
        DeliveryState::Waiting => vec![Metric::count("AttemptsFailed", 1)],
        DeliveryState::Unknown => {
            vec![Metric::count("AttemptsFailed", 1), Metric::count("BatchesUnknown", 1)]
        }
        DeliveryState::Dead => vec![Metric::count("AttemptsFailed", 1), Metric::count("BatchesDead", 1)],
        DeliveryState::Sending => Vec::new(),
    }
}

/// Notifications that `intake` acknowledged without handing them on: no connection wants them, or they are repeats of
/// what was there. Those that it handed on are counted by `deliver` at their first claim ([`first_claim`]): a line for
/// each would cost a seventh of a dollar per million.
pub fn not_handed_on(unrouted: u64, repeats: u64) -> Vec<Metric> {
    let both = [("NotificationsUnrouted", unrouted), ("NotificationsRepeated", repeats)];
    both.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| Metric::count(name, n)).collect()
}

/// A notification that was accepted for one connection, at its first claim.
pub fn first_claim() -> Vec<Metric> {
    vec![Metric::count("NotificationsAccepted", 1)]
}

/// A notification that `intake` refused, by the reason's code.
pub fn refused(reason: &str) -> Vec<Metric> {
    let by_reason = match reason {
        "unverified" => "RefusedUnverified",
        "not_found" | "method_not_allowed" => "RefusedNotFound",
        "source_disabled" => "RefusedDisabled",
        "too_many" => "RefusedTooMany",
        "too_large" => "RefusedTooLarge",
        "conflict" => "RefusedConflict",
        "unavailable" => "RefusedUnavailable",
        _ => "RefusedUnusable",
    };
    vec![Metric::count("NotificationsRefused", 1), Metric::count(by_reason, 1)]
}

/// A notification that its target has, so long after it was accepted.
pub fn notification_delivered(latency_ms: u64) -> Vec<Metric> {
    vec![
        Metric::count("NotificationsDelivered", 1),
        Metric { name: "DeliveryLatency", value: latency_ms, unit: Unit::Milliseconds },
    ]
}

/// An attempt with a notification that failed, by the state that it left it in.
pub fn notification(state: DeliveryState) -> Vec<Metric> {
    match state {
        DeliveryState::Waiting => vec![Metric::count("AttemptsFailed", 1)],
        DeliveryState::Unknown => {
            vec![Metric::count("AttemptsFailed", 1), Metric::count("NotificationsUnknown", 1)]
        }
        DeliveryState::Dead => {
            vec![Metric::count("AttemptsFailed", 1), Metric::count("NotificationsDead", 1)]
        }
        DeliveryState::Delivered | DeliveryState::Sending => Vec::new(),
    }
}

/// A target's breaker that opened or closed.
pub fn breaker(opened: bool) -> Vec<Metric> {
    vec![Metric::count(if opened { "BreakersOpened" } else { "BreakersClosed" }, 1)]
}

/// A target that has answered that it wants nothing more.
pub fn target_disabled() -> Vec<Metric> {
    vec![Metric::count("TargetsDisabled", 1)]
}

/// How long a delivery that waits has waited since it was accepted: the oldest of a target that is drained or probed, and
/// each whose attempt has failed.
pub fn oldest_owed(age_secs: u64) -> Vec<Metric> {
    vec![Metric { name: "OldestOwedAge", value: age_secs, unit: Unit::Seconds }]
}

/// Deliveries that have been tried or wait, and are not final.
pub fn owed(deliveries: u64) -> Vec<Metric> {
    vec![Metric::count("DeliveriesOwed", deliveries)]
}

/// A file that is on its target under its name.
pub fn file_pushed(records: u64, size_bytes: u64) -> Vec<Metric> {
    vec![
        Metric::count("FilesPushed", 1),
        Metric::count("FileRecords", records),
        Metric::count("FileBytes", size_bytes),
    ]
}

/// A push that did not get through.
pub fn push_failed() -> Vec<Metric> {
    vec![Metric::count("PushesFailed", 1)]
}

/// A tick of `dispatch`: rows woken and not, how long the oldest of them had been due, and the tick's time.
pub fn tick(woken: usize, failed: usize, oldest_due_secs: u64, duration_ms: u64) -> Vec<Metric> {
    vec![
        Metric::count("RowsWoken", woken as u64),
        Metric::count("RowsFailed", failed as u64),
        Metric { name: "OldestDueAge", value: oldest_due_secs, unit: Unit::Seconds },
        Metric { name: "TickDuration", value: duration_ms, unit: Unit::Milliseconds },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUSES: [RunStatus; 9] = [
        RunStatus::Queued,
        RunStatus::Running,
        RunStatus::Delivering,
        RunStatus::Complete,
        RunStatus::Partial,
        RunStatus::Error,
        RunStatus::Cancelled,
        RunStatus::Skipped,
        RunStatus::Missed,
    ];

    fn counts() -> Counts {
        let mut counts = Counts::default();
        counts.add_filtered();
        counts.add_error();
        counts
    }

    /// Holds a line against the rules of the specification.
    fn hold(line: &str) {
        assert!(!line.contains('\n'), "an event is one line: {line}");
        assert!(line.starts_with('{'), "nothing stands before the document");
        let document: Map<String, Value> = serde_json::from_str(line).unwrap();
        let meta = document["_aws"].as_object().unwrap();
        assert!(meta["Timestamp"].as_i64().unwrap() > 1_600_000_000_000, "milliseconds since 1970");
        let directives = meta["CloudWatchMetrics"].as_array().unwrap();
        assert!(!directives.is_empty());
        for directive in directives {
            assert_eq!(directive["Namespace"], "Crossdock");
            for set in directive["Dimensions"].as_array().unwrap() {
                let set = set.as_array().unwrap();
                assert!((1..=30).contains(&set.len()));
                for dimension in set {
                    let value = document[dimension.as_str().unwrap()].as_str().unwrap();
                    assert!((1..=1024).contains(&value.len()), "the dimension's value is a text at the root");
                }
            }
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!((1..=100).contains(&metrics.len()));
            for metric in metrics {
                let name = metric["Name"].as_str().unwrap();
                assert!(document[name].is_number(), "{name} is a number at the root");
                assert!(["Count", "Milliseconds", "Seconds"].contains(&metric["Unit"].as_str().unwrap()));
            }
            let mut names: Vec<_> = metrics.iter().map(|m| m["Name"].to_string()).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), metrics.len(), "each metric once");
        }
    }

    #[test]
    fn every_line_keeps_the_rules_of_the_format() {
        let at: Timestamp = "2026-11-22T10:00:00.250Z".parse().unwrap();
        let mut lines = vec![line("crossdock-Dispatch-1", at, &tick(3, 1, 70, 812)).unwrap()];
        lines.extend(STATUSES.into_iter().filter_map(|s| line("f", at, &run_ended(s, &counts()))));
        lines.push(line("f", at, &attempt(DeliveryState::Dead)).unwrap());
        assert_eq!(lines.len(), 8);
        lines.iter().for_each(|line| hold(line));
    }

    #[test]
    fn a_line_reads_as_the_format_asks() {
        let at: Timestamp = "2026-11-22T10:00:00.250Z".parse().unwrap();
        let line = line("crossdock-Deliver-1", at, &attempt(DeliveryState::Delivered)).unwrap();
        assert_eq!(
            line,
            r#"{"_aws":{"Timestamp":1795341600250,"CloudWatchMetrics":[{"Namespace":"Crossdock","Dimensions":[["FunctionName"]],"Metrics":[{"Name":"BatchesDelivered","Unit":"Count"}]}]},"FunctionName":"crossdock-Deliver-1","BatchesDelivered":1}"#
        );
    }

    #[test]
    fn a_run_counts_once_it_ends_and_under_its_status_alone() {
        for status in STATUSES {
            let metrics = run_ended(status, &Counts::default());
            assert_eq!(metrics.len(), usize::from(status.is_final()), "{status:?}");
        }
        let ended = run_ended(RunStatus::Partial, &counts());
        let values: Vec<_> = ended.iter().map(|m| (m.name, m.value)).collect();
        assert_eq!(
            values,
            [("RunsPartial", 1), ("RecordsRead", 2), ("RecordsWritten", 0), ("RecordsInError", 1)]
        );
    }

    #[test]
    fn nothing_to_say_is_no_line() {
        assert_eq!(line("f", Timestamp::UNIX_EPOCH, &attempt(DeliveryState::Sending)), None);
    }
}
