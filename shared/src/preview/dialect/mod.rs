//! How a file of delimited text is written: guessed by reading it in every way that it could be meant.
//!
//! Each candidate splits the text into records. A candidate is as good as its records are alike in
//! width (pattern) and as its cells are values that people write (type): the product of the two, as
//! in van den Burg, Nazábal and Sutton, "Wrangling messy CSV files by detecting row and type
//! patterns" (2019), with a pattern score of our own that takes title lines off first. What a file
//! cannot show (a dialect whose characters it does not use) is not guessed but told as usual.
//!
//! This is for the preview alone. A run reads as its mapping states.

mod candidates;
mod header;
mod lead;
#[cfg(test)]
mod round_trip;
mod score;
pub(super) mod split;
#[cfg(test)]
mod tests;
pub(super) mod value;

use schemars::JsonSchema;
use serde::Serialize;

use super::guess::Guess;
pub(super) use score::Table;
#[cfg(feature = "workbooks")]
pub(super) use value::{Look, look};

/// How delimited text is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Dialect {
    /// What stands between fields; null where records have one field.
    pub delimiter: Option<String>,
    /// What stands around fields that hold delimiters or line ends; null where quotes are text.
    pub quote: Option<String>,
    /// What stands before a quote within a quoted field; null where it is doubled.
    pub escape: Option<String>,
    /// Whether the first record names the columns.
    pub header: bool,
    /// Lines before the first record: titles and the like, blank lines and comments among them.
    pub skipped_lines: u64,
    /// What begins lines that are no records.
    pub comment: Option<String>,
    /// Whether every record ends with a delimiter, so that a last column without name and cells appears.
    pub trailing_delimiter: bool,
    /// `lf`, `crlf` or `cr`; `mixed` where more than one of them ends lines; null without a line end.
    pub line_end: Option<String>,
    /// How many fields a record has.
    pub width: usize,
    /// How many records have more or fewer.
    pub ragged_records: usize,
}

/// How much of the text the candidates are tried on; the winner reads all of it.
const TRIED_BYTES: usize = 96 * 1024;

/// Guesses the dialect, and reads the text with it.
pub(super) fn guess(text: &str, is_cut: bool) -> (Guess<Dialect>, Table<'_>) {
    let tried = candidates::start(text, TRIED_BYTES);
    let is_all = tried.len() == text.len();
    let mut scored: Vec<score::Scored> = candidates::of(tried)
        .into_iter()
        .map(|candidate| score::score(tried, candidate, is_cut || !is_all))
        .collect();
    scored.sort_by(|a, b| b.score.total_cmp(&a.score));
    let best = scored.first().cloned().unwrap_or_else(score::Scored::nothing);
    let table = Table::read(text, best.candidate, is_cut);
    let header = header::guess(&table);
    let value = dialect(&table, text, header.value);
    let rival = scored.iter().find(|other| other.candidate.delimiter != best.candidate.delimiter);
    let runner_up = rival.map_or(0.0, |rival| rival.score);
    let confidence =
        (best.score / (best.score + runner_up * runner_up)).min(0.99) * header.confidence.max(0.5);
    let reason = format!("{}; {}", best.reason(&table), header.reason);
    let mut guess = Guess::new(value.clone(), confidence, reason);
    guess.rival(
        Dialect { header: !header.value, ..value },
        1.0 - header.confidence,
        if header.value {
            "the first record could be data"
        } else {
            "the first record could name the columns"
        },
    );
    if let Some(rival) = rival.filter(|rival| rival.score > best.score / 4.0) {
        let other = Table::read(tried, rival.candidate, is_cut || !is_all);
        let header = header::guess(&other).value;
        let share = rival.score / (best.score + rival.score) * 0.8;
        guess.rival(dialect(&other, tried, header), share, rival.reason(&other));
    }
    (guess, table)
}

fn dialect(table: &Table<'_>, text: &str, header: bool) -> Dialect {
    let one = |byte: u8| char::from(byte).to_string();
    let candidate = table.candidate;
    Dialect {
        delimiter: candidate.delimiter.map(one),
        quote: candidate.quote.map(one),
        escape: candidate.escape.map(one),
        header,
        skipped_lines: table.skipped_lines,
        comment: candidate.comment.map(str::to_string),
        trailing_delimiter: table.has_trailing_delimiter(),
        line_end: line_end(text),
        width: table.width,
        ragged_records: table.ragged.len(),
    }
}

fn line_end(text: &str) -> Option<String> {
    let crlf = text.matches("\r\n").count();
    let lf = text.matches('\n').count() - crlf;
    let cr = text.matches('\r').count() - crlf;
    let kinds = [("crlf", crlf), ("lf", lf), ("cr", cr)];
    let mut used = kinds.iter().filter(|(_, count)| *count > 0);
    let first = used.next()?;
    Some(if used.next().is_some() { "mixed" } else { first.0 }.to_string())
}
