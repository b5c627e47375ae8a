//! Whether the first record names the columns.
//!
//! It does where its cells are words above columns of values, or words that do not come again. It
//! does not where one of its cells is itself such a value. A table that is words alone does not say.

use std::collections::HashSet;

use super::score::Table;
use super::split::Record;
use super::value::{Look, look};
use crate::preview::guess::Guess;

/// How many records are compared with the first.
const COMPARED: usize = 500;

/// Guesses whether a table has a header.
pub(super) fn guess(table: &Table<'_>) -> Guess<bool> {
    let Some((first, rest)) = table.records.split_first() else {
        return Guess::new(false, 0.5, "there is no record");
    };
    let rest = &rest[..rest.len().min(COMPARED)];
    let looks: Vec<Look> = first.cells.iter().map(|cell| look(&cell.text)).collect();
    let named = first.cells.iter().zip(&looks).filter(|(_, look)| is_name(**look)).count();
    let values = looks.iter().filter(|look| matches!(look, Look::Value)).count();
    if rest.is_empty() {
        return match values {
            0 if named > 0 => Guess::new(true, 0.7, "the only record has words, which look like names"),
            _ => Guess::new(false, 0.6, "the only record has values"),
        };
    }
    if named == 0 {
        return Guess::new(false, 0.9, "no cell of the first record is a word");
    }
    let mut above_values = 0;
    let mut values_above_values = 0;
    for (at, look) in looks.iter().enumerate() {
        let is_of_values = mostly_values(rest, at);
        above_values += usize::from(is_of_values && is_name(*look));
        values_above_values += usize::from(is_of_values && *look == Look::Value);
    }
    if above_values > values_above_values {
        let reason = format!("{above_values} of {} columns have values under a word", looks.len());
        return Guess::new(true, 0.9 + 0.09 * (above_values as f64 / looks.len() as f64), reason);
    }
    if values_above_values > 0 {
        let reason = format!("{values_above_values} cells of the first record are values as those below");
        return Guess::new(false, 0.9, reason);
    }
    let distinct: HashSet<&str> = first.cells.iter().map(|cell| cell.text.trim()).collect();
    let repeated = (0..looks.len()).filter(|at| comes_again(first, rest, *at)).count();
    if distinct.len() < looks.len() && values > 0 || repeated > 0 {
        let reason = format!("{repeated} cells of the first record come again below");
        return Guess::new(false, 0.7, reason);
    }
    Guess::new(true, 0.65, "all columns are words, as the first record is: it names them, as is usual")
}

fn is_name(look: Look) -> bool {
    matches!(look, Look::Text | Look::Code | Look::Joined | Look::Word)
}

/// Whether nearly all cells of a column that are there are values.
fn mostly_values(rest: &[Record<'_>], at: usize) -> bool {
    let looks = || rest.iter().filter_map(|record| record.cells.get(at)).map(|cell| look(&cell.text));
    let filled = looks().filter(|look| !matches!(look, Look::Empty)).count();
    let values = looks().filter(|look| matches!(look, Look::Value)).count();
    values > 0 && values * 10 >= filled * 8
}

fn comes_again(first: &Record<'_>, rest: &[Record<'_>], at: usize) -> bool {
    let text = first.cells[at].text.trim();
    !text.is_empty()
        && rest.iter().any(|record| record.cells.get(at).is_some_and(|cell| cell.text.trim() == text))
}
