//! Which row of a sheet names its columns: words above the columns that the rows below fill, the more so above values.

use std::collections::HashSet;

use crate::mapping::look::{CellKind, LookedCell, LookedRow};
use crate::preview::dialect::{Look, look};

/// How many rows could be the header: those above are titles.
const CANDIDATES: usize = 20;
/// How many rows below are compared.
const COMPARED: usize = 100;
/// What a row further down is worth of the one before.
const FURTHER: f64 = 0.9;

/// A row that could name the columns.
#[derive(Debug)]
pub(super) struct Header {
    pub row: u32,
    /// From 0 to 1.
    pub score: f64,
    pub reason: String,
}

/// The rows that could name the columns, the likeliest first.
pub(super) fn rank(rows: &[LookedRow]) -> Vec<Header> {
    let mut headers: Vec<Header> = rows
        .iter()
        .take(CANDIDATES)
        .enumerate()
        .filter_map(|(at, row)| {
            let below = &rows[at + 1..];
            header(row, &below[..below.len().min(COMPARED)], FURTHER.powi(i32::try_from(at).ok()?))
        })
        .collect();
    headers.sort_by(|a, b| b.score.total_cmp(&a.score));
    headers
}

/// How likely it is that no row names the columns, on the scale of the headers.
pub(super) fn none(rows: &[LookedRow], headers: &[Header]) -> f64 {
    let best = headers.first().map_or(0.0, |header| header.score);
    let begins_with_values = rows.first().is_some_and(|row| row.cells.iter().any(|cell| !is_name(cell)));
    match headers.first() {
        None => 0.5,
        Some(_) if begins_with_values => 0.4,
        Some(_) => best * 0.1,
    }
}

fn header(row: &LookedRow, below: &[LookedRow], place: f64) -> Option<Header> {
    let names: Vec<&LookedCell> = row.cells.iter().filter(|cell| is_name(cell)).collect();
    if names.is_empty() {
        return None;
    }
    let words = names.len() as f64 / row.cells.len() as f64;
    let distinct: HashSet<&str> = names.iter().map(|cell| cell.text.as_str()).collect();
    let distinct = distinct.len() as f64 / names.len() as f64;
    if below.is_empty() {
        let reason = "it has words, and no row is below it".into();
        return Some(Header { row: row.row, score: 0.5 * words * distinct * place, reason });
    }
    let used: Vec<(u32, bool)> = used(below);
    let named = |column: u32| names.iter().any(|cell| cell.column == column);
    let covered = used.iter().filter(|(column, _)| named(*column)).count();
    let values = used.iter().filter(|(column, of_values)| *of_values && named(*column)).count();
    let share = covered as f64 / used.len().max(1) as f64;
    let again = names.iter().filter(|name| comes_again(name, below)).count() as f64 / names.len() as f64;
    let contrast = if values > 0 { 1.0 } else { 0.75 };
    let reason = match values {
        0 => format!("it has words above {covered} of {} columns", used.len()),
        _ => format!("it has words above {covered} of {} columns, {values} of which have values", used.len()),
    };
    let score = share * share * words * words * distinct * contrast * (1.0 - 0.5 * again) * place;
    Some(Header { row: row.row, score, reason })
}

/// Words; texts that are numbers or dates name nothing.
fn is_name(cell: &LookedCell) -> bool {
    cell.kind == CellKind::Text && !matches!(look(&cell.text), Look::Value | Look::Empty)
}

/// The columns that rows fill, and whether what they fill them with is values.
fn used(rows: &[LookedRow]) -> Vec<(u32, bool)> {
    let mut counts: std::collections::BTreeMap<u32, (usize, usize)> = Default::default();
    for cell in rows.iter().flat_map(|row| &row.cells) {
        let (filled, values) = counts.entry(cell.column).or_default();
        *filled += 1;
        *values += usize::from(cell.kind != CellKind::Text || look(&cell.text) == Look::Value);
    }
    let enough = (rows.len() / 10).max(1);
    counts
        .into_iter()
        .filter(|(_, (filled, _))| *filled >= enough)
        .map(|(column, (filled, values))| (column, values * 10 >= filled * 8))
        .collect()
}

fn comes_again(name: &LookedCell, below: &[LookedRow]) -> bool {
    let is_same = |cell: &LookedCell| cell.column == name.column && cell.text == name.text;
    below.iter().any(|row| row.cells.iter().any(is_same))
}
