//! Local times around both changes of the clocks, against another implementation.

use serde_json::json;

use super::{read, semicolons};
use crate::mapping::Outcome;

/// Zone, local time, and the instants that `fold=0` and `fold=1` mean; a gap where neither comes back as the local time.
///
/// Made by Python 3's `zoneinfo` over the system's IANA database, 2026: for each zone the first change of each kind in
/// 2026, the minute before, the first and last minute that are skipped or repeated, and the minute after, each as
/// `datetime.strptime(local, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(timezone.utc)`.
/// Lord Howe's clocks change by half an hour; Casablanca's go back for Ramadan, and have summer time in winter.
const TIMES: [(&str, &str, &str, &str); 40] = [
    ("Europe/Oslo", "2026-03-29 01:59", "2026-03-29T00:59:00Z", "2026-03-29T00:59:00Z"),
    ("Europe/Oslo", "2026-03-29 02:00", "gap", "gap"),
    ("Europe/Oslo", "2026-03-29 02:59", "gap", "gap"),
    ("Europe/Oslo", "2026-03-29 03:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"),
    ("Europe/Oslo", "2026-10-25 01:59", "2026-10-24T23:59:00Z", "2026-10-24T23:59:00Z"),
    ("Europe/Oslo", "2026-10-25 02:00", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"),
    ("Europe/Oslo", "2026-10-25 02:59", "2026-10-25T00:59:00Z", "2026-10-25T01:59:00Z"),
    ("Europe/Oslo", "2026-10-25 03:00", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z"),
    ("Europe/Helsinki", "2026-03-29 02:59", "2026-03-29T00:59:00Z", "2026-03-29T00:59:00Z"),
    ("Europe/Helsinki", "2026-03-29 03:00", "gap", "gap"),
    ("Europe/Helsinki", "2026-03-29 03:59", "gap", "gap"),
    ("Europe/Helsinki", "2026-03-29 04:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"),
    ("Europe/Helsinki", "2026-10-25 02:59", "2026-10-24T23:59:00Z", "2026-10-24T23:59:00Z"),
    ("Europe/Helsinki", "2026-10-25 03:00", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"),
    ("Europe/Helsinki", "2026-10-25 03:59", "2026-10-25T00:59:00Z", "2026-10-25T01:59:00Z"),
    ("Europe/Helsinki", "2026-10-25 04:00", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z"),
    ("America/New_York", "2026-03-08 01:59", "2026-03-08T06:59:00Z", "2026-03-08T06:59:00Z"),
    ("America/New_York", "2026-03-08 02:00", "gap", "gap"),
    ("America/New_York", "2026-03-08 02:59", "gap", "gap"),
    ("America/New_York", "2026-03-08 03:00", "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01 00:59", "2026-11-01T04:59:00Z", "2026-11-01T04:59:00Z"),
    ("America/New_York", "2026-11-01 01:00", "2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z"),
    ("America/New_York", "2026-11-01 01:59", "2026-11-01T05:59:00Z", "2026-11-01T06:59:00Z"),
    ("America/New_York", "2026-11-01 02:00", "2026-11-01T07:00:00Z", "2026-11-01T07:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-05 01:29", "2026-04-04T14:29:00Z", "2026-04-04T14:29:00Z"),
    ("Australia/Lord_Howe", "2026-04-05 01:30", "2026-04-04T14:30:00Z", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-05 01:59", "2026-04-04T14:59:00Z", "2026-04-04T15:29:00Z"),
    ("Australia/Lord_Howe", "2026-04-05 02:00", "2026-04-04T15:30:00Z", "2026-04-04T15:30:00Z"),
    ("Australia/Lord_Howe", "2026-10-04 01:59", "2026-10-03T15:29:00Z", "2026-10-03T15:29:00Z"),
    ("Australia/Lord_Howe", "2026-10-04 02:00", "gap", "gap"),
    ("Australia/Lord_Howe", "2026-10-04 02:29", "gap", "gap"),
    ("Australia/Lord_Howe", "2026-10-04 02:30", "2026-10-03T15:30:00Z", "2026-10-03T15:30:00Z"),
    ("Africa/Casablanca", "2026-02-15 01:59", "2026-02-15T00:59:00Z", "2026-02-15T00:59:00Z"),
    ("Africa/Casablanca", "2026-02-15 02:00", "2026-02-15T01:00:00Z", "2026-02-15T02:00:00Z"),
    ("Africa/Casablanca", "2026-02-15 02:59", "2026-02-15T01:59:00Z", "2026-02-15T02:59:00Z"),
    ("Africa/Casablanca", "2026-02-15 03:00", "2026-02-15T03:00:00Z", "2026-02-15T03:00:00Z"),
    ("Africa/Casablanca", "2026-03-22 01:59", "2026-03-22T01:59:00Z", "2026-03-22T01:59:00Z"),
    ("Africa/Casablanca", "2026-03-22 02:00", "gap", "gap"),
    ("Africa/Casablanca", "2026-03-22 02:59", "gap", "gap"),
    ("Africa/Casablanca", "2026-03-22 03:00", "2026-03-22T02:00:00Z", "2026-03-22T02:00:00Z"),
];

/// What a mapping makes of a local time under a rule: the instant, or the reason why there is none.
fn mapped(zone: &str, rule: &str, local: &str) -> String {
    let column = json!({
        "name": "at", "from": "At", "type": "timestamp",
        "format": "%Y-%m-%d %H:%M", "time_zone": zone, "ambiguous": rule
    });
    match &read(format!("At\n{local}\n"), semicolons(json!([column]))).unwrap()[..] {
        [Outcome::Record(record)] => {
            let data: serde_json::Value = serde_json::from_str(&record.data).unwrap();
            data["at"].as_str().unwrap().to_owned()
        }
        [Outcome::Error(error)] => error.reason.to_string(),
        other => panic!("one line is one outcome, not {other:?}"),
    }
}

#[test]
fn every_rule_holds_through_both_changes_of_five_zones() {
    for (zone, local, first, second) in TIMES {
        let (earliest, latest, error) = match (first, second) {
            ("gap", _) => ("time_in_gap", "time_in_gap", "time_in_gap"),
            (first, second) if first == second => (first, first, first),
            (first, second) => (first, second, "ambiguous_time"),
        };
        assert_eq!(mapped(zone, "earliest", local), earliest, "{zone} {local}");
        assert_eq!(mapped(zone, "latest", local), latest, "{zone} {local}");
        assert_eq!(mapped(zone, "error", local), error, "{zone} {local}");
    }
}
