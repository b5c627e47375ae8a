//! Whole numbers, and decimals in each way of writing them.

use super::candidate::Candidate;
use super::{CellType, Cells, Kind};
use crate::mapping::ColumnType;

/// Decimal marks and what groups digits by threes beside them.
const WAYS: [(&str, Option<&str>); 8] = [
    (".", None),
    (",", None),
    (".", Some(",")),
    (",", Some(".")),
    (",", Some(" ")),
    (".", Some(" ")),
    (".", Some("'")),
    (",", Some("'")),
];

/// Returns the ways in which the column's cells could be numbers.
pub(super) fn candidates(cells: &Cells<'_>) -> Vec<Candidate> {
    let uses = |mark: &str| cells.distinct.iter().any(|cell| uses(cell.text, mark));
    let mut found: Vec<Candidate> =
        Candidate::engine(CellType::plain(Kind::Integer, ColumnType::Integer), 1.0).into_iter().collect();
    for (mark, grouping) in WAYS {
        // A way whose characters are not there is the same as the way without them.
        let is_used = grouping.map_or_else(|| uses(mark), uses);
        if !is_used || grouping.is_none() && !uses(mark) {
            continue;
        }
        let plain = CellType::plain(Kind::Decimal, ColumnType::Decimal);
        let cell_type =
            CellType { decimal_mark: Some(mark.into()), grouping: grouping.map(str::to_string), ..plain };
        let Some(candidate) = Candidate::engine(cell_type, weight(cells, mark, grouping)) else { continue };
        found.push(candidate.remark(remark(mark, grouping)));
    }
    found
}

fn uses(cell: &str, mark: &str) -> bool {
    cell.contains(mark) || mark == " " && cell.contains(['\u{a0}', '\u{202f}'])
}

/// Where a character could be the mark or part groups, three digits behind it each time say groups, anything
/// else says mark; which of the two other marks goes with groups is open where no cell has a fraction.
fn weight(cells: &Cells<'_>, mark: &str, grouping: Option<&str>) -> f64 {
    match grouping {
        None => {
            let threes = cells.count(|cell| cell.rsplit_once(mark).is_some_and(|(_, rest)| rest.len() == 3));
            if threes == cells.count(|cell| uses(cell, mark)) { 0.6 } else { 1.5 }
        }
        Some(_) if cells.distinct.iter().any(|cell| uses(cell.text, mark)) => 1.5,
        Some("." | ",") => 0.55,
        Some(_) if mark == "," => 0.5,
        Some(_) => 0.4,
    }
}

fn remark(mark: &str, grouping: Option<&str>) -> String {
    match grouping {
        None => format!("{mark:?} is the decimal mark"),
        Some(group) => format!("{mark:?} is the decimal mark and {group:?} parts groups of three digits"),
    }
}
