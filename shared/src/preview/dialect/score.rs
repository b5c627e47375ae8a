//! How well a candidate explains a text.

use std::collections::HashMap;

use super::candidates::usual;
use super::lead;
use super::split::{Cell, Marks, Record, split};
use super::value::{Look, look};

/// A text as one dialect reads it.
pub(crate) struct Table<'t> {
    pub candidate: Marks,
    /// Records behind the title lines, ragged ones not among them.
    pub records: Vec<Record<'t>>,
    /// The lines of the records with another width.
    pub ragged: Vec<u64>,
    /// The lines before the first record.
    pub skipped_lines: u64,
    /// How many records came before the first: titles.
    pub titles: usize,
    pub width: usize,
    /// The line of a record that the text cuts.
    pub cut_line: Option<u64>,
}

/// A candidate and its score.
#[derive(Clone)]
pub(super) struct Scored {
    pub candidate: Marks,
    pub score: f64,
}

/// How much a single column is worth: less than columns that are all alike.
const ONE_COLUMN: f64 = 0.55;
/// How much it is worth where its cells are values as they stand.
const ONE_COLUMN_OF_VALUES: f64 = 0.7;

impl Scored {
    /// What an empty text scores.
    pub fn nothing() -> Self {
        let candidate = Marks { delimiter: None, quote: Some(b'"'), escape: None, comment: None };
        Self { candidate, score: 0.0 }
    }

    /// Says in words why.
    pub fn reason(&self, table: &Table<'_>) -> String {
        let all = table.records.len() + table.ragged.len();
        match self.candidate.delimiter {
            None => "no character parts the lines into like fields".into(),
            Some(delimiter) => format!(
                "with {:?} between fields {} of {all} records have {} fields",
                char::from(delimiter),
                table.records.len(),
                table.width
            ),
        }
    }
}

/// Scores a candidate; the last record of a text that is cut is left out.
pub(super) fn score(text: &str, candidate: Marks, is_cut: bool) -> Scored {
    let table = Table::read(text, candidate, is_cut);
    let kept = table.records.len() as f64;
    let all = kept + table.ragged.len() as f64;
    if kept == 0.0 {
        return Scored { candidate, score: 0.0 };
    }
    let (mut sum, mut cells) = (0.0, 0.0);
    for cell in table.records.iter().flat_map(|record| &record.cells) {
        sum += worth(cell, candidate);
        cells += 1.0;
    }
    let share = kept / all;
    let width = match table.width {
        1 if sum >= 0.9 * cells => ONE_COLUMN_OF_VALUES,
        1 => ONE_COLUMN,
        width => (1.0 - 1.0 / width as f64).sqrt(),
    };
    let titles = if table.titles > 0 { 0.75 } else { 1.0 };
    // A one-column text has no use for a delimiter, and each way in which text is set aside has to pay.
    let needless = if table.width == 1 && candidate.delimiter.is_some() { 0.5 } else { 1.0 };
    let comment = match candidate.comment {
        None => 1.0,
        Some(comment) if are_spaced(text, comment) => 0.97,
        Some(_) => 0.9,
    };
    let quote = match candidate.quote {
        Some(b'"') if candidate.escape.is_none() => 1.0,
        _ => 0.98,
    };
    let score = share.powf(1.5)
        * (sum / cells)
        * width
        * titles
        * needless
        * comment
        * quote
        * usual(candidate.delimiter);
    Scored { candidate, score }
}

/// Whether a blank follows each mark of a comment, as it does before words and not before a column's name.
fn are_spaced(text: &str, comment: &str) -> bool {
    let mut comments = text.split(['\r', '\n']).filter_map(|line| line.strip_prefix(comment));
    comments.all(|rest| rest.trim_start_matches(comment).chars().next().is_none_or(char::is_whitespace))
}

/// How much a cell looks as if it were split rightly, from 0 to 1.
fn worth(cell: &Cell<'_>, candidate: Marks) -> f64 {
    if cell.is_flawed {
        return 0.0;
    }
    let text = cell.text.as_ref();
    let unread = |quote: char| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if !cell.is_quoted && (unread('"') || candidate.quote != Some(b'\'') && unread('\'')) {
        return 0.1;
    }
    if !cell.is_quoted && (text.starts_with('"') || text.ends_with('"')) {
        return 0.2;
    }
    // Spaces around are how some people write; twice as many say that something is not split.
    let padding: f64 = if text.starts_with(' ') && candidate.delimiter != Some(b' ') { 0.95 } else { 1.0 };
    padding
        * match look(text) {
            Look::Value | Look::Word => 1.0,
            Look::Empty if cell.is_quoted => 0.9,
            Look::Empty => 0.7,
            Look::Code => 0.9,
            Look::Text => 0.75,
            Look::Joined if cell.is_quoted => 0.9,
            Look::Joined => 0.1,
        }
}

impl<'t> Table<'t> {
    /// Reads a text; the last record of one that is cut is left out.
    pub fn read(text: &'t str, candidate: Marks, is_cut: bool) -> Self {
        let mut records = split(text, candidate);
        let cut = if is_cut && records.len() > 1 { records.pop() } else { None };
        let cut_line = cut.map(|record| record.line);
        let width = usual_width(&records);
        let titles = lead::titles(&records, width);
        let records = records.split_off(titles);
        let skipped_lines = records.first().map_or(0, |first| first.line - 1);
        let (records, ragged): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.cells.len() == width);
        let ragged = ragged.iter().map(|record| record.line).collect();
        Self { candidate, records, ragged, skipped_lines, titles, width, cut_line }
    }

    /// Returns whether the last cell of every record is empty and without quotes.
    pub fn has_trailing_delimiter(&self) -> bool {
        let is_empty = |record: &Record<'_>| {
            record.cells.last().is_some_and(|cell| cell.text.is_empty() && !cell.is_quoted)
        };
        self.width > 1 && !self.records.is_empty() && self.records.iter().all(is_empty)
    }
}

/// The width that most records have. A run takes the width of the first: so does this where widths differ much.
fn usual_width(records: &[Record<'_>]) -> usize {
    let mut counts: HashMap<usize, usize> = HashMap::new();
    for record in records {
        *counts.entry(record.cells.len()).or_default() += 1;
    }
    let Some((width, count)) = counts.into_iter().max_by_key(|(width, count)| (*count, *width)) else {
        return 0;
    };
    match records.first().map(|first| first.cells.len()) {
        Some(first) if first > 1 && count * 10 < records.len() * 7 => first,
        _ => width,
    }
}
