//! The cells of a sheet become rows: which row names the columns, which are empty, and what merged cells are.
//!
//! A sheet is a grid, so no row is too short or too long: cells that are not there are empty, and those right of the
//! last named column are not read. Rows come in their order, and none is held but the one at hand: a sheet whose two
//! cells are a million rows apart takes no more than another.

use std::sync::mpsc::SyncSender;

use super::{
    cell::Value,
    columns::{MOST_ROWS, column_index, column_name},
    error::WorkbookError,
    look::{LookedRow, Looking},
    moment::Epoch,
};
use crate::mapping::{
    compile::{ColumnUse, CompiledWorkbook},
    document::{EmptyRows, Merged},
    input::raw_record::{CellFlaw, MAX_RECORD_BYTES, NO_TEXT, RawRecord},
    outcome::Reason,
};

/// Most cells of a sheet.
const MOST_CELLS: u64 = 50_000_000;

/// Most cells that merged ones are spread over.
const MOST_FILLED: u64 = 5_000_000;

/// Most text of a row, in bytes. A record has far less.
pub(super) const MOST_ROW_BYTES: usize = 16 * 1024 * 1024;

/// Rows that are handed over at once, and their bytes.
const ROWS_AT_ONCE: usize = 256;
const BYTES_AT_ONCE: usize = 256 * 1024;

/// What the reading thread says.
pub(super) enum Message {
    /// What the columns are called; None of a sheet without a cell.
    Columns(Option<Vec<String>>),
    Rows(Vec<RawRecord>),
    /// A row as a person sees it, where that is asked for.
    Looked(LookedRow),
    /// Nothing more comes, since all was read or since it cannot be.
    End(Result<(), WorkbookError>),
    /// The row that names the columns cannot be read.
    UnreadableHeader {
        line: u64,
        reason: Reason,
    },
}

/// Why reading stops before the end.
pub(super) enum Halt {
    Failed(WorkbookError),
    UnreadableHeader {
        line: u64,
        reason: Reason,
    },
    /// Nobody wants more.
    Dropped,
}

impl From<WorkbookError> for Halt {
    fn from(error: WorkbookError) -> Self {
        Self::Failed(error)
    }
}

/// A range of merged cells: rows from 1, columns from 0, all inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub rows: (u32, u32),
    pub columns: (u32, u32),
}

