//! Texts of BIFF8: of 16 bits a character, or of 8 where no character needs more, across the borders of records.
//!
//! Source: MS-XLS, sections 2.4.265 (SST), 2.5.293 (XLUnicodeRichExtendedString) and 2.5.294 (XLUnicodeString).

use super::{
    damaged,
    records::{Record, Records},
};
use crate::mapping::input::workbook::error::WorkbookError;

/// Most texts that cells point to.
const MOST_STRINGS: u32 = 4_000_000;

/// Reads bytes on, from a record into those that continue it.
struct Across<'s, 'r> {
    rest: &'s [u8],
    records: &'r mut Records<'s>,
}

impl Across<'_, '_> {
    /// Takes up to so many bytes, all of one record; none of them only where there are no more.
    fn some(&mut self, most: usize) -> Result<&[u8], WorkbookError> {
        while self.rest.is_empty() {
            self.rest = self.records.continued().ok_or_else(cut)?;
        }
        let (taken, rest) = self.rest.split_at(most.min(self.rest.len()));
        self.rest = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<usize, WorkbookError> {
        let mut number = 0;
        for at in 0..N {
            number |= usize::from(self.some(1)?[0]) << (8 * at);
        }
        Ok(number)
    }

    fn skip(&mut self, mut bytes: usize) -> Result<(), WorkbookError> {
        while bytes > 0 {
            bytes -= self.some(bytes)?.len();
        }
        Ok(())
    }

    /// Reads characters: where they go on in another record, that says anew how wide they are.
    fn characters(&mut self, mut count: usize, mut is_wide: bool) -> Result<String, WorkbookError> {
        let mut units = Vec::new();
        while count > 0 {
            if self.rest.is_empty() {
                self.rest = self.records.continued().ok_or_else(cut)?;
                is_wide = self.number::<1>()? & 1 == 1;
                if self.rest.is_empty() {
                    continue;
                }
            }
            if is_wide {
                units.push(self.number::<2>()? as u16);
                count -= 1;
            } else {
                let narrow = self.some(count)?;
                count -= narrow.len();
                units.extend(narrow.iter().map(|byte| u16::from(*byte)));
            }
        }
        decoded(&units)
    }

    /// A text with its length before it, and what it looks like behind it.
    fn rich(&mut self) -> Result<String, WorkbookError> {
        let (count, flags) = (self.number::<2>()?, self.number::<1>()?);
        let runs = if flags & 0x08 != 0 { self.number::<2>()? } else { 0 };
        let sounds = if flags & 0x04 != 0 { self.number::<4>()? } else { 0 };
        let text = self.characters(count, flags & 1 == 1)?;
        self.skip(runs * 4)?;
        self.skip(sounds)?;
        Ok(text)
    }
}

/// The texts that cells only point to.
pub(super) fn shared<'s>(
    record: Record<'s>,
    records: &mut Records<'s>,
) -> Result<Vec<String>, WorkbookError> {
    let (count, mut strings) = (record.u32(4)?, Vec::new());
    if count > MOST_STRINGS {
        return Err(WorkbookError::TooLarge(format!("it has more than {MOST_STRINGS} texts")));
    }
    let mut across = Across { rest: record.tail(8)?, records };
    for _ in 0..count {
        strings.push(across.rich()?);
    }
    Ok(strings)
}

/// A text with its length in two bytes before it.
pub(super) fn text<'s>(
    record: Record<'s>,
    at: usize,
    records: &mut Records<'s>,
) -> Result<String, WorkbookError> {
    let mut across = Across { rest: record.tail(at)?, records };
    let (count, flags) = (across.number::<2>()?, across.number::<1>()?);
    across.characters(count, flags & 1 == 1)
}

/// A text with its length in one byte before it, within its record.
pub(super) fn short(record: Record<'_>, at: usize) -> Result<String, WorkbookError> {
    let [count, flags] = record.array(at)?;
    let mut none = Records::new(&[]);
    let mut across = Across { rest: record.tail(at + 2)?, records: &mut none };
    across.characters(count.into(), flags & 1 == 1)
}

fn decoded(units: &[u16]) -> Result<String, WorkbookError> {
    String::from_utf16(units).map_err(|_| damaged("a text of it is no UTF-16"))
}

fn cut() -> WorkbookError {
    damaged("a text of it is cut")
}
