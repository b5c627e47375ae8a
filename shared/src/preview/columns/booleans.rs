//! Columns of two words that people write for true and false.

use super::candidate::Candidate;
use super::cells::is_nothing;
use super::{CellType, Cells, Kind};
use crate::mapping::ColumnType;

/// Pairs of words, in lower case: for true and for false.
const PAIRS: [(&str, &str); 14] = [
    ("true", "false"),
    ("t", "f"),
    ("yes", "no"),
    ("y", "n"),
    ("1", "0"),
    ("ja", "nei"),
    ("ja", "nej"),
    ("ja", "nein"),
    ("j", "n"),
    ("oui", "non"),
    ("sí", "no"),
    ("sant", "usant"),
    ("wahr", "falsch"),
    ("on", "off"),
];

/// Returns booleans where both words of a pair, and no others, are there.
pub(super) fn candidates(cells: &Cells<'_>) -> Vec<Candidate> {
    let words: Vec<&str> =
        cells.distinct.iter().map(|cell| cell.text).filter(|cell| !is_nothing(cell)).collect();
    if !(2..=4).contains(&words.len()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (yes, no) in PAIRS {
        let of = |word: &str| -> Vec<String> {
            words.iter().filter(|cell| cell.to_lowercase() == word).map(|cell| (*cell).to_string()).collect()
        };
        let (true_values, false_values) = (of(yes), of(no));
        let is_all = true_values.len() + false_values.len() == words.len();
        if is_all && !true_values.is_empty() && !false_values.is_empty() {
            let is_number = yes == "1";
            let plain = CellType::plain(Kind::Boolean, ColumnType::Boolean);
            // A count that happens to be 0 and 1 is a number still; read as one it loses nothing.
            let weight = if is_number { 0.6 } else { 5.0 };
            let candidate = Candidate::engine(CellType { true_values, false_values, ..plain }, weight);
            found.extend(
                candidate.map(|one| one.remark(format!("the only words are {}", words.join(" and ")))),
            );
        }
    }
    found
}
