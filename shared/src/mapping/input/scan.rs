//! Splits UTF-8 bytes into CSV records, exactly and in bounded memory.
//!
//! Follows RFC 4180, with any one of CRLF, LF and CR as line end, and quotes that are literal inside
//! unquoted fields. The `csv` crate splits well-formed input the same way (a test holds the two
//! together), but it cannot tell a quote that never closes from the end of a field, has no limit on
//! a record, joins what follows a closing quote to the field, and counts lines wrongly after blank
//! lines and lone CRs; each of those would break a promise about errors or their lines.
//!
//! It does not know about headers, encodings or the number of fields.

use std::io::{self, Read};

use super::raw_record::RawRecord;
use crate::mapping::outcome::Reason;

const BUFFER_BYTES: usize = 64 * 1024;

/// Reads record after record.
pub(in crate::mapping) struct Scanner<R> {
    reader: R,
    buffer: Box<[u8]>,
    unread: std::ops::Range<usize>,
    delimiter: u8,
    quote: Option<u8>,
    /// Whether a byte ends an unquoted field.
    is_special: [bool; 256],
    /// The line of the next byte.
    line: u64,
    /// Whether the byte before was a CR that ended a line, so that an LF belongs to it.
    after_cr: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    RecordStart,
    FieldStart,
    Unquoted,
    Quoted,
    /// After a quote within a quoted field: it closes the field, or is the first of two.
    QuoteInQuoted,
}

impl<R: Read> Scanner<R> {
    pub fn new(reader: R, delimiter: u8, quote: Option<u8>) -> Self {
        let mut is_special = [false; 256];
        for byte in [delimiter, b'\r', b'\n'] {
            is_special[usize::from(byte)] = true;
        }
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self { reader, buffer, unread: 0..0, delimiter, quote, is_special, line: 1, after_cr: false }
    }

    /// Reads the next record; false at the end. Lines without a byte are no records.
    ///
    /// Fields are only meaningful in a record without a flaw. One that is too long is read to its
    /// end without being kept.
    pub fn read(&mut self, record: &mut RawRecord) -> io::Result<bool> {
        record.clear();
        let mut state = State::RecordStart;
        loop {
            if self.unread.is_empty() && !self.fill()? {
                return Ok(self.finish(state, record));
            }
            let byte = self.buffer[self.unread.start];
            if state == State::RecordStart {
                if byte == b'\n' || byte == b'\r' {
                    self.unread.start += 1;
                    self.count_line_end(byte);
                    continue;
                }
                self.after_cr = false;
                record.line = self.line;
                state = State::FieldStart;
            }
            if state == State::FieldStart && Some(byte) == self.quote {
                self.unread.start += 1;
                record.grow(1);
                state = State::Quoted;
                continue;
            }
            if state == State::QuoteInQuoted && Some(byte) == self.quote {
                state = State::Quoted;
                self.unread.start += 1;
                record.push(&[byte]);
                continue;
            }
            if state == State::Quoted {
                state = self.read_quoted(record);
                continue;
            }
            if state == State::QuoteInQuoted && byte != self.delimiter && byte != b'\r' && byte != b'\n' {
                record.flaw.get_or_insert(Reason::StrayQuote);
            }
            state = State::Unquoted;
            let run = self.run();
            record.push(&self.buffer[self.unread.start..self.unread.start + run]);
            self.unread.start += run;
            if self.unread.is_empty() {
                continue;
            }
            let byte = self.buffer[self.unread.start];
            self.unread.start += 1;
            if byte == self.delimiter {
                record.end_field();
                state = State::FieldStart;
            } else {
                record.end_field();
                record.last_line = self.line;
                self.count_line_end(byte);
                return Ok(true);
            }
        }
    }

    /// Takes the buffer's bytes up to the next quote or line end within a quoted field.
    fn read_quoted(&mut self, record: &mut RawRecord) -> State {
        let rest = &self.buffer[self.unread.clone()];
        let run = rest
            .iter()
            .position(|b| Some(*b) == self.quote || *b == b'\r' || *b == b'\n')
            .unwrap_or(rest.len());
        record.push(&rest[..run]);
        self.after_cr = self.after_cr && run == 0;
        let special = rest.get(run).copied();
        self.unread.start += run + usize::from(special.is_some());
        match special {
            Some(byte @ (b'\r' | b'\n')) => {
                record.push(&[byte]);
                self.count_line_end(byte);
                State::Quoted
            }
            Some(_) => {
                self.after_cr = false;
                State::QuoteInQuoted
            }
            None => State::Quoted,
        }
    }

    /// Counts a line end, the two bytes of a CRLF as one.
    fn count_line_end(&mut self, byte: u8) {
        self.line += u64::from(!(byte == b'\n' && self.after_cr));
        self.after_cr = byte == b'\r';
    }

    /// Returns how many of the buffer's next bytes are within an unquoted field.
    fn run(&self) -> usize {
        let rest = &self.buffer[self.unread.clone()];
        rest.iter().position(|byte| self.is_special[usize::from(*byte)]).unwrap_or(rest.len())
    }

    /// Ends the record that the end of the input meets; false where there is none.
    fn finish(&self, state: State, record: &mut RawRecord) -> bool {
        if state == State::RecordStart {
            return false;
        }
        record.end_field();
        record.last_line = self.line;
        if state == State::Quoted {
            record.flaw = Some(Reason::UnclosedQuote);
        }
        true
    }

    fn fill(&mut self) -> io::Result<bool> {
        loop {
            match self.reader.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.unread = 0..count;
                    return Ok(count > 0);
                }
            }
        }
    }
}
