//! Previews workbooks: which sheet has the table, which row names its columns, and what its cells are by their own kinds.
//!
//! The end of a workbook says what is in it, so a beginning alone cannot be opened.

mod header;
mod kinds;
#[cfg(test)]
mod tests;

use super::columns::{self, Cells};
use super::guess::{Guess, rounded};
use super::{MAX_COLUMNS, Note, Preview, Sample, draft};
use crate::mapping::look::{LookedRow, rows, sheets};
use crate::mapping::{EmptyRows, Input, Merged, SheetChoice, WorkbookError, WorkbookInput};
use header::Header;

/// How many sheets are looked into.
const SHEETS: usize = 5;
/// How many rows of a sheet are looked at.
const ROWS: usize = 1000;
/// Most rivals that are told.
const RIVALS: usize = 5;

/// A sheet and what it looks like.
struct Seen {
    name: String,
    rows: Vec<LookedRow>,
    headers: Vec<Header>,
}

/// Fills in what a workbook shows.
pub(super) fn fill(preview: &mut Preview, sample: &Sample<'_>) {
    let seen = match look(sample.bytes) {
        Ok(seen) => seen,
        Err(_) if !sample.is_whole => {
            preview.notes.push(Note::new("workbook_cut", CUT));
            return;
        }
        Err(error) => {
            preview.notes.push(Note::new(error.code(), error.to_string()));
            return;
        }
    };
    // Old workbooks say at their beginning what is in them, and may be cut behind that.
    if !sample.is_whole && sample.bytes.starts_with(super::format::OLE) {
        preview.notes.push(Note::new("workbook_cut", CUT));
        return;
    }
    let Some(best) = choose(preview, &seen) else {
        preview.notes.push(Note::new("empty", "no sheet of the workbook that was looked into has a cell"));
        return;
    };
    let header = header_row(preview, best);
    let table = kinds::Table::of(&best.rows, header, MAX_COLUMNS);
    preview.columns_left_out = table.left_out;
    if table.left_out > 0 {
        let detail = format!("only the first {MAX_COLUMNS} columns are shown");
        preview.notes.push(Note::new("columns_left_out", detail));
    }
    let cells: Vec<Cells<'_>> = table.columns.iter().map(kinds::Column::cells).collect();
    let mut guesses = columns::guess(&cells, sample.time_zone);
    for (column, guess) in table.columns.iter().zip(&mut guesses) {
        column.settle(guess);
    }
    preview.candidate_keys = columns::keys(&cells, &guesses);
    preview.columns = guesses;
    let input = WorkbookInput {
        sheet: SheetChoice::Name(best.name.clone()),
        header_row: header,
        first_row: None,
        merged: Merged::First,
        empty_rows: EmptyRows::Skip,
    };
    draft::fill(preview, sample, Input::Workbook(input));
}

/// What to do about a workbook that is cut.
const CUT: &str = "the sample is not all of the workbook, whose end says what is in it: send the whole file with \
                   is_whole, a copy of it with fewer rows, or run crossdock preview where the file is";

fn look(bytes: &[u8]) -> Result<Vec<Seen>, WorkbookError> {
    let mut seen = Vec::new();
    for (at, name) in sheets(bytes)?.into_iter().enumerate() {
        // Charts are no sheets, and beyond the first few a name is all that is told.
        let rows = if at < SHEETS { rows(bytes, &name, ROWS).unwrap_or_default() } else { Vec::new() };
        let headers = header::rank(&rows);
        seen.push(Seen { name, rows, headers });
    }
    Ok(seen)
}

/// How much of a table a sheet has: rows by columns, of a few hundred at most, less for those further behind.
fn weight(seen: &Seen, at: usize) -> f64 {
    let width = seen.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0).min(50);
    let height = seen.rows.len().min(100);
    let is_table = if width > 1 && height > 1 { 1.0 } else { 0.05 };
    let best = seen.headers.first().map_or(0.2, |header| header.score.max(0.2));
    (width as f64).sqrt()
        * (height as f64).sqrt()
        * is_table
        * best
        * 0.8_f64.powi(i32::try_from(at).unwrap_or(9))
}

fn choose<'s>(preview: &mut Preview, seen: &'s [Seen]) -> Option<&'s Seen> {
    let mut ranked: Vec<(&Seen, f64)> =
        seen.iter().enumerate().map(|(at, sheet)| (sheet, weight(sheet, at))).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let sum: f64 = ranked.iter().map(|(_, weight)| weight).sum();
    let (best, most) = *ranked.first().filter(|(sheet, _)| !sheet.rows.is_empty())?;
    let share = |weight: f64| (weight / sum).min(0.99);
    let mut guess = Guess::new(best.name.clone(), share(most), what(best));
    for (sheet, weight) in ranked.iter().skip(1).take(RIVALS) {
        guess.rival(sheet.name.clone(), share(*weight), what(sheet));
    }
    preview.sheet = Some(guess);
    Some(best)
}

fn what(sheet: &Seen) -> String {
    match sheet.rows.len() {
        0 => "no cell was seen in it".into(),
        ROWS => format!("it has {ROWS} rows and more"),
        rows => format!("it has {rows} rows that are not empty"),
    }
}

/// Guesses the row that names the columns, and returns it.
fn header_row(preview: &mut Preview, sheet: &Seen) -> Option<u32> {
    let none = header::none(&sheet.rows, &sheet.headers);
    let sum: f64 = none + sheet.headers.iter().map(|header| header.score).sum::<f64>();
    let share = |score: f64| if sum > 0.0 { rounded((score / sum).min(0.99)) } else { 0.5 };
    let why_none = "the first row has values as those below it, and no names";
    let best = sheet.headers.first().filter(|header| header.score > none);
    let mut guess = match best {
        Some(header) => Guess::new(Some(header.row), share(header.score).max(0.5), header.reason.clone()),
        None => Guess::new(None, share(none).max(0.5), why_none),
    };
    let others = sheet.headers.iter().filter(|header| Some(header.row) != guess.value).take(3);
    let others: Vec<(u32, f64, String)> =
        others.map(|other| (other.row, share(other.score), other.reason.clone())).collect();
    for (row, confidence, reason) in others {
        guess.rival(Some(row), confidence.min(0.49), reason);
    }
    if guess.value.is_some() {
        guess.rival(None, share(none).min(0.49), "the rows could all be records, with columns A, B, C");
    }
    let row = guess.value;
    preview.header_row = Some(guess);
    row
}
