//! Times of day and durations, which are told but mapped as text.

use super::candidate::{Candidate, Test};
use super::{CellType, Kind};
use crate::mapping::ColumnType;

/// Returns times of day and durations.
pub(super) fn candidates() -> Vec<Candidate> {
    let rule = |kind, rule, weight, remark: &str| Candidate {
        cell_type: CellType::plain(kind, ColumnType::Text),
        test: Test::Rule(rule),
        weight,
        remark: Some(remark.into()),
    };
    vec![
        rule(Kind::Time, is_time, 1.0, "hours up to 23, and minutes"),
        rule(Kind::Duration, is_duration, 0.4, "hours and minutes, or an ISO 8601 duration"),
    ]
}

fn is_time(cell: &str) -> bool {
    is_clock(cell, 23)
}

fn is_duration(cell: &str) -> bool {
    is_clock(cell.trim_start_matches('-'), 9999) || is_iso(cell)
}

/// `H:MM` or `H:MM:SS`, with a fraction of the second perhaps.
fn is_clock(cell: &str, most_hours: u32) -> bool {
    let parts: Vec<&str> = cell.split(':').collect();
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let below_60 = |part: &str| part.len() == 2 && digits(part, 2) && part < "60";
    let (hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes] => (*hours, *minutes, "00"),
        [hours, minutes, seconds] => (*hours, *minutes, *seconds),
        _ => return false,
    };
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    digits(hours, 4)
        && hours.parse::<u32>().is_ok_and(|hours| hours <= most_hours)
        && below_60(minutes)
        && below_60(seconds)
        && digits(fraction, 9)
}

/// `P1DT2H30M` and the like.
fn is_iso(cell: &str) -> bool {
    let Some(rest) = cell.trim_start_matches('-').strip_prefix('P') else { return false };
    let mut digits = 0;
    let mut parts = 0;
    for byte in rest.bytes() {
        match byte {
            b'0'..=b'9' | b'.' | b',' => digits += 1,
            b'T' if digits == 0 => {}
            b'Y' | b'M' | b'W' | b'D' | b'H' | b'S' if digits > 0 => (digits, parts) = (0, parts + 1),
            _ => return false,
        }
    }
    parts > 0 && digits == 0
}
