//! Splits text into records as a candidate dialect would, and says what does not fit it.
//!
//! The engine's scanner is strict and reads what a mapping states; this one goes on where that
//! would end, so that candidates that are wrong can be compared.

use std::borrow::Cow;

/// The characters that split a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    pub delimiter: Option<u8>,
    pub quote: Option<u8>,
    pub escape: Option<u8>,
    /// What begins lines that are no records.
    pub comment: Option<&'static str>,
}

/// A cell of a record.
#[derive(Clone, Debug)]
pub(crate) struct Cell<'t> {
    pub text: Cow<'t, str>,
    pub is_quoted: bool,
    /// Whether text follows its closing quote, or no quote closes it.
    pub is_flawed: bool,
}

/// A record, and the line from 1 on which it begins.
#[derive(Clone, Debug)]
pub(crate) struct Record<'t> {
    pub line: u64,
    pub cells: Vec<Cell<'t>>,
}

impl Record<'_> {
    /// Whether it has nothing but delimiters, quotes and spaces.
    pub fn is_empty(&self) -> bool {
        self.cells.len() > 1 && self.cells.iter().all(|cell| cell.text.trim().is_empty())
    }
}

/// Splits all of a text. Lines without a character, and comments, are no records.
pub(crate) fn split(text: &str, marks: Marks) -> Vec<Record<'_>> {
    let mut splitter = Splitter { text, bytes: text.as_bytes(), at: 0, line: 1, marks };
    let mut records = Vec::new();
    while let Some(record) = splitter.record() {
        records.push(record);
    }
    records
}

struct Splitter<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    line: u64,
    marks: Marks,
}

impl<'t> Splitter<'t> {
    fn record(&mut self) -> Option<Record<'t>> {
        loop {
            let rest = &self.text[self.at..];
            match rest.bytes().next()? {
                b'\r' | b'\n' => self.line_end(),
                _ if self.marks.comment.is_some_and(|comment| rest.starts_with(comment)) => {
                    self.at += rest.find(['\r', '\n']).unwrap_or(rest.len());
                }
                _ => break,
            }
        }
        let mut record = Record { line: self.line, cells: Vec::new() };
        loop {
            record.cells.push(self.cell());
            match self.bytes.get(self.at) {
                Some(byte) if Some(*byte) == self.marks.delimiter => self.at += 1,
                Some(_) => {
                    self.line_end();
                    return Some(record);
                }
                None => return Some(record),
            }
        }
    }

    /// Reads up to a delimiter, a line end or the end.
    fn cell(&mut self) -> Cell<'t> {
        if self.marks.quote.is_some() && self.bytes.get(self.at).copied() == self.marks.quote {
            return self.quoted();
        }
        let mut parts = Parts::default();
        self.run(&mut parts);
        Cell { text: parts.text(), is_quoted: false, is_flawed: false }
    }

    fn quoted(&mut self) -> Cell<'t> {
        let quote = self.marks.quote;
        self.at += 1;
        let mut parts = Parts::default();
        let mut start = self.at;
        let mut is_closed = false;
        while let Some(byte) = self.bytes.get(self.at).copied() {
            if Some(byte) == self.marks.escape {
                parts.0.push(&self.text[start..self.at]);
                self.at += 1;
                start = self.at;
                self.step();
            } else if Some(byte) == quote {
                parts.0.push(&self.text[start..self.at]);
                self.at += 1;
                start = self.at;
                if self.bytes.get(self.at).copied() != quote {
                    is_closed = true;
                    break;
                }
                self.at += 1;
            } else {
                self.step();
            }
        }
        if !is_closed {
            parts.0.push(&self.text[start..self.at]);
        }
        let before = self.at;
        self.run(&mut parts);
        Cell { text: parts.text(), is_quoted: true, is_flawed: self.at > before || !is_closed }
    }

    /// Reads what has no quotes: up to a delimiter or a line end.
    fn run(&mut self, parts: &mut Parts<'t>) {
        let mut start = self.at;
        while let Some(byte) = self.bytes.get(self.at).copied() {
            if Some(byte) == self.marks.delimiter || matches!(byte, b'\r' | b'\n') {
                break;
            }
            if Some(byte) == self.marks.escape {
                parts.0.push(&self.text[start..self.at]);
                self.at += 1;
                start = self.at;
            }
            self.step();
        }
        parts.0.push(&self.text[start..self.at]);
    }

    /// Goes over one byte of a cell, or over nothing at the end. A character of several bytes is gone over in as many steps.
    fn step(&mut self) {
        let Some(byte) = self.bytes.get(self.at) else { return };
        if *byte == b'\n' || *byte == b'\r' && self.bytes.get(self.at + 1) != Some(&b'\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn line_end(&mut self) {
        let is_crlf = self.bytes[self.at] == b'\r' && self.bytes.get(self.at + 1) == Some(&b'\n');
        self.at += 1 + usize::from(is_crlf);
        self.line += 1;
    }
}

/// The pieces of a cell between what only marks.
#[derive(Default)]
struct Parts<'t>(Vec<&'t str>);

impl<'t> Parts<'t> {
    fn text(self) -> Cow<'t, str> {
        let mut filled = self.0.iter().filter(|part| !part.is_empty());
        match (filled.next(), filled.next()) {
            (None, _) => Cow::Borrowed(""),
            (Some(one), None) => Cow::Borrowed(one),
            _ => Cow::Owned(self.0.concat()),
        }
    }
}
