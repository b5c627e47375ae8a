//! CSV: what stands before the records, and the records on some lines, with the reason of each.

use std::io::{self, BufWriter, Read, Write};

use super::{
    Copied, FailedRecord, REASON_COLUMN,
    units::{Pieces, Units, units},
};
use crate::mapping::{
    Utf8Reader,
    compile::CompiledCsv,
    document::Ragged,
    input::{raw_record::RawRecord, scan::Scanner},
    outcome::Reason,
};

const CR: u32 = b'\r' as u32;
const LF: u32 = b'\n' as u32;

/// Says whether there is a column for reasons: not without a header, nor where its name could not be written.
pub(super) fn has_reasons(csv: &CompiledCsv) -> bool {
    let marks = csv.marks;
    let is_bare = |mark: u8| mark != b'_' && !mark.is_ascii_alphanumeric();
    csv.has_header && marks.escape.is_none_or(is_bare) && (marks.quote.is_some() || is_bare(marks.delimiter))
}

/// Copies the lines before the header, the header and the records.
pub(super) fn copy(
    csv: &CompiledCsv,
    cr_ends_lines: bool,
    reader: impl Read,
    failed: impl Iterator<Item = io::Result<FailedRecord>>,
    writer: impl Write,
) -> io::Result<Copied> {
    let form = Units::of(csv.encoding);
    let mut pieces = Pieces::new(reader, form);
    let mut copier = Copier::new(csv, cr_ends_lines, form, failed, BufWriter::new(writer));
    if let Some(mark) = csv.encoding.byte_order_mark()
        && pieces.take_mark(mark)?
    {
        copier.out.write_all(mark)?;
    }
    copier.next_failed()?;
    'file: while let Some(piece) = pieces.next()? {
        for (value, raw) in units(piece, form) {
            if copier.is_done() {
                break 'file;
            }
            copier.unit(value, raw)?;
        }
    }
    copier.finish()
}

/// The scanner's states, and those of lines that are passed over.
#[derive(Clone, Copy, PartialEq)]
enum State {
    /// In one of so many lines before the header.
    Title(u32),
    Comment,
    RecordStart,
    FieldStart,
    Unquoted,
    Quoted,
    QuoteInQuoted,
    Escaped {
        is_quoted: bool,
    },
}

/// What becomes of the record under way.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    PassedOver,
    /// It names the columns: kept until its end, when they are known.
    Header,
    /// Copied, with its reason; where the mapping makes records as wide as the header, made so.
    Copied {
        is_padded: bool,
    },
    /// Copied as it is.
    CopiedRaw,
}

struct Copier<'c, F, W: Write> {
    csv: &'c CompiledCsv,
    cr_ends_lines: bool,
    form: Units,
    failed: F,
    next: Option<FailedRecord>,
    out: BufWriter<W>,
    copied: Copied,
    state: State,
    fate: Fate,
    /// The line of the next unit.
    line: u64,
    after_cr: bool,
    /// Whether an LF would belong to what a CR has just ended.
    lf_is_copied: bool,
    /// Whether the file ends within a unit, a quote or behind an escape: nothing can stand behind that.
    is_cut_off: bool,
    /// The field under way, from 0.
    field: usize,
    has_reason: bool,
    header: Option<Vec<u8>>,
    /// Fields of the header as it came.
    width: usize,
    /// The column of reasons that came in, if one did: its cells are replaced where they are.
    column: Option<usize>,
}

impl<'c, F: Iterator<Item = io::Result<FailedRecord>>, W: Write> Copier<'c, F, W> {
    fn new(csv: &'c CompiledCsv, cr_ends_lines: bool, form: Units, failed: F, out: BufWriter<W>) -> Self {
        Self {
            csv,
            cr_ends_lines,
            form,
            failed,
            next: None,
            out,
            copied: Copied::default(),
            state: match csv.skip_lines {
                0 => State::RecordStart,
                lines => State::Title(lines),
            },
            fate: Fate::PassedOver,
            line: 1,
            after_cr: false,
            lf_is_copied: false,
            is_cut_off: false,
            field: 0,
            has_reason: false,
            header: csv.has_header.then(Vec::new),
            width: 0,
            column: None,
        }
    }

