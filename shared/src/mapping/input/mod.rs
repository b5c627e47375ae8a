//! The formats that come in: each reads a file's bytes as rows of text cells, in bounded memory.
//!
//! To add one: its settings in `document`, their check in `compile/input`, and here a module with its [`Rows`]. What a
//! cell means, which cells go where, and what becomes of a record is not known here: that is the same for all.

mod counted;
pub(super) mod csv;
pub(super) mod decode;
mod fixed;
pub(super) mod json;
pub(super) mod raw_record;
pub(super) mod scan;
pub(super) mod workbook;
pub(super) mod xml;

use std::io::{self, Read};

use super::compile::{CompiledInput, Repeated};
use super::file_error::FileError;
use raw_record::RawRecord;

/// The records of a file, one row after another.
pub(super) trait Rows {
    /// Reads the next record over the one before; false at the end. A record that cannot be told apart has a flaw,
    /// and its cells mean nothing; every other has as many cells as there are columns.
    ///
    /// # Errors
    /// When reading fails, or nothing behind this place can be trusted. There is no going on then.
    fn read(&mut self, row: &mut RawRecord) -> io::Result<bool>;
}

/// A file whose columns are known.
pub(super) struct Opened<'r> {
    pub rows: Box<dyn Rows + 'r>,
    /// What its cells are called, in their order; None of a file that does not say it, since it has nothing in it.
    pub columns: Option<Vec<String>>,
}

/// Reads a file as far as its columns. `named` are the columns that the mapping asks for, `lists` the repeated children.
pub(super) fn open<'r, R: Read + 'r>(
    input: &'r CompiledInput,
    named: &[String],
    lists: &'r [Repeated],
    reader: R,
) -> Result<Opened<'r>, FileError> {
    match input {
        CompiledInput::Csv(settings) => csv::open(settings, reader),
        CompiledInput::Json { records } => json::open(records.as_deref(), named, lists, reader),
        CompiledInput::Ndjson => json::lines::open(named, lists, reader),
        CompiledInput::Fixed(settings) => fixed::open(settings, named, reader),
        CompiledInput::Xml(settings) => xml::open(settings, named, lists, reader),
        CompiledInput::Workbook(settings) => workbook::open(settings, named, reader),
    }
}
