//! XLS of Excel 97 and later (BIFF8): a stream of records in a compound file.
//!
//! Read here and not by a crate: the one there is takes the sizes that a file states of itself for memory that it may
//! have. Records that say how cells look, and all of charts, are passed over.
//!
//! Source: MS-XLS, sections 2.1.7.20 (streams), 2.4 (records) and 2.5.

mod globals;
mod records;
mod sheet;
mod strings;

use std::io::{Cursor, Read};

use super::{
    error::WorkbookError,
    grid::{Grid, Halt, shown_names},
};
use crate::mapping::document::SheetChoice;
use globals::Globals;
use records::Records;

/// Reads the chosen sheet.
pub(super) fn read(bytes: Vec<u8>, choice: &SheetChoice, mut grid: Grid<'_>) -> Result<(), Halt> {
    let stream = workbook(bytes)?;
    let globals = Globals::read(Records::new(&stream))?;
    let chosen = match choice {
        SheetChoice::Name(name) => globals.sheets.iter().find(|sheet| sheet.name == *name),
        SheetChoice::Number(number) => globals.sheets.get((*number as usize).wrapping_sub(1)),
    };
    let Some(chosen) = chosen else {
        let found = shown_names(globals.sheets.iter().map(|sheet| sheet.name.as_str()));
        return Err(WorkbookError::NoSheet { wanted: choice.to_string(), found }.into());
    };
    if !chosen.is_worksheet {
        return Err(WorkbookError::NotAWorkbook("the sheet is a chart, or has no cells".into()).into());
    }
    let records = stream.get(chosen.at..).ok_or_else(|| damaged("the sheet is not where it should be"))?;
    grid.epoch = globals.epoch;
    sheet::read(Records::new(records), &globals, grid)
}

/// The stream with all records.
fn workbook(bytes: Vec<u8>) -> Result<Vec<u8>, WorkbookError> {
    let most = bytes.len() as u64;
    let mut file = cfb::CompoundFile::open(Cursor::new(bytes)).map_err(|e| damaged(&e.to_string()))?;
    if file.exists("/EncryptedPackage") {
        return Err(WorkbookError::Encrypted);
    }
    if !file.is_stream("/Workbook") {
        let is_old = file.is_stream("/Book");
        let what = if is_old { "it is of Excel 95 or earlier" } else { "it is a document of another kind" };
        return Err(WorkbookError::NotAWorkbook(what.into()));
    }
    let mut stream = Vec::new();
    let opened = file.open_stream("/Workbook").map_err(|e| damaged(&e.to_string()))?;
    // No more than the file has, whatever it says of itself.
    opened.take(most).read_to_end(&mut stream).map_err(|e| damaged(&e.to_string()))?;
    Ok(stream)
}

fn damaged(why: &str) -> WorkbookError {
    WorkbookError::Damaged(why.into())
}
