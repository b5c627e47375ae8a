//! Copies some records of a file, byte for byte, into a file in the same format with their reasons beside them: to be
//! mended and sent again.
//!
//! The bytes that came are never decoded: what is copied is what the source wrote, in its encoding, with its quotes
//! and line ends. Records are told apart in the units of the encoding, of one, two or four bytes, by the same rules as
//! [`scan`](super::input::scan) tells them apart in UTF-8; a property test holds the two together. Only formats with
//! one record after another in the bytes can be cut so. Of others [`Compiled::failed_lines`] gives none.

mod csv;
#[cfg(test)]
mod tests;
mod units;

use std::io::{self, Read, Write};

use super::compile::{Compiled, CompiledCsv, CompiledInput, Marks};
use super::document::Ragged;
use super::encoding::Encoding;

/// Name of the column that says why a record failed. A column of this name that came in is replaced.
pub const REASON_COLUMN: &str = "crossdock_reason";

/// A record to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedRecord {
    /// The line of the file on which it begins, from 1.
    pub line: u64,
    /// Why it failed: a code in ASCII.
    pub reason: String,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Records that are in the copy.
    pub records: u64,
    /// Records that are not, since none begins on their line.
    pub missing: u64,
}

/// How failed records of a format are copied.
#[derive(Clone, Debug)]
pub struct FailedLines {
    /// Plain lines are CSV without quotes and without a header.
    csv: CompiledCsv,
    /// Whether a CR ends a line by itself.
    cr_ends_lines: bool,
    content_type: String,
}

impl Compiled {
    /// How failed records of its input are copied; None where the format has no lines to be copied.
    pub fn failed_lines(&self) -> Option<FailedLines> {
        match &self.input {
            CompiledInput::Csv(csv) => Some(FailedLines::of_csv(csv)),
            CompiledInput::Fixed(fixed) if fixed.record_length.is_none() => {
                let content_type = format!("text/plain; charset={}", fixed.encoding.name());
                Some(FailedLines::plain(fixed.encoding, fixed.skip_rows, true, content_type))
            }
            CompiledInput::Ndjson => {
                let utf_8 = Encoding::named("utf-8").expect("it is the name of an encoding");
                Some(FailedLines::plain(utf_8, 0, false, "application/x-ndjson".into()))
            }
            CompiledInput::Fixed(_)
            | CompiledInput::Json { .. }
            | CompiledInput::Xml(_)
            | CompiledInput::Workbook(_) => None,
        }
    }
}

impl FailedLines {
    fn of_csv(csv: &CompiledCsv) -> Self {
        let header = if csv.has_header { "present" } else { "absent" };
        let content_type = format!("text/csv; charset={}; header={header}", csv.encoding.name());
        Self { csv: csv.clone(), cr_ends_lines: true, content_type }
    }

    fn plain(encoding: Encoding, skip_lines: u32, cr_ends_lines: bool, content_type: String) -> Self {
        let marks = Marks { delimiter: b'\t', quote: None, escape: None, comment: None };
        let (ragged, skip_empty, has_header) = (Ragged::Error, false, false);
        let csv = CompiledCsv { encoding, marks, has_header, skip_lines, ragged, skip_empty };
        Self { csv, cr_ends_lines, content_type }
    }

    /// Says whether the copy has the reasons in a column of its own: only where columns are found by their names does
    /// one more not change what the others are.
    pub fn has_reasons(&self) -> bool {
        csv::has_reasons(&self.csv)
    }

    /// Content type of the copy.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// Copies the records that begin on these lines, which come in the file's order, the header before them. Reads no
    /// further than to the last of them, with memory for the header and some 128 KiB.
    ///
    /// # Errors
    /// Those of the reader, of `failed` and of the writer.
    pub fn copy(
        &self,
        reader: impl Read,
        failed: impl Iterator<Item = io::Result<FailedRecord>>,
        writer: impl Write,
    ) -> io::Result<Copied> {
        csv::copy(&self.csv, self.cr_ends_lines, reader, failed, writer)
    }
}
