//! NDJSON as rows: one JSON object a line.
//!
//! A line ends with LF or CRLF. Lines of nothing but whitespace are no records; a line that is not an
//! object is its record's error, and reading goes on behind it.

use std::io::{self, BufRead, Read};

use super::{
    Source,
    lexer::{Kept, Lexer, Stop},
    members::{Members, too_long},
    utf8,
};
use crate::mapping::compile::Repeated;
use crate::mapping::file_error::FileError;
use crate::mapping::input::{
    Opened, Rows,
    raw_record::{MAX_RECORD_BYTES, RawRecord},
};
use crate::mapping::outcome::Reason;

struct LineRows<'r, R> {
    reader: Source<R>,
    /// The line that was read last, from 1.
    line: u64,
    text: Vec<u8>,
    members: Members<'r>,
    kept: Kept,
}

/// Begins to read. A file without a byte says nothing, not that there are no records.
pub(in crate::mapping::input) fn open<'r, R: Read + 'r>(
    named: &[String],
    lists: &'r [Repeated],
    reader: R,
) -> Result<Opened<'r>, FileError> {
    let mut reader = utf8(reader);
    let columns = if reader.fill_buf()?.is_empty() { None } else { Some(named.to_vec()) };
    let (members, kept) = (Members::new(named, lists), Kept::up_to(MAX_RECORD_BYTES));
    Ok(Opened { rows: Box::new(LineRows { reader, line: 0, text: Vec::new(), members, kept }), columns })
}

impl<R: Read> LineRows<'_, R> {
    /// Reads a line; None at the end, false for one that is too long.
    fn next_line(&mut self) -> io::Result<Option<bool>> {
        self.text.clear();
        let (mut is_there, mut fits) = (false, true);
        loop {
            let rest = self.reader.fill_buf()?;
            if rest.is_empty() {
                break;
            }
            is_there = true;
            let end = rest.iter().position(|byte| *byte == b'\n');
            let part = &rest[..end.unwrap_or(rest.len())];
            fits = fits && self.text.len() + part.len() <= MAX_RECORD_BYTES;
            if fits {
                self.text.extend_from_slice(part);
            }
            let count = part.len() + usize::from(end.is_some());
            self.reader.consume(count);
            if end.is_some() {
                break;
            }
        }
        self.line += u64::from(is_there);
        Ok(is_there.then_some(fits))
    }

    /// Reads the one object that the line should be.
    fn object(&mut self) -> Result<(), Stop> {
        self.kept.clear();
        let mut lexer = Lexer::new(&self.text[..]);
        if lexer.token()? != Some(b'{') {
            return lexer.malformed("there is no object");
        }
        lexer.value(&mut self.kept)?;
        match lexer.token()? {
            None => Ok(()),
            Some(_) => lexer.malformed("there is more behind the object"),
        }
    }
}

impl<R: Read> Rows for LineRows<'_, R> {
    fn read(&mut self, row: &mut RawRecord) -> io::Result<bool> {
        row.clear();
        loop {
            let Some(fits) = self.next_line()? else { return Ok(false) };
            (row.line, row.last_line) = (self.line, self.line);
            if !fits {
                too_long(row);
                return Ok(true);
            }
            if self.text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match self.object() {
                Ok(()) => self.members.fill(&self.kept.bytes, row),
                Err(Stop::Read(error)) => return Err(error),
                Err(Stop::Malformed { column, what, .. }) => {
                    row.fail(
                        Reason::NotJson,
                        format!("the line is no JSON object: {what} in column {column}"),
                    );
                }
            }
            return Ok(true);
        }
    }
}
