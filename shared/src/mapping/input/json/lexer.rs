//! Reads JSON value by value, exactly and in bounded memory.
//!
//! Follows RFC 8259 to the letter: no comments, no trailing commas, no bare words. A value is checked
//! and copied without the whitespace between its tokens, every token as it is written: no number
//! becomes a float, no digit is lost. That texts are valid UTF-8 is left to whoever looks at them, so
//! that a malformed one is its record's error only.

use std::io::{self, BufRead};

use crate::mapping::file_error::FileError;
use crate::mapping::input::counted::Counted;

/// How deep arrays and objects may be within each other.
pub(super) const MAX_DEPTH: usize = 64;

/// A value's tokens, as far as they are wanted and fit.
pub(super) struct Kept {
    pub bytes: Vec<u8>,
    limit: usize,
    /// Whether more came than the limit.
    pub is_over: bool,
}

impl Kept {
    /// Keeps values of up to so many bytes.
    pub fn up_to(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, is_over: false }
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.is_over = false;
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.is_over || self.bytes.len() + bytes.len() > self.limit {
            self.is_over = true;
            self.bytes.clear();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

/// Why no more can be read.
#[derive(Debug)]
pub(super) enum Stop {
    Read(io::Error),
    /// It is not JSON from here on.
    Malformed {
        line: u64,
        column: u64,
        what: String,
    },
}

impl From<Stop> for FileError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Read(error) => error.into(),
            Stop::Malformed { line, column, what } => {
                Self::NotJson(format!("{what} on line {line}, column {column}"))
            }
        }
    }
}

/// Reads tokens.
pub(super) struct Lexer<R> {
    pub bytes: Counted<R>,
    /// What is open, true for objects; kept to spare its allocation.
    open: Vec<bool>,
}

impl<R: BufRead> Lexer<R> {
    pub fn new(reader: R) -> Self {
        Self { bytes: Counted::new(reader), open: Vec::new() }
    }

    /// An error at the next byte.
    pub fn malformed<T>(&self, what: impl Into<String>) -> Result<T, Stop> {
        Err(Stop::Malformed { line: self.bytes.line, column: self.bytes.column, what: what.into() })
    }

