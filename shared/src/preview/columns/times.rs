//! Times of day and durations. Durations as ISO 8601 writes them are told, and mapped as text.

use super::candidate::{Candidate, Test};
use super::{CellType, Cells, Kind};
use crate::mapping::{ColumnType, Notation};

/// Formats of times of day.
const TIMES: [&str; 4] = ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f", "%I:%M %p"];

/// Returns times of day and durations.
pub(super) fn candidates(cells: &Cells<'_>) -> Vec<Candidate> {
    let has_fractions = cells.distinct.iter().any(|cell| cell.text.contains('.'));
    let formats = TIMES.into_iter().filter(|format| has_fractions || !format.contains("%.f"));
    let times = formats.filter_map(|format| {
        let plain = CellType::plain(Kind::Time, ColumnType::Time);
        let time = Candidate::engine(CellType { format: Some(format.into()), ..plain }, 1.0)?;
        Some(time.remark(format!("written as {format}")))
    });
    let durations =
        [Notation::HoursMinutes, Notation::HoursMinutesSeconds].into_iter().filter_map(|notation| {
            let plain = CellType::plain(Kind::Duration, ColumnType::Duration);
            let duration = Candidate::engine(CellType { notations: vec![notation], ..plain }, 0.4)?;
            Some(duration.remark("hours and minutes could be a length of time, too"))
        });
    let iso = Candidate {
        cell_type: CellType::plain(Kind::Duration, ColumnType::Text),
        test: Test::Rule(is_iso),
        weight: 0.4,
        remark: Some("durations as ISO 8601 writes them go out as they are".into()),
    };
    times.chain(durations).chain([iso]).collect()
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
