//! Fixed width as rows: a record is a line, or so many characters, and a cell is where it is.
//!
//! Positions and widths count characters, not bytes. A line ends with CRLF, LF or CR; lines without a
//! byte are no records. In a file of records without line ends, the line of a record is its number.

use std::io::{self, BufRead, BufReader, Read};

use super::{
    Opened, Rows,
    decode::Utf8Reader,
    raw_record::{MAX_RECORD_BYTES, RawRecord},
};
use crate::mapping::compile::CompiledFixed;
use crate::mapping::encoding::Encoding;
use crate::mapping::file_error::FileError;
use crate::mapping::outcome::Reason;

struct FixedRows<'s, R> {
    settings: &'s CompiledFixed,
    /// Where each named column begins and ends, in characters from 0.
    columns: Vec<(usize, usize)>,
    reader: BufReader<Utf8Reader<R>>,
    /// The line that was read last, from 1.
    line: u64,
    /// Whether the last line ended with a CR, so that an LF belongs to it.
    after_cr: bool,
    text: Vec<u8>,
    /// Where each character begins in `text`, and the end.
    starts: Vec<usize>,
}

/// What there was to read.
#[derive(Clone, Copy, PartialEq)]
enum Got {
    Nothing,
    TooMuch,
    Text,
}

/// Begins to read, and reads over the rows to skip.
pub(super) fn open<'r, R: Read + 'r>(
    settings: &'r CompiledFixed,
    named: &[String],
    reader: R,
) -> Result<Opened<'r>, FileError> {
    let place = |name: &String| settings.columns.iter().find(|column| column.name == *name);
    let columns = named.iter().filter_map(place).map(|column| (column.start, column.end)).collect();
    let mut reader = BufReader::with_capacity(64 * 1024, Utf8Reader::new(reader, settings.encoding));
    let has_content = !reader.fill_buf()?.is_empty();
    let (text, starts) = (Vec::new(), Vec::new());
    let mut rows = FixedRows { settings, columns, reader, line: 0, after_cr: false, text, starts };
    for _ in 0..settings.skip_rows {
        if rows.next()? == Got::Nothing {
            break;
        }
    }
    Ok(Opened { rows: Box::new(rows), columns: has_content.then(|| named.to_vec()) })
}

impl<R: Read> FixedRows<'_, R> {
    fn next(&mut self) -> io::Result<Got> {
        self.text.clear();
        let got = match self.settings.record_length {
            Some(length) => self.next_characters(length)?,
            None => self.next_line()?,
        };
        self.line += u64::from(got != Got::Nothing);
        Ok(got)
    }

    fn next_line(&mut self) -> io::Result<Got> {
        let mut got = Got::Nothing;
        loop {
            let mut rest = self.reader.fill_buf()?;
            if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
                self.reader.consume(1);
                rest = self.reader.fill_buf()?;
            }
            if rest.is_empty() {
                return Ok(got);
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let part = &rest[..end.unwrap_or(rest.len())];
            if got == Got::TooMuch || self.text.len() + part.len() > MAX_RECORD_BYTES {
                got = Got::TooMuch;
            } else {
                got = Got::Text;
                self.text.extend_from_slice(part);
            }
            self.after_cr = end.is_some_and(|end| rest[end] == b'\r');
            let count = part.len() + usize::from(end.is_some());
            self.reader.consume(count);
            if end.is_some() {
                return Ok(got);
            }
        }
    }

    fn next_characters(&mut self, length: usize) -> io::Result<Got> {
        let mut characters = 0;
        loop {
            let rest = self.reader.fill_buf()?;
            let mut starts_of_more = rest.iter().enumerate().filter(|(_, byte)| begins(**byte));
            let end = starts_of_more.nth(length - characters).map(|(at, _)| at);
            let part = &rest[..end.unwrap_or(rest.len())];
            // Malformed UTF-8 can have any number of bytes that begin no character.
            if part.len() + self.text.len() > MAX_RECORD_BYTES {
                return Err(unclear(self.line + 1));
            }
            characters += part.iter().filter(|byte| begins(**byte)).count();
            self.text.extend_from_slice(part);
            let (count, is_last) = (part.len(), end.is_some() || part.is_empty());
            self.reader.consume(count);
            if is_last {
                return Ok(if self.text.is_empty() { Got::Nothing } else { Got::Text });
            }
        }
    }

    /// Finds the characters of the text; false where it is malformed, so that they cannot be counted.
    fn count(&mut self) -> bool {
        // In other encodings a malformed sequence is one byte, which counts as a character.
        if self.settings.encoding == Encoding::utf_8() && std::str::from_utf8(&self.text).is_err() {
            return false;
        }
        self.starts.clear();
        self.starts.extend((0..self.text.len()).filter(|at| begins(self.text[*at])));
        self.starts.push(self.text.len());
        true
    }

    fn fill(&self, row: &mut RawRecord) {
        let length = self.starts.len() - 1;
        let longest = self.settings.longest();
        if length < longest && !self.settings.short_is_empty {
            let detail = format!("found {length} characters, expected at least {longest}");
            return row.fail(Reason::RaggedLine, detail);
        }
        for (start, end) in &self.columns {
            let cell = &self.text[self.starts[(*start).min(length)]..self.starts[(*end).min(length)]];
            row.push(self.settings.without_fill(cell));
            row.end_field();
        }
        if row.flaw == Some(Reason::RecordTooLong) {
            too_long(row);
        }
    }
}

impl<R: Read> Rows for FixedRows<'_, R> {
    fn read(&mut self, row: &mut RawRecord) -> io::Result<bool> {
        row.clear();
        let mut got = self.next()?;
        while got == Got::Text && self.text.is_empty() {
            got = self.next()?;
        }
        (row.line, row.last_line) = (self.line, self.line);
        match got {
            Got::Nothing => return Ok(false),
            Got::TooMuch => too_long(row),
            Got::Text if self.count() => self.fill(row),
            Got::Text if self.settings.record_length.is_some() => return Err(unclear(self.line)),
            Got::Text => {
                let detail = "the line is malformed in the stated encoding, so its characters cannot be \
                              counted; fix the file, or the mapping's encoding";
                row.fail(Reason::InvalidBytes, detail.into());
            }
        }
        Ok(true)
    }
}

/// Whether a byte of UTF-8 begins a character; the one that stands for a malformed sequence does.
fn begins(byte: u8) -> bool {
    !matches!(byte, 0x80..0xC0)
}

fn too_long(row: &mut RawRecord) {
    row.fail(Reason::RecordTooLong, format!("the record is over {MAX_RECORD_BYTES} bytes"));
}

/// Records without line ends begin where the one before ends: nothing after this can be trusted.
fn unclear(record: u64) -> io::Error {
    FileError::UncountableRecord { record }.into_io()
}