    /// The next byte that is no whitespace, which stays; None at the end.
    pub fn token(&mut self) -> Result<Option<u8>, Stop> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.bytes.consume(1),
                other => return Ok(other),
            }
        }
    }

    /// Takes the byte that was seen.
    pub fn take(&mut self) {
        self.bytes.consume(1);
    }

    /// Takes one byte that must come next.
    pub fn expect(&mut self, byte: u8) -> Result<(), Stop> {
        if self.token()? != Some(byte) {
            return self.malformed(format!("there is no {:?}", char::from(byte)));
        }
        self.take();
        Ok(())
    }

    /// Reads a member's name and the colon behind it.
    pub fn name(&mut self, kept: &mut Kept) -> Result<(), Stop> {
        if self.token()? != Some(b'"') {
            return self.malformed("there is no member's name in quotes");
        }
        self.string(kept)?;
        self.expect(b':')?;
        kept.push(b":");
        Ok(())
    }

    /// Reads the next value whole.
    pub fn value(&mut self, kept: &mut Kept) -> Result<(), Stop> {
        let mut open = std::mem::take(&mut self.open);
        open.clear();
        let result = self.value_with(&mut open, kept);
        self.open = open;
        result
    }

    fn value_with(&mut self, open: &mut Vec<bool>, kept: &mut Kept) -> Result<(), Stop> {
        loop {
            let has_opened = match self.token()? {
                Some(byte @ (b'{' | b'[')) => {
                    if open.len() == MAX_DEPTH {
                        return self.malformed(format!("values are over {MAX_DEPTH} levels deep"));
                    }
                    self.take();
                    kept.push(&[byte]);
                    open.push(byte == b'{');
                    true
                }
                Some(b'"') => self.string(kept).map(|()| false)?,
                Some(b'-' | b'0'..=b'9') => self.number(kept).map(|()| false)?,
                Some(b't') => self.word(b"true", kept).map(|()| false)?,
                Some(b'f') => self.word(b"false", kept).map(|()| false)?,
                Some(b'n') => self.word(b"null", kept).map(|()| false)?,
                Some(_) => return self.malformed("there is no value"),
                None => return self.malformed("the end is in the middle of it"),
            };
            if self.ends(has_opened, open, kept)? {
                return Ok(());
            }
        }
    }

    /// Reads what is between two values; true where the outermost ended.
    fn ends(&mut self, mut has_opened: bool, open: &mut Vec<bool>, kept: &mut Kept) -> Result<bool, Stop> {
        while let Some(is_object) = open.last().copied() {
            let close = if is_object { b'}' } else { b']' };
            match self.token()? {
                Some(byte) if byte == close => {
                    self.take();
                    kept.push(&[byte]);
                    open.pop();
                    has_opened = false;
                    continue;
                }
                Some(b',') if !has_opened => {
                    self.take();
                    kept.push(b",");
                }
                Some(_) if has_opened => {}
                Some(_) => {
                    return self.malformed(format!("there is neither ',' nor {:?}", char::from(close)));
                }
                None => return self.malformed("the end is in the middle of it"),
            }
            if is_object {
                self.name(kept)?;
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn string(&mut self, kept: &mut Kept) -> Result<(), Stop> {
        self.take();
        kept.push(b"\"");
        loop {
            if self.peek()?.is_none() {
                return self.malformed("a text never closes");
            }
            let rest = self.bytes.fill_buf().map_err(Stop::Read)?;
            let run = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let (run, special) = match run {
                Some(at) => (at, Some(rest[at])),
                None => (rest.len(), None),
            };
            kept.push(&rest[..run]);
            self.bytes.consume(run);
            match special {
                None => {}
                Some(b'"') => {
                    self.take();
                    kept.push(b"\"");
                    return Ok(());
                }
                Some(b'\\') => self.escape(kept)?,
                Some(_) => return self.malformed("a text has a control character that is not escaped"),
            }
        }
    }

    fn escape(&mut self, kept: &mut Kept) -> Result<(), Stop> {
        self.take();
        kept.push(b"\\");
        let Some(byte @ (b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u')) = self.peek()?
        else {
            return self.malformed("a text has a '\\' that escapes nothing");
        };
        self.take();
        kept.push(&[byte]);
        for _ in 0..if byte == b'u' { 4 } else { 0 } {
            match self.peek()? {
                Some(digit) if digit.is_ascii_hexdigit() => {
                    self.take();
                    kept.push(&[digit]);
                }
                _ => return self.malformed("a text has a '\\u' without four hexadecimal digits"),
            }
        }
        Ok(())
    }

    fn number(&mut self, kept: &mut Kept) -> Result<(), Stop> {
        self.optional(b"-", kept)?;
        if !self.optional(b"0", kept)? {
            self.digits(kept)?;
        }
        if self.optional(b".", kept)? {
            self.digits(kept)?;
        }
        if self.optional(b"eE", kept)? {
            self.optional(b"+-", kept)?;
            self.digits(kept)?;
        }
        Ok(())
    }

    fn digits(&mut self, kept: &mut Kept) -> Result<(), Stop> {
        if !self.optional(b"0123456789", kept)? {
            return self.malformed("a number has no digit where one must be");
        }
        while self.optional(b"0123456789", kept)? {}
        Ok(())
    }

    /// Takes the next byte where it is one of these.
    fn optional(&mut self, bytes: &[u8], kept: &mut Kept) -> Result<bool, Stop> {
        match self.peek()? {
            Some(byte) if bytes.contains(&byte) => {
                self.take();
                kept.push(&[byte]);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn word(&mut self, word: &[u8], kept: &mut Kept) -> Result<(), Stop> {
        for byte in word {
            if self.peek()? != Some(*byte) {
                return self.malformed("there is a bare word other than true, false and null");
            }
            self.take();
        }
        kept.push(word);
        Ok(())
    }

    fn peek(&mut self) -> Result<Option<u8>, Stop> {
        match self.bytes.fill_buf().map(|bytes| bytes.first().copied()) {
            Ok(byte) => Ok(byte),
            Err(_) => Err(self.failed()),
        }
    }

    fn failed(&mut self) -> Stop {
        Stop::Read(self.bytes.failure.take().unwrap_or_else(|| io::ErrorKind::Other.into()))
    }
}
