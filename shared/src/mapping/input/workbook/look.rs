//! Looks into a workbook: which sheets it has, and what a sheet's first rows hold. For previews: runs are told all of it.

use std::{
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use super::{
    cell::Value,
    error::WorkbookError,
    grid::{Grid, Halt, Message},
    moment::Epoch,
    rows::{gone, sheet},
};
use crate::mapping::{
    compile::{ColumnUse, CompiledWorkbook},
    document::{EmptyRows, Merged, SheetChoice},
};

/// Most bytes that a part unpacks to of a workbook that is looked at.
pub(in crate::mapping) const MOST_PART_BYTES: u64 = 64 * 1024 * 1024;

/// Most cells that are looked at of a sheet.
const MOST_CELLS: usize = 200_000;

/// What a cell holds, by its own kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellKind {
    /// Text.
    Text,
    /// A number, also an amount or a percentage.
    Number,
    /// A date, or a date and time.
    Moment,
    /// Elapsed time.
    Elapsed,
    /// True or false.
    Boolean,
    /// Something without a text, such as an error value.
    Flawed,
}

/// A cell that is not empty.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LookedCell {
    /// Its column, from 0.
    pub column: u32,
    /// What it holds.
    pub kind: CellKind,
    /// As the engine reads it.
    pub text: String,
}

/// A row that is not empty.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LookedRow {
    /// Its number, from 1.
    pub row: u32,
    /// Its cells, in their order.
    pub cells: Vec<LookedCell>,
}

/// The names of a workbook's sheets, the first 50 of them, in the order of the tabs.
///
/// # Errors
/// It cannot be read.
pub(crate) fn sheets(bytes: &[u8]) -> Result<Vec<String>, WorkbookError> {
    // Sheets are counted from 1: no workbook has this one, and its reader says which it has.
    let none = SheetChoice::Number(0);
    match looked(bytes, none, 1) {
        Err(WorkbookError::NoSheet { found, .. }) => Ok(found),
        Err(error) => Err(error),
        Ok(_) => Err(gone()),
    }
}

/// The first rows of a sheet that are not empty, as many as are asked for.
///
/// # Errors
/// It cannot be read.
pub(crate) fn rows(bytes: &[u8], sheet: &str, most_rows: usize) -> Result<Vec<LookedRow>, WorkbookError> {
    looked(bytes, SheetChoice::Name(sheet.into()), most_rows)
}

fn looked(bytes: &[u8], choice: SheetChoice, most_rows: usize) -> Result<Vec<LookedRow>, WorkbookError> {
    let (sender, messages) = sync_channel(16);
    let bytes = bytes.to_vec();
    let read = move || {
        let settings = settings(choice);
        let looking = Looking { rows: most_rows, cells: MOST_CELLS };
        let last = match sheet(bytes, &settings, Grid::new(&settings, &[], &sender).looking(looking)) {
            Ok(()) | Err(Halt::Dropped) => Ok(()),
            Err(Halt::Failed(error)) => Err(error),
            Err(Halt::UnreadableHeader { .. }) => Err(gone()),
        };
        // Where nobody takes it, nobody wants to know.
        let _ = sender.send(Message::End(last));
    };
    let spawned = thread::Builder::new().name("workbook".into()).spawn(read);
    spawned.map_err(|error| WorkbookError::TooLarge(error.to_string()))?;
    gathered(&messages)
}

fn gathered(messages: &Receiver<Message>) -> Result<Vec<LookedRow>, WorkbookError> {
    let mut rows = Vec::new();
    loop {
        match messages.recv() {
            Ok(Message::Looked(row)) => rows.push(row),
            Ok(Message::End(result)) => return result.map(|()| rows),
            Ok(_) => {}
            // A reader that panics leaves without a word.
            Err(_) => return Err(gone()),
        }
    }
}

fn settings(sheet: SheetChoice) -> CompiledWorkbook {
    CompiledWorkbook {
        sheet,
        header_row: None,
        first_row: 1,
        merged: Merged::First,
        empty_rows: EmptyRows::Skip,
        most_part_bytes: MOST_PART_BYTES,
        uses: Default::default(),
    }
}

/// How much more is looked at.
pub(super) struct Looking {
    rows: usize,
    cells: usize,
}

impl Looking {
    pub(super) fn is_over(&self) -> bool {
        self.rows == 0 || self.cells == 0
    }

    /// What a row shows; None where it is empty, or enough was seen.
    pub(super) fn row(
        &mut self,
        row: u32,
        cells: &[(u32, Value<'static>)],
        epoch: Epoch,
    ) -> Option<LookedRow> {
        if self.is_over() || cells.is_empty() {
            return None;
        }
        self.rows -= 1;
        self.cells = self.cells.saturating_sub(cells.len());
        let cells = cells.iter().map(|(column, value)| looked_cell(*column, value, epoch)).collect();
        Some(LookedRow { row, cells })
    }
}

fn looked_cell(column: u32, value: &Value<'static>, epoch: Epoch) -> LookedCell {
    let mut text = String::new();
    let kind = match value.push(ColumnUse::default(), epoch, &mut text) {
        Err(_) => CellKind::Flawed,
        Ok(()) => match value {
            Value::Number(_) => CellKind::Number,
            Value::Serial(_) | Value::Civil(_) => CellKind::Moment,
            Value::ElapsedDays(_) | Value::Elapsed(_) => CellKind::Elapsed,
            Value::Boolean(_) => CellKind::Boolean,
            Value::Text(_) | Value::Empty => CellKind::Text,
            Value::Error(_) | Value::Uncalculated | Value::Unreadable(_) => CellKind::Flawed,
        },
    };
    if kind == CellKind::Flawed {
        text.clear();
    }
    LookedCell { column, kind, text }
}
