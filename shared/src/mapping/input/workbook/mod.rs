//! Workbooks as rows: one sheet of an XLSX, XLS or ODS file, each cell as text.
//!
//! A workbook's end says what is in it, so the file is taken into memory (64 MiB at most); the sheet then streams. A
//! thread of its own reads it and hands rows over, a few at a time: the readers of packed XML and of rows would
//! otherwise have to hold one another. Should one of them panic, the file is damaged, and nothing else is.
//!
//! What the text of a cell is: `cell`. What a row is: `grid`. Charts, pictures, comments, colours and what is hidden
//! are not looked at: hidden sheets, rows and columns are read as any other. XLSB and workbooks before Excel 97 are not
//! read.

mod error;

#[cfg(feature = "workbooks")]
mod cell;
#[cfg(feature = "workbooks")]
mod columns;
#[cfg(feature = "workbooks")]
mod grid;
#[cfg(feature = "workbooks")]
pub(crate) mod look;
#[cfg(feature = "workbooks")]
mod moment;
#[cfg(feature = "workbooks")]
mod number;
#[cfg(feature = "workbooks")]
mod number_format;
#[cfg(feature = "workbooks")]
mod ods;
#[cfg(feature = "workbooks")]
mod package;
#[cfg(feature = "workbooks")]
mod rows;
#[cfg(feature = "workbooks")]
mod xls;
#[cfg(feature = "workbooks")]
mod xlsx;
#[cfg(feature = "workbooks")]
mod xml;

pub use error::WorkbookError;

#[cfg(feature = "workbooks")]
pub(super) use rows::open;

/// Says that this function reads no workbooks.
#[cfg(not(feature = "workbooks"))]
pub(super) fn open<'r>(
    _: &crate::mapping::compile::CompiledWorkbook,
    _: &[String],
    _: impl std::io::Read,
) -> Result<super::Opened<'r>, crate::mapping::file_error::FileError> {
    Err(WorkbookError::NotHere.into())
}
