//! Maps the records of a file into JSON records, as a saved mapping states.
//!
//! A file's bytes are read by its format (`input`) into rows of text cells, and every row
//! becomes exactly one [`Outcome`]: mapped, filtered or an error with its line and reason.
//! [`Winners`] decide between records with one key. Reading streams in bounded memory.
//!
//! A [`Mapping`] is what users save; [`Mapping::compile`] checks it and makes the [`Compiled`] form
//! that [`records()`] reads with:
//!
//! ```text
//! bytes → input/* (rows of cells) → reading (layout) → map (filters, cell/*) → duplicates → Outcome
//! ```
//!
//! Deliberately absent: guessing (a cell that does not fit is its record's error, never a default),
//! I/O other than the reader it is given, comparison with earlier runs, and sending.

mod beginnings;
mod cases;
mod cell;
mod cell_reader;
mod code_page;
mod compile;
mod condition;
mod document;
mod duplicates;
mod encode;
mod encoding;
mod failed_lines;
mod fields;
mod file_error;
mod formats;
mod identity;
mod incoming;
mod input;
mod json;
mod map;
mod nested;
mod outcome;
mod payload;
mod pii;
mod reading;
mod recipe;
mod schema;
mod settings;
mod transform;

#[cfg(test)]
mod tests;

pub(crate) use beginnings::{SAFT_NAMESPACE, decoded_xml, saft_columns, saft_record};
pub use cases::{Case, Rejected};
pub(crate) use cell_reader::CellReader;
pub use compile::Compiled;
pub use document::{
    Ambiguous, Column, ColumnType, Condition, CsvInput, Duplicates, EmptyRows, Filter, Input, Mapping,
    Merged, NotListed, Notation, Otherwise, Part, Ragged, ReadAs, Rounding, RunField, SameTime, SheetChoice,
    Shift, SignStyle, Source, SourceParts, Transform, Unit, WorkbookInput,
};
pub use duplicates::{InPlace, Settled, Winners, settle};
pub use encoding::{Encoding, UnknownEncoding};
pub use failed_lines::{Copied, FailedLines, FailedRecord, REASON_COLUMN};
pub use file_error::FileError;
pub use formats::{
    FixedColumn, FixedWidthInput, JsonInput, NdjsonInput, SaftEntity, SaftInput, ShortRecords, XmlInput,
};
pub use incoming::{Incoming, Provenance};
pub(crate) use input::decode::MARKS;
pub use input::decode::{Utf8Reader, WrongEncoding};
pub use input::workbook::WorkbookError;
#[cfg(feature = "workbooks")]
pub(crate) use input::workbook::look;
pub(crate) use input::xml::path::is_name as is_xml_name;
pub use outcome::{
    DUPLICATE_KEY, FilteredRecord, Mapped, Outcome, Reason, RecordError, RecordKey, SUPERSEDED_BY_LATER_FILE,
};
pub use payload::{MappedPayload, Unmappable};
pub use pii::masked;
pub use reading::{Records, records};
pub use schema::schema;
