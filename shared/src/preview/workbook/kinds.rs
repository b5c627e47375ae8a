//! The columns of a sheet, and what the kinds of their cells settle that texts alone would not.

use std::collections::BTreeMap;

use crate::mapping::ColumnType;
use crate::mapping::look::{CellKind, LookedRow};
use crate::preview::columns::{CellType, Cells, ColumnGuess, Kind};
use crate::preview::guess::{Guess, rounded};

/// How sure the kind of every cell is.
const SURE: f64 = 0.97;

/// The part of a sheet that is below its header.
pub(super) struct Table {
    pub columns: Vec<Column>,
    pub left_out: usize,
}

/// A column, with its cells row by row.
pub(super) struct Column {
    name: String,
    /// The row, from 1, the text and the kind of each cell; empty ones too.
    cells: Vec<(u64, String, Option<CellKind>)>,
}

impl Table {
    /// Sorts cells by column.
    pub fn of(rows: &[LookedRow], header: Option<u32>, most: usize) -> Self {
        let mut names: BTreeMap<u32, String> = BTreeMap::new();
        let records = || rows.iter().filter(|row| header.is_none_or(|header| row.row > header));
        match header {
            Some(header) => {
                let cells = rows.iter().filter(|row| row.row == header).flat_map(|row| &row.cells);
                names.extend(cells.map(|cell| (cell.column, cell.text.clone())));
                // A column without a name is told, since its cells are lost.
                let unnamed = records().flat_map(|row| &row.cells).map(|cell| cell.column);
                for column in unnamed {
                    names.entry(column).or_default();
                }
            }
            None => {
                let columns = records().flat_map(|row| &row.cells).map(|cell| cell.column);
                names.extend(columns.map(|column| (column, letters(column))));
            }
        }
        let left_out = names.len().saturating_sub(most);
        let columns = names.into_iter().take(most).map(|(at, name)| {
            let cell = |row: &LookedRow| {
                let cell = row.cells.iter().find(|cell| cell.column == at);
                let (text, kind) =
                    cell.map_or((String::new(), None), |cell| (cell.text.clone(), Some(cell.kind)));
                (u64::from(row.row), text, kind)
            };
            Column { name, cells: records().map(cell).collect() }.with_times()
        });
        Self { columns: columns.collect(), left_out }
    }
}

impl Column {
    /// Writes midnight where other cells have times of day, as columns of timestamps are read.
    fn with_times(mut self) -> Self {
        if self.cells.iter().any(|(_, text, kind)| *kind == Some(CellKind::Moment) && text.contains('T')) {
            let days = self.cells.iter_mut().filter(|(_, text, kind)| {
                *kind == Some(CellKind::Moment) && text.len() == "2026-10-25".len()
            });
            days.for_each(|(_, text, _)| text.push_str("T00:00:00"));
        }
        self
    }

    pub fn cells(&self) -> Cells<'_> {
        let mut cells = Cells::new(self.name.clone());
        self.cells.iter().for_each(|(row, text, _)| cells.push(*row, text));
        cells
    }

    /// The kind of all cells that are filled, where it is one.
    fn kind(&self) -> Option<CellKind> {
        let mut kinds = self.cells.iter().filter_map(|(_, _, kind)| *kind);
        let first = kinds.next()?;
        kinds.all(|kind| kind == first).then_some(first)
    }

    /// Takes from a guess what the cells' own kind rules out.
    pub fn settle(&self, column: &mut ColumnGuess) {
        let Some(kind) = self.kind() else { return };
        let what = match kind {
            CellKind::Number => "numbers",
            CellKind::Moment => "dates or times of the workbook's own",
            CellKind::Boolean => "booleans of the workbook's own",
            CellKind::Elapsed => "elapsed times",
            CellKind::Text | CellKind::Flawed => return,
        };
        let guess = &mut column.kind;
        if kind == CellKind::Boolean {
            let mut boolean = CellType::plain(Kind::Boolean, ColumnType::Boolean);
            (boolean.true_values, boolean.false_values) = (vec!["true".into()], vec!["false".into()]);
            *guess = Guess::new(boolean, SURE, format!("all cells are {what}"));
            return;
        }
        guess.rivals.retain(|rival| !is_ruled_out(kind, &rival.value));
        if is_ruled_out(kind, &guess.value) {
            if guess.rivals.is_empty() {
                return;
            }
            let best = guess.rivals.remove(0);
            (guess.value, guess.confidence, guess.reason) = (best.value, best.confidence, best.reason);
        }
        if guess.rivals.is_empty() {
            guess.confidence = rounded(guess.confidence.max(SURE));
        }
        guess.reason = format!("all cells are {what}; {}", guess.reason);
        if kind == CellKind::Number {
            with_decimals(guess);
        }
    }
}

/// The engine writes a workbook's numbers with a point and without groups, and its dates and times in one form.
fn is_ruled_out(kind: CellKind, cell_type: &CellType) -> bool {
    match kind {
        CellKind::Number => cell_type.decimal_mark.as_deref() == Some(",") || cell_type.grouping.is_some(),
        CellKind::Moment => cell_type.kind == Kind::Duration,
        CellKind::Elapsed => cell_type.kind != Kind::Duration,
        CellKind::Text | CellKind::Boolean | CellKind::Flawed => false,
    }
}

/// A column of whole numbers does not say whether one with decimals may come.
fn with_decimals(guess: &mut Guess<CellType>) {
    let has_decimal = guess.rivals.iter().any(|rival| rival.value.mapped_as == ColumnType::Decimal);
    if guess.value.kind == Kind::Integer && !has_decimal {
        let mut decimal = CellType::plain(Kind::Decimal, ColumnType::Decimal);
        decimal.decimal_mark = Some(".".into());
        guess.confidence = guess.confidence.min(0.9);
        guess.rival(
            decimal,
            0.1,
            "a workbook does not say that a number is whole: one with decimals may come",
        );
    }
}

/// A column's letters.
fn letters(column: u32) -> String {
    let (mut rest, mut letters) = (column + 1, String::new());
    while rest > 0 {
        let letter = u8::try_from((rest - 1) % 26).expect("there are 26 letters");
        letters.insert(0, char::from(b'A' + letter));
        rest = (rest - 1) / 26;
    }
    letters
}