    fn next_failed(&mut self) -> io::Result<()> {
        self.next = self.failed.next().transpose()?;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.next.is_none()
            && self.state == State::RecordStart
            && !(self.lf_is_copied && self.after_cr)
            && self.header.is_none()
    }

    /// Takes the next unit, by the scanner's rules.
    fn unit(&mut self, value: u32, raw: &[u8]) -> io::Result<()> {
        self.is_cut_off = raw.len() < self.form.width;
        let is = |mark: Option<u8>| mark.map(u32::from) == Some(value);
        let marks = self.csv.marks;
        let ends_line = self.ends_line(value);
        if value == LF && self.after_cr && matches!(self.state, State::RecordStart | State::Title(_)) {
            // The other half of the line end before.
            self.after_cr = false;
            return if self.lf_is_copied { self.out.write_all(raw) } else { Ok(()) };
        }
        match self.state {
            State::Title(left) => {
                self.out.write_all(raw)?;
                self.count(value);
                if ends_line {
                    self.lf_is_copied = true;
                    self.state = if left > 1 { State::Title(left - 1) } else { State::RecordStart };
                }
                return Ok(());
            }
            State::Comment => {
                self.count(value);
                if ends_line {
                    self.state = State::RecordStart;
                }
                return Ok(());
            }
            State::RecordStart => {
                self.lf_is_copied = false;
                if ends_line {
                    self.count(value);
                    return Ok(());
                }
                if is(marks.comment) {
                    self.after_cr = false;
                    self.state = State::Comment;
                    return Ok(());
                }
                self.begin()?;
                self.state = State::FieldStart;
            }
            _ => {}
        }
        match self.state {
            State::Escaped { is_quoted } => {
                self.state = if is_quoted { State::Quoted } else { State::Unquoted };
            }
            State::FieldStart | State::QuoteInQuoted if is(marks.quote) => self.state = State::Quoted,
            State::Quoted if is(marks.escape) => self.state = State::Escaped { is_quoted: true },
            State::Quoted if is(marks.quote) => self.state = State::QuoteInQuoted,
            State::Quoted => {}
            _ if is(Some(marks.delimiter)) => {
                self.state = State::FieldStart;
                self.after_cr = false;
                return self.delimit(raw);
            }
            _ if ends_line => {
                self.state = State::RecordStart;
                self.end(raw)?;
                self.count(value);
                return Ok(());
            }
            _ if is(marks.escape) => self.state = State::Escaped { is_quoted: false },
            _ => self.state = State::Unquoted,
        }
        self.count(value);
        self.content(raw)
    }

    /// Counts lines, the two units of a CRLF as one end.
    fn count(&mut self, value: u32) {
        let ends_line = self.ends_line(value);
        self.line += u64::from(ends_line && !(value == LF && self.after_cr));
        self.after_cr = ends_line && value == CR;
    }

    fn ends_line(&self, value: u32) -> bool {
        value == LF || (value == CR && self.cr_ends_lines)
    }

    fn begin(&mut self) -> io::Result<()> {
        self.after_cr = false;
        (self.field, self.has_reason) = (0, false);
        if self.header.is_some() {
            self.fate = Fate::Header;
            return Ok(());
        }
        while self.next.as_ref().is_some_and(|next| next.line < self.line) {
            self.copied.missing += 1;
            self.next_failed()?;
        }
        self.fate = match &self.next {
            Some(next) if next.line == self.line => self.fate_of(&next.reason),
            _ => Fate::PassedOver,
        };
        self.reason_in_place()
    }

    fn fate_of(&self, reason: &str) -> Fate {
        let is = |flaw: Reason| reason == flaw.as_str();
        if !has_reasons(self.csv) || is(Reason::UnclosedQuote) {
            return Fate::CopiedRaw;
        }
        // Of these it is not known which fields they have, or it is what is wrong with them.
        let is_unclear = is(Reason::RaggedLine) || is(Reason::StrayQuote) || is(Reason::RecordTooLong);
        Fate::Copied { is_padded: self.csv.ragged == Ragged::Pad && !is_unclear }
    }

    fn content(&mut self, raw: &[u8]) -> io::Result<()> {
        match self.fate {
            Fate::PassedOver => Ok(()),
            Fate::Header => {
                self.header.get_or_insert_default().extend_from_slice(raw);
                Ok(())
            }
            Fate::Copied { .. } if self.column == Some(self.field) => Ok(()),
            Fate::Copied { is_padded: true } if self.field >= self.width => Ok(()), // it is empty
            Fate::Copied { .. } | Fate::CopiedRaw => self.out.write_all(raw),
        }
    }

