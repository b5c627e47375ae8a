//! Splits UTF-8 bytes into CSV records, exactly and in bounded memory.
//!
//! Follows RFC 4180, with any one of CRLF, LF and CR as line end, and quotes that are literal inside
//! unquoted fields; beyond it there may be an escape, and lines of comment. The `csv` crate splits well-formed input the same way (a test holds the two
//! together), but it cannot tell a quote that never closes from the end of a field, has no limit on
//! a record, joins what follows a closing quote to the field, and counts lines wrongly after blank
//! lines and lone CRs; each of those would break a promise about errors or their lines.
//!
//! It does not know about headers, encodings or the number of fields.

use std::io::{self, Read};

use super::raw_record::RawRecord;
use crate::mapping::{compile::Marks, outcome::Reason};

const BUFFER_BYTES: usize = 64 * 1024;

/// Bytes that are looked at in one go; records that end closer to the buffer's end are read byte by byte.
const CHUNK: usize = 32;

/// Reads record after record.
pub(in crate::mapping) struct Scanner<R> {
    reader: R,
    buffer: Box<[u8]>,
    unread: std::ops::Range<usize>,
    /// Whether the reader is at its end.
    ended: bool,
    /// Why reading ended, where it failed.
    failure: Option<io::Error>,
    marks: Marks,
    /// Whether a byte may end an unquoted field, or escapes the next.
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
    /// After the escape.
    Escaped {
        is_quoted: bool,
    },
}

impl<R: Read> Scanner<R> {
    pub fn new(reader: R, marks: Marks) -> Self {
        let mut is_special = [false; 256];
        for byte in [Some(marks.delimiter), marks.escape, Some(b'\r'), Some(b'\n')].into_iter().flatten() {
            is_special[usize::from(byte)] = true;
        }
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Self {
            reader,
            buffer,
            unread: 0..0,
            ended: false,
            failure: None,
            marks,
            is_special,
            line: 1,
            after_cr: false,
        }
    }

