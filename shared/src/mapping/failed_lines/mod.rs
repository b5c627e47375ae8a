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

use super::compile::{Compiled, CompiledCsv, CompiledInput};

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
#[derive(Clone, Copy, Debug)]
pub struct FailedLines<'m>(Format<'m>);

#[derive(Clone, Copy, Debug)]
enum Format<'m> {
    Csv(&'m CompiledCsv),
}

impl Compiled {
    /// How failed records of its input are copied; None where the format has no lines to be copied.
    pub fn failed_lines(&self) -> Option<FailedLines<'_>> {
        match &self.input {
            CompiledInput::Csv(csv) => Some(FailedLines(Format::Csv(csv))),
            CompiledInput::Json => None,
        }
    }
}

impl FailedLines<'_> {
    /// Says whether the copy has the reasons in a column of its own: only where columns are found by their names does
    /// one more not change what the others are.
    pub fn has_reasons(&self) -> bool {
        match self.0 {
            Format::Csv(csv) => csv::has_reasons(csv),
        }
    }

    /// Content type of the copy.
    pub fn content_type(&self) -> String {
        match self.0 {
            Format::Csv(csv) => {
                let header = if csv.has_header { "present" } else { "absent" };
                format!("text/csv; charset={}; header={header}", csv.encoding.name())
            }
        }
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
        match self.0 {
            Format::Csv(csv) => csv::copy(csv, reader, failed, writer),
        }
    }
}