/// Takes a sheet's cells, and hands over its rows.
pub(super) struct Grid<'g> {
    settings: &'g CompiledWorkbook,
    named: &'g [String],
    out: &'g SyncSender<Message>,
    pub epoch: Epoch,
    /// Merged ranges whose value is spread, by their first row; the last is the next.
    waiting: Vec<Range>,
    /// Those that reach into the row at hand, with their value.
    spread: Vec<(Range, Value<'static>)>,
    /// The columns' uses, once they are known.
    columns: Option<Vec<ColumnUse>>,
    /// The row at hand, from 1, and its cells in their order.
    row: u32,
    cells: Vec<(u32, Value<'static>)>,
    row_bytes: usize,
    has_cells: bool,
    /// The last row that became a record.
    last_line: Option<u32>,
    seen: u64,
    filled: u64,
    rows: Vec<RawRecord>,
    bytes: usize,
    /// Where rows are looked at and no records are made.
    looking: Option<Looking>,
}

impl<'g> Grid<'g> {
    pub(super) fn new(
        settings: &'g CompiledWorkbook,
        named: &'g [String],
        out: &'g SyncSender<Message>,
    ) -> Self {
        Self {
            settings,
            named,
            out,
            epoch: Epoch::default(),
            waiting: Vec::new(),
            spread: Vec::new(),
            columns: None,
            row: 0,
            cells: Vec::new(),
            row_bytes: 0,
            has_cells: false,
            last_line: None,
            seen: 0,
            filled: 0,
            rows: Vec::new(),
            bytes: 0,
            looking: None,
        }
    }

    /// Hands over rows as a person sees them, in place of records.
    pub(super) fn looking(self, looking: Looking) -> Self {
        Self { looking: Some(looking), ..self }
    }

    /// Whether it has to know of merged ranges.
    pub(super) fn wants_merged(&self) -> bool {
        self.settings.merged == Merged::Fill
    }

    /// Says which ranges are merged, before their first row comes.
    pub(super) fn merge(&mut self, range: Range) -> Result<(), Halt> {
        if !self.wants_merged() || range.rows.0 > range.rows.1 || range.columns.0 > range.columns.1 {
            return Ok(());
        }
        let rows = u64::from(range.rows.1 - range.rows.0) + 1;
        self.filled += rows * (u64::from(range.columns.1 - range.columns.0) + 1);
        if self.filled > MOST_FILLED {
            return Err(too_large(format!("merged cells are spread over more than {MOST_FILLED}")));
        }
        let at = self.waiting.partition_point(|other| other.rows.0 > range.rows.0);
        self.waiting.insert(at, range);
        Ok(())
    }

    /// Begins a row, from 1: rows come in their order.
    pub(super) fn row(&mut self, number: u32) -> Result<(), Halt> {
        if number <= self.row || number > MOST_ROWS {
            let why = format!("row {number} comes after row {}", self.row);
            return Err(WorkbookError::Damaged(why).into());
        }
        self.end_row()?;
        while self.row + 1 < number {
            // Rows in between have nothing of their own, but may be within a merged range.
            let has_spread = self.spread.iter().any(|(range, _)| range.rows.1 > self.row);
            if !has_spread {
                self.row = number - 1;
                break;
            }
            self.row += 1;
            self.end_row()?;
        }
        self.row = number;
        Ok(())
    }

    /// Takes a cell of the row at hand, by its column from 0: cells come in their order.
    pub(super) fn cell(&mut self, column: u32, value: Value<'_>) -> Result<(), Halt> {
        self.seen += 1;
        if self.seen > MOST_CELLS {
            return Err(too_large(format!("the sheet has more than {MOST_CELLS} cells")));
        }
        if value == Value::Empty {
            return Ok(());
        }
        if self.cells.last().is_some_and(|(last, _)| *last >= column) {
            let why = format!("the cells of row {} are not in their order", self.row);
            return Err(WorkbookError::Damaged(why).into());
        }
        self.has_cells = true;
        let is_read = match &self.columns {
            Some(columns) => columns.get(column as usize).is_some_and(|used| used.is_read),
            None => self.settings.header_row.is_none_or(|header| header == self.row),
        };
        let is_spread = self.waiting.last().is_some_and(|next| next.rows.0 <= self.row);
        // A cell that is not read still says that the row is not empty.
        let is_kept = is_read || is_spread || self.looking.is_some();
        self.weigh(if is_kept { value.size_bytes() } else { 0 })?;
        self.cells.push((column, if is_kept { owned(value) } else { Value::Boolean(true) }));
        Ok(())
    }

    fn weigh(&mut self, bytes: usize) -> Result<(), Halt> {
        self.row_bytes += bytes;
        if self.row_bytes > MOST_ROW_BYTES {
            return Err(too_large(format!("row {} has more than {MOST_ROW_BYTES} bytes of text", self.row)));
        }
        Ok(())
    }

    /// Ends the sheet.
    pub(super) fn finish(mut self) -> Result<(), Halt> {
        self.end_row()?;
        while self.spread.iter().any(|(range, _)| range.rows.1 > self.row) {
            self.row += 1;
            self.end_row()?;
        }
        match (self.settings.header_row, &self.columns) {
            (_, Some(_)) => {}
            (None, None) if self.has_cells => self.letter_columns()?,
            (_, None) => self.send(Message::Columns(self.has_cells.then(Vec::new)))?,
        }
        self.hand_over()
    }

    /// What the row at hand comes to.
    fn end_row(&mut self) -> Result<(), Halt> {
        let mut cells = std::mem::take(&mut self.cells);
        self.spread_over(&mut cells)?;
        let row = self.row;
        if let Some(looking) = &mut self.looking {
            let looked = looking.row(row, &cells, self.epoch);
            self.row_bytes = 0;
            return match looked {
                Some(looked) => self.send(Message::Looked(looked)),
                None if looking.is_over() => Err(Halt::Dropped),
                None => Ok(()),
            };
        }
        match (self.settings.header_row, &self.columns) {
            (Some(header), None) if row == header => self.name_columns(&cells)?,
            (Some(header), None) if row > header => {
                self.columns = Some(Vec::new());
                self.send(Message::Columns(Some(Vec::new())))?;
            }
            (None, None) if !cells.is_empty() && row >= self.settings.first_row => {
                self.letter_columns()?;
                self.record(&cells)?;
            }
            (_, Some(_)) if row >= self.settings.first_row && !cells.is_empty() => self.record(&cells)?,
            _ => {}
        }
        cells.clear();
        (self.cells, self.row_bytes) = (cells, 0);
        Ok(())
    }

    /// Puts the value of merged cells into those of them that have none.
    fn spread_over(&mut self, cells: &mut Vec<(u32, Value<'static>)>) -> Result<(), Halt> {
        let row = self.row;
        self.spread.retain(|(range, _)| range.rows.1 >= row);
        while let Some(range) = self.waiting.pop_if(|next| next.rows.0 <= row) {
            let first = cells.iter().find(|(column, _)| *column == range.columns.0);
            if let Some((_, value)) = first.filter(|_| range.rows.0 == row) {
                self.spread.push((range, value.clone()));
            }
        }
        let spread = std::mem::take(&mut self.spread);
        for (range, value) in &spread {
            for column in range.columns.0..=range.columns.1 {
                if let Err(at) = cells.binary_search_by_key(&column, |(column, _)| *column) {
                    self.weigh(value.size_bytes())?;
                    cells.insert(at, (column, value.clone()));
                }
            }
        }
        self.spread = spread;
        Ok(())
    }

    fn name_columns(&mut self, cells: &[(u32, Value<'static>)]) -> Result<(), Halt> {
        let width = cells.last().map_or(0, |(last, _)| *last as usize + 1);
        let mut names = vec![String::new(); width];
        let used = ColumnUse::default();
        for (column, value) in cells {
            let pushed = value.push(used, self.epoch, &mut names[*column as usize]);
            pushed.map_err(|flaw| Halt::UnreadableHeader { line: self.row.into(), reason: flaw.reason })?;
        }
        self.use_columns(names)
    }

    /// Without a header columns are called by their letters, as far as the mapping names them.
    fn letter_columns(&mut self) -> Result<(), Halt> {
        let last = self.named.iter().filter_map(|name| column_index(name)).max();
        self.use_columns((0..last.map_or(0, |last| last + 1)).map(column_name).collect())
    }

    fn use_columns(&mut self, names: Vec<String>) -> Result<(), Halt> {
        let used = |name: &String| match self.settings.uses.get(name) {
            Some(used) => *used,
            None => ColumnUse { is_read: self.named.contains(name), ..ColumnUse::default() },
        };
        self.columns = Some(names.iter().map(used).collect());
        self.send(Message::Columns(Some(names)))
    }

    fn record(&mut self, cells: &[(u32, Value<'static>)]) -> Result<(), Halt> {
        let row = self.row;
        if self.settings.empty_rows == EmptyRows::Read {
            // Those before this one: behind the last that is not empty there are none.
            let first = self.next_line().max(self.settings.first_row);
            for empty in first..row {
                self.push(empty, &[])?;
            }
        }
        self.push(row, cells)
    }

    /// The row behind the last that became a record.
    fn next_line(&self) -> u32 {
        self.last_line.map_or(0, |line| line + 1)
    }

    fn push(&mut self, row: u32, cells: &[(u32, Value<'static>)]) -> Result<(), Halt> {
        let columns = self.columns.as_deref().unwrap_or_default();
        let mut record = RawRecord::default();
        (record.line, record.last_line) = (row.into(), row.into());
        let (mut text, mut cells) = (String::new(), cells.iter().peekable());
        for (at, used) in columns.iter().enumerate() {
            let here = cells.next_if(|(column, _)| *column as usize == at);
            if let Some((_, value)) = here.filter(|_| used.is_read) {
                text.clear();
                match value.push(*used, self.epoch, &mut text) {
                    Ok(()) => record.push(text.as_bytes()),
                    Err(flaw) => {
                        record.push(NO_TEXT);
                        record.cell_flaws.push(CellFlaw { at, reason: flaw.reason, detail: flaw.detail });
                    }
                }
            }
            record.end_field();
        }
        if record.flaw.is_some() {
            record.detail = format!("row {row} is over {MAX_RECORD_BYTES} bytes");
        }
        self.last_line = Some(row);
        self.bytes += record.bytes.len() + record.width() * size_of::<(u32, u32)>();
        self.rows.push(record);
        if self.rows.len() >= ROWS_AT_ONCE || self.bytes >= BYTES_AT_ONCE {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), Halt> {
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        self.send(Message::Rows(rows))
    }

    fn send(&self, message: Message) -> Result<(), Halt> {
        self.out.send(message).map_err(|_| Halt::Dropped)
    }
}

fn owned(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Text(text) => Value::Text(text.into_owned().into()),
        Value::Empty => Value::Empty,
        Value::Number(number) => Value::Number(number),
        Value::Serial(serial) => Value::Serial(serial),
        Value::ElapsedDays(days) => Value::ElapsedDays(days),
        Value::Elapsed(ms) => Value::Elapsed(ms),
        Value::Civil(at) => Value::Civil(at),
        Value::Boolean(is_true) => Value::Boolean(is_true),
        Value::Error(error) => Value::Error(error),
        Value::Uncalculated => Value::Uncalculated,
        Value::Unreadable(what) => Value::Unreadable(what),
    }
}

/// Names of sheets, as an error shows them.
pub(super) fn shown_names<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    names.take(50).map(str::to_owned).collect()
}

pub(super) fn too_large(why: String) -> Halt {
    Halt::Failed(WorkbookError::TooLarge(why))
}