    /// Passes over a line, whatever is in it; false at the end.
    pub fn skip_line(&mut self) -> io::Result<bool> {
        loop {
            if self.unread.is_empty() && !self.fill()? {
                return Ok(false);
            }
            // The other half of the line end before this line.
            if std::mem::take(&mut self.after_cr) && self.buffer[self.unread.start] == b'\n' {
                self.unread.start += 1;
                continue;
            }
            let rest = &self.buffer[self.unread.clone()];
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
                self.unread.start = self.unread.end;
                continue;
            };
            let byte = rest[end];
            self.unread.start += end + 1;
            self.count_line_end(byte);
            return Ok(true);
        }
    }

    /// Reads the next record; false at the end. Lines without a byte are no records.
    ///
    /// Fields are only meaningful in a record without a flaw. One that is too long is read to its
    /// end without being kept.
    pub fn read(&mut self, record: &mut RawRecord) -> io::Result<bool> {
        record.clear();
        if self.read_plain(record) {
            return Ok(true);
        }
        record.clear();
        if self.unread.len() < self.buffer.len() / 2 && !self.ended {
            self.refill();
            if self.read_plain(record) {
                return Ok(true);
            }
            record.clear();
        }
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
                if Some(byte) == self.marks.comment {
                    self.skip_line()?;
                    continue;
                }
                self.after_cr = false;
                record.line = self.line;
                state = State::FieldStart;
            }
            if state == State::FieldStart && Some(byte) == self.marks.quote {
                self.unread.start += 1;
                record.grow(1);
                state = State::Quoted;
                continue;
            }
            if state == State::QuoteInQuoted && Some(byte) == self.marks.quote {
                state = State::Quoted;
                self.unread.start += 1;
                record.push(&[byte]);
                continue;
            }
            if state == State::Quoted {
                state = self.read_quoted(record);
                continue;
            }
            if let State::Escaped { is_quoted } = state {
                record.push(&[byte]);
                self.unread.start += 1;
                match byte {
                    b'\r' | b'\n' => self.count_line_end(byte),
                    _ => self.after_cr = false,
                }
                state = if is_quoted { State::Quoted } else { State::Unquoted };
                continue;
            }
            if state == State::QuoteInQuoted && byte != self.marks.delimiter && byte != b'\r' && byte != b'\n'
            {
                record.flaw.get_or_insert(Reason::StrayQuote);
            }
            state = State::Unquoted;
            let run = self.run();
            record.push(&self.buffer[self.unread.start..self.unread.start + run]);
            self.unread.start += run;
            self.after_cr &= run == 0; // that of an escaped CR
            if self.unread.is_empty() {
                continue;
            }
            let byte = self.buffer[self.unread.start];
            self.unread.start += 1;
            if byte == self.marks.delimiter {
                self.after_cr = false;
                record.end_field();
                state = State::FieldStart;
            } else if Some(byte) == self.marks.escape {
                self.after_cr = false;
                record.grow(1);
                state = State::Escaped { is_quoted: false };
            } else {
                record.end_field();
                record.last_line = self.line;
                self.count_line_end(byte);
                return Ok(true);
            }
        }
    }

    /// Reads a record that is all in the buffer and has no quoted field, as most are; false, and nothing is read,
    /// where the next one may be another.
    fn read_plain(&mut self, record: &mut RawRecord) -> bool {
        let rest = &self.buffer[self.unread.clone()];
        if self.marks.comment.is_some() && rest.first().copied() == self.marks.comment {
            return false;
        }
        let mut start = 0;
        for (number, chunk) in rest.as_chunks::<CHUNK>().0.iter().enumerate() {
            let mut found = self.specials(chunk);
            while found != 0 {
                let at = number * CHUNK + found.trailing_zeros() as usize;
                found &= found - 1;
                let byte = rest[at];
                if byte == self.marks.delimiter {
                    record.spans.push((start as u32, at as u32));
                    start = at + 1;
                } else if byte != b'\r' && byte != b'\n' {
                    if at == start || Some(byte) == self.marks.escape {
                        return false; // a quoted field, or one with an escape
                    }
                } else if at == 0 {
                    return false; // no record
                } else {
                    record.spans.push((start as u32, at as u32));
                    record.bytes.extend_from_slice(&rest[..at]);
                    (record.line, record.last_line) = (self.line, self.line);
                    let is_pair = byte == b'\r' && rest.get(at + 1) == Some(&b'\n');
                    self.unread.start += at + 1 + usize::from(is_pair);
                    self.line += 1;
                    self.after_cr = byte == b'\r' && !is_pair;
                    return true;
                }
            }
        }
        false
    }

    /// Finds delimiters, quotes and line ends: a bit for each byte.
    #[inline(always)]
    fn specials(&self, chunk: &[u8; CHUNK]) -> u32 {
        let Marks { delimiter, quote, escape, .. } = self.marks;
        let (quote, escape) = (quote.unwrap_or(delimiter), escape.unwrap_or(delimiter));
        let mut is_special = [0; CHUNK];
        for (found, b) in is_special.iter_mut().zip(*chunk) {
            *found = u8::from((b == delimiter) | (b == quote) | (b == escape) | (b == b'\r') | (b == b'\n'));
        }
        let mut bits = 0;
        for (number, eight) in is_special.as_chunks::<8>().0.iter().enumerate() {
            // Moves the lowest bit of each byte into the highest byte, side by side.
            let byte = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            bits |= (byte as u32) << (8 * number);
        }
        bits
    }

    /// Takes the buffer's bytes up to the next quote or line end within a quoted field.
    fn read_quoted(&mut self, record: &mut RawRecord) -> State {
        let rest = &self.buffer[self.unread.clone()];
        let run = rest
            .iter()
            .position(|b| {
                let byte = Some(*b);
                byte == self.marks.quote || byte == self.marks.escape || *b == b'\r' || *b == b'\n'
            })
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
            Some(byte) if Some(byte) == self.marks.escape => {
                self.after_cr = false;
                record.grow(1);
                State::Escaped { is_quoted: true }
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
        if matches!(state, State::Quoted | State::Escaped { is_quoted: true }) {
            record.flaw = Some(Reason::UnclosedQuote);
        }
        true
    }

    /// Fills an empty buffer; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.unread = 0..0;
        if self.failure.is_none() {
            self.read_more();
        }
        self.failure.take().map_or(Ok(!self.unread.is_empty()), Err)
    }

    /// Moves what is unread to the front of the buffer, and fills the rest.
    fn refill(&mut self) {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        while self.unread.end < self.buffer.len() && !self.ended {
            self.read_more();
        }
    }

    /// Reads once behind what is unread. A failure is told when all before it was taken.
    fn read_more(&mut self) {
        loop {
            match self.reader.read(&mut self.buffer[self.unread.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => (self.ended, self.failure) = (true, Some(error)),
                Ok(count) => {
                    self.ended = count == 0;
                    self.unread.end += count;
                }
            }
            return;
        }
    }
}
