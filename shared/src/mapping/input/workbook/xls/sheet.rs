//! The cells of a sheet, as their records come.

use super::{
    damaged,
    globals::Globals,
    records::{BEGIN, END, Record, Records},
    strings,
};
use crate::mapping::input::workbook::{
    cell::Value,
    error::WorkbookError,
    grid::{Grid, Halt, Range},
    number_format::Shows,
};

const MERGED: u16 = 0x00E5;
const FORMULA: u16 = 0x0006;
const STRING: u16 = 0x0207;
const MUL_RK: u16 = 0x00BD;

pub(super) fn read(records: Records<'_>, globals: &Globals, mut grid: Grid<'_>) -> Result<(), Halt> {
    if grid.wants_merged() {
        merged(records.clone(), &mut grid)?;
    }
    let mut cells = Cells { grid, row: None };
    let mut records = Own::new(records)?;
    // Where the text is to go that a formula came to: it comes in a record of its own.
    let mut awaited = None;
    while let Some(record) = records.next()? {
        match record.kind {
            STRING => {
                if let Some((row, column)) = awaited.take() {
                    let text = strings::text(record, 0, &mut records.records)?;
                    cells.take(row, column, Value::text(text))?;
                }
            }
            MUL_RK => {
                let (row, first) = (record.u16(0)?, record.u16(2)?);
                for at in 0..(record.bytes.len().saturating_sub(6) / 6) {
                    let number = compact(record.u32(6 + 6 * at)?);
                    let value = Value::shown(number, globals.shows(record.u16(4 + 6 * at)?)?);
                    let column = usize::from(first) + at;
                    let column = u16::try_from(column).map_err(|_| damaged("a row is too wide"))?;
                    cells.take(row, column, value)?;
                }
            }
            FORMULA if record.array(6)? == [0] && record.u16(12)? == u16::MAX => {
                awaited = Some((record.u16(0)?, record.u16(2)?));
            }
            _ => {
                if let Some(value) = globals.value(record, &mut records.records)? {
                    cells.take(record.u16(0)?, record.u16(2)?, value)?;
                }
            }
        }
    }
    cells.grid.finish()
}

/// The merged ranges stand behind the cells.
fn merged(records: Records<'_>, grid: &mut Grid<'_>) -> Result<(), Halt> {
    let mut records = Own::new(records)?;
    while let Some(record) = records.next()? {
        if record.kind != MERGED {
            continue;
        }
        for at in 0..record.u16(0)?.into() {
            let of = |n: usize| record.u16(2 + 8 * at + 2 * n).map(u32::from);
            let rows = (of(0)? + 1, of(1)? + 1);
            grid.merge(Range { rows, columns: (of(2)?, of(3)?) })?;
        }
    }
    Ok(())
}

/// Cells on their way into the grid.
struct Cells<'g> {
    grid: Grid<'g>,
    row: Option<u16>,
}

impl Cells<'_> {
    fn take(&mut self, row: u16, column: u16, value: Value<'_>) -> Result<(), Halt> {
        if self.row != Some(row) {
            self.grid.row(u32::from(row) + 1)?;
            self.row = Some(row);
        }
        self.grid.cell(column.into(), value)
    }
}

impl Globals {
    /// The value of a record that is one cell; None of any other.
    fn value<'g, 's>(
        &'g self,
        record: Record<'s>,
        records: &mut Records<'s>,
    ) -> Result<Option<Value<'g>>, WorkbookError> {
        let shown = |number| Ok(Value::shown(number, self.shows(record.u16(4)?)?));
        Ok(Some(match record.kind {
            // NUMBER
            0x0203 => shown(record.f64(6)?)?,
            // RK
            0x027E => shown(compact(record.u32(6)?))?,
            // LABELSST
            0x00FD => {
                let shared = usize::try_from(record.u32(6)?).ok().and_then(|at| self.strings.get(at));
                Value::text(shared.ok_or_else(|| damaged("a cell has a text that is not there"))?.as_str())
            }
            // LABEL, RSTRING
            0x0204 | 0x00D6 => Value::text(strings::text(record, 6, records)?),
            // BOOLERR
            0x0205 => match record.array(6)? {
                [value, 0] => Value::Boolean(value != 0),
                [error, _] => Value::Error(error_name(error)),
            },
            FORMULA => {
                let [kind, _, value, ..] = record.array::<8>(6)?;
                match (record.u16(12)?, kind) {
                    (u16::MAX, 1) => Value::Boolean(value != 0),
                    (u16::MAX, 2) => Value::Error(error_name(value)),
                    (u16::MAX, 3) => Value::Empty, // a text without characters
                    _ => shown(record.f64(6)?)?,
                }
            }
            _ => return Ok(None),
        }))
    }

    /// A style that is not there would make a number of a date.
    fn shows(&self, style: u16) -> Result<Shows, WorkbookError> {
        let shows = self.styles.get(usize::from(style)).copied();
        shows.ok_or_else(|| damaged(&format!("there is no style number {style}")))
    }
}

/// The records of a sheet without those of charts in it.
struct Own<'s> {
    records: Records<'s>,
}

impl<'s> Own<'s> {
    fn new(mut records: Records<'s>) -> Result<Self, WorkbookError> {
        match records.next()?.kind {
            BEGIN => Ok(Self { records }),
            _ => Err(damaged("the sheet is not where it should be")),
        }
    }

    fn next(&mut self) -> Result<Option<Record<'s>>, WorkbookError> {
        let mut charts = 0u32;
        loop {
            let record = self.records.next()?;
            match record.kind {
                BEGIN => charts += 1,
                END if charts == 0 => return Ok(None),
                END => charts -= 1,
                _ if charts == 0 => return Ok(Some(record)),
                _ => {}
            }
        }
    }
}

/// A number in 4 bytes.
///
/// Source: MS-XLS, section 2.5.218 (RkNumber).
fn compact(rk: u32) -> f64 {
    let number = match rk & 2 {
        0 => f64::from_bits(u64::from(rk & !3) << 32),
        _ => f64::from(rk.cast_signed() >> 2),
    };
    if rk & 1 == 1 { number / 100.0 } else { number }
}

/// Source: MS-XLS, section 2.5.10 (BErr).
fn error_name(error: u8) -> String {
    match error {
        0x00 => "#NULL!".into(),
        0x07 => "#DIV/0!".into(),
        0x0F => "#VALUE!".into(),
        0x17 => "#REF!".into(),
        0x1D => "#NAME?".into(),
        0x24 => "#NUM!".into(),
        0x2A => "#N/A".into(),
        other => format!("number {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_numbers_are_what_they_were() {
        for (rk, number) in [
            (0x3FF0_0000, 1.0),
            (0x4059_0001, 1.0),
            (1 << 2 | 2, 1.0),
            (0xFFFF_FFFE, -1.0),
            (12_345 << 2 | 3, 123.45),
            (0, 0.0),
        ] {
            assert_eq!(compact(rk), number, "{rk:#x}");
        }
    }
}
