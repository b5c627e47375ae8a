//! What the workbook says before its sheets: their places, its texts, and what the styles of cells show.

use std::collections::HashMap;

use super::{
    damaged,
    records::{BEGIN, END, Records},
    strings,
};
use crate::mapping::input::workbook::{error::WorkbookError, moment::Epoch, number_format::Shows};

/// BIFF8.
const VERSION: u16 = 0x0600;

/// Most sheets.
const MOST_SHEETS: usize = 10_000;

#[derive(Default)]
pub(super) struct Globals {
    pub epoch: Epoch,
    pub sheets: Vec<Sheet>,
    pub strings: Vec<String>,
    /// What each style shows, by its index.
    pub styles: Vec<Shows>,
}

pub(super) struct Sheet {
    pub name: String,
    /// Where its records begin.
    pub at: usize,
    pub is_worksheet: bool,
}

impl Globals {
    pub(super) fn read(mut records: Records<'_>) -> Result<Self, WorkbookError> {
        let (mut globals, mut formats, mut styles) = (Self::default(), HashMap::new(), Vec::new());
        let begin = records.next()?;
        if begin.kind != BEGIN || begin.u16(0)? != VERSION {
            return Err(WorkbookError::NotAWorkbook("it is of Excel 95 or earlier".into()));
        }
        loop {
            let record = records.next()?;
            match record.kind {
                END => break,
                // FILEPASS
                0x002F => return Err(WorkbookError::Encrypted),
                // DATEMODE
                0x0022 if record.u16(0)? == 1 => globals.epoch = Epoch::Since1904,
                // FORMAT
                0x041E => {
                    let code = strings::text(record, 2, &mut records)?;
                    formats.insert(record.u16(0)?, Shows::by_code(&code));
                }
                // XF
                0x00E0 => styles.push(record.u16(2)?),
                // BOUNDSHEET
                0x0085 if globals.sheets.len() < MOST_SHEETS => globals.sheets.push(Sheet {
                    name: strings::short(record, 6)?,
                    at: usize::try_from(record.u32(0)?).map_err(|_| damaged("a sheet is nowhere"))?,
                    is_worksheet: record.array::<1>(5)? == [0],
                }),
                // SST
                0x00FC => globals.strings = strings::shared(record, &mut records)?,
                _ => {}
            }
        }
        let shows = |id: &u16| formats.get(id).copied().unwrap_or_else(|| Shows::by_id((*id).into()));
        globals.styles = styles.iter().map(shows).collect();
        Ok(globals)
    }
}
