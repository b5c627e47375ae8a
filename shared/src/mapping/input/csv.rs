//! CSV as rows: the header, and how many fields a record has.

use std::io::{self, Read};

use super::{
    Opened, Rows,
    decode::Utf8Reader,
    raw_record::{MAX_RECORD_BYTES, RawRecord},
    scan::Scanner,
};
use crate::mapping::{compile::CompiledCsv, document::Ragged, file_error::FileError, outcome::Reason};

struct CsvRows<R> {
    scanner: Scanner<Utf8Reader<R>>,
    /// The first record of a file without a header.
    pending: Option<RawRecord>,
    width: usize,
    ragged: Ragged,
    skip_empty: bool,
}

/// Reads as far as the header, or the first record where there is none.
pub(super) fn open<'r, R: Read + 'r>(csv: &CompiledCsv, reader: R) -> Result<Opened<'r>, FileError> {
    let mut scanner = Scanner::new(Utf8Reader::new(reader, csv.encoding), csv.marks);
    for _ in 0..csv.skip_lines {
        scanner.skip_line()?;
    }
    let mut rows =
        CsvRows { scanner, pending: None, width: 0, ragged: csv.ragged, skip_empty: csv.skip_empty };
    let mut first = RawRecord::default();
    if !rows.scan(&mut first)? {
        return Ok(Opened { rows: Box::new(rows), columns: None });
    }
    if let Some(reason) = first.flaw {
        return Err(FileError::UnreadableHeader { line: first.line, reason });
    }
    rows.width = first.width();
    let columns = match csv.has_header {
        true => first.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect(),
        false => (1..=rows.width).map(|number| number.to_string()).collect(),
    };
    rows.pending = (!csv.has_header).then_some(first);
    Ok(Opened { rows: Box::new(rows), columns: Some(columns) })
}

impl<R: Read> CsvRows<R> {
    /// Reads the next record, empty ones passed over where they are none.
    fn scan(&mut self, row: &mut RawRecord) -> io::Result<bool> {
        loop {
            let is_there = self.scanner.read(row)?;
            let is_none = self.skip_empty && row.flaw.is_none() && row.cells().all(is_empty);
            if !is_there || !is_none {
                return Ok(is_there);
            }
        }
    }

    /// Makes a record as wide as the header, where that loses nothing.
    fn pad(&self, row: &mut RawRecord) {
        if row.flaw.is_none() {
            row.pad(self.width);
        }
        if row.cells().skip(self.width).all(is_empty) {
            row.spans.truncate(self.width);
        }
    }
}

fn is_empty(cell: &[u8]) -> bool {
    cell.iter().all(|byte| *byte == b' ')
}

impl<R: Read> Rows for CsvRows<R> {
    fn read(&mut self, row: &mut RawRecord) -> io::Result<bool> {
        match self.pending.take() {
            Some(first) => *row = first,
            None if !self.scan(row)? => return Ok(false),
            None => {}
        }
        if self.ragged == Ragged::Pad && row.width() != self.width {
            self.pad(row);
        }
        if let Some(reason) = row.flaw {
            row.detail = detail(row, reason);
        } else if row.width() != self.width {
            let detail =
                format!("found {} fields, expected {} as on the first line", row.width(), self.width);
            row.fail(Reason::RaggedLine, detail);
        }
        Ok(true)
    }
}

/// What is wrong with a record that could not be split into fields.
fn detail(row: &RawRecord, reason: Reason) -> String {
    let (line, last_line) = (row.line, row.last_line);
    match reason {
        Reason::UnclosedQuote => {
            format!(
                "a quote in the record that begins here never closes; lines {line} to {last_line}, the end, are unread"
            )
        }
        Reason::RecordTooLong => {
            format!(
                "the record on lines {line} to {last_line} is over {MAX_RECORD_BYTES} bytes; is a quote missing?"
            )
        }
        _ => format!(
            "text follows a closing quote on lines {line} to {last_line}; double quotes within fields"
        ),
    }
}