    fn delimit(&mut self, raw: &[u8]) -> io::Result<()> {
        self.field += 1;
        match self.fate {
            Fate::PassedOver => Ok(()),
            Fate::Header => {
                self.header.get_or_insert_default().extend_from_slice(raw);
                Ok(())
            }
            Fate::Copied { is_padded: true } if self.field >= self.width => Ok(()),
            Fate::Copied { .. } | Fate::CopiedRaw => {
                self.out.write_all(raw)?;
                self.reason_in_place()
            }
        }
    }

    /// Ends the record; at the end of the file `raw` is empty.
    fn end(&mut self, raw: &[u8]) -> io::Result<()> {
        match self.fate {
            Fate::PassedOver => return Ok(()),
            Fate::Header => {
                if !self.end_header()? {
                    return Ok(());
                }
            }
            Fate::Copied { is_padded } => {
                if !self.has_reason && !self.is_cut_off {
                    let wanted = if is_padded { self.column.unwrap_or(self.width) } else { 0 };
                    let missing = wanted.saturating_sub(self.field + 1);
                    self.delimiters(missing + 1)?;
                    self.reason()?;
                }
                self.copied.records += 1;
                self.next_failed()?;
            }
            Fate::CopiedRaw => {
                self.copied.records += 1;
                self.next_failed()?;
            }
        }
        self.out.write_all(raw)?;
        self.lf_is_copied = !raw.is_empty();
        Ok(())
    }

    /// Writes the header, with a column of reasons if it has none; false where it is a line that is no record.
    fn end_header(&mut self) -> io::Result<bool> {
        let header = self.header.take().unwrap_or_default();
        let mut record = RawRecord::default();
        Scanner::new(Utf8Reader::new(&header[..], self.csv.encoding), self.csv.marks).read(&mut record)?;
        let is_empty = |cell: &[u8]| cell.iter().all(|byte| *byte == b' ');
        if self.csv.skip_empty && record.cells().all(is_empty) {
            self.header = Some(Vec::new());
            return Ok(false);
        }
        self.width = record.width();
        self.column = record.cells().position(|cell| cell == REASON_COLUMN.as_bytes());
        self.out.write_all(&header)?;
        if has_reasons(self.csv) && self.column.is_none() {
            self.delimiters(1)?;
            self.cell(REASON_COLUMN)?;
        }
        Ok(true)
    }

    /// Writes the reason where the record has its column.
    fn reason_in_place(&mut self) -> io::Result<()> {
        let is_there = matches!(self.fate, Fate::Copied { .. }) && self.column == Some(self.field);
        if is_there { self.reason() } else { Ok(()) }
    }

    fn reason(&mut self) -> io::Result<()> {
        self.has_reason = true;
        let reason = self.next.as_ref().map(|next| next.reason.clone()).unwrap_or_default();
        self.cell(&reason)
    }

    fn delimiters(&mut self, count: usize) -> io::Result<()> {
        let text = String::from(char::from(self.csv.marks.delimiter)).repeat(count);
        self.ascii(&text)
    }

    fn cell(&mut self, text: &str) -> io::Result<()> {
        match self.csv.marks.quote.map(char::from) {
            Some(quote) if text.contains([self.csv.marks.delimiter.into(), quote]) => {
                self.ascii(&format!("{quote}{}{quote}", text.replace(quote, &format!("{quote}{quote}"))))
            }
            _ => self.ascii(text),
        }
    }

    fn ascii(&mut self, text: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        let encoded = self.csv.encoding.encode(text, &mut bytes);
        encoded.map_err(|c| io::Error::other(format!("the encoding of the file has no {c:?}")))?;
        self.out.write_all(&bytes)
    }

    fn finish(mut self) -> io::Result<Copied> {
        self.is_cut_off |= matches!(self.state, State::Quoted | State::Escaped { .. });
        if !matches!(self.state, State::RecordStart | State::Title(_) | State::Comment) {
            self.end(&[])?;
        }
        while self.next.is_some() {
            self.copied.missing += 1;
            self.next_failed()?;
        }
        self.out.flush()?;
        Ok(self.copied)
    }
}
