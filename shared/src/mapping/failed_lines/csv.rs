//! CSV: the header, and the records on some lines, with one more column.

use std::io::{self, BufWriter, Read, Write};

use super::{
    Copied, FailedRecord, REASON_COLUMN,
    units::{Pieces, Units, units},
};
use crate::mapping::{compile::CompiledCsv, outcome::Reason};

const CR: u16 = b'\r' as u16;
const LF: u16 = b'\n' as u16;

/// Says whether there is a column for reasons: not without a header, nor where its name could not be written.
pub(super) fn has_reasons(csv: &CompiledCsv) -> bool {
    let is_bare = csv.delimiter != b'_' && !csv.delimiter.is_ascii_alphanumeric();
    csv.has_header && (csv.quote.is_some() || is_bare)
}

/// Copies the header and the records.
pub(super) fn copy(
    csv: &CompiledCsv,
    reader: impl Read,
    failed: impl Iterator<Item = io::Result<FailedRecord>>,
    writer: impl Write,
) -> io::Result<Copied> {
    let form = Units::of(csv.encoding);
    let mut pieces = Pieces::new(reader, form);
    let mut copier = Copier::new(csv, form, failed, BufWriter::new(writer));
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

/// As the scanner's states.
#[derive(Clone, Copy, PartialEq)]
enum State {
    RecordStart,
    FieldStart,
    Unquoted,
    Quoted,
    QuoteInQuoted,
}

/// What becomes of the record under way.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    PassedOver,
    /// It names the columns: kept until its end, when it is known which of them is dropped.
    Header,
    /// Copied, with its reason where there is a column for it.
    Copied,
    /// Copied as it is, since where its fields end is not known.
    CopiedRaw,
}

struct Copier<'c, F, W: Write> {
    csv: &'c CompiledCsv,
    form: Units,
    delimiter: u16,
    quote: Option<u16>,
    failed: F,
    next: Option<FailedRecord>,
    out: BufWriter<W>,
    copied: Copied,
    state: State,
    fate: Fate,
    /// The line of the next unit.
    line: u64,
    after_cr: bool,
    /// Whether an LF would belong to the record that a CR has just ended.
    lf_is_copied: bool,
    /// The field under way, from 0.
    field: usize,
    /// The column of reasons that came in.
    dropped: Option<usize>,
    /// Fields of the record that are in the copy.
    fields_copied: usize,
    header: Vec<u8>,
    /// Where each of its fields ends.
    header_ends: Vec<usize>,
    has_header: bool,
    /// Whether the file ends within a unit: nothing can stand behind that.
    is_cut_off: bool,
}

impl<'c, F: Iterator<Item = io::Result<FailedRecord>>, W: Write> Copier<'c, F, W> {
    fn new(csv: &'c CompiledCsv, form: Units, failed: F, out: BufWriter<W>) -> Self {
        Self {
            csv,
            form,
            delimiter: csv.delimiter.into(),
            quote: csv.quote.map(u16::from),
            failed,
            next: None,
            out,
            copied: Copied::default(),
            state: State::RecordStart,
            fate: Fate::PassedOver,
            line: 1,
            after_cr: false,
            lf_is_copied: false,
            field: 0,
            dropped: None,
            fields_copied: 0,
            header: Vec::new(),
            header_ends: Vec::new(),
            has_header: csv.has_header,
            is_cut_off: false,
        }
    }

    fn next_failed(&mut self) -> io::Result<()> {
        self.next = self.failed.next().transpose()?;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.next.is_none() && self.state == State::RecordStart && !self.lf_is_copied && !self.has_header
    }

    /// Takes the next unit, by the scanner's rules.
    fn unit(&mut self, value: u16, raw: &[u8]) -> io::Result<()> {
        self.is_cut_off = raw.len() < self.form.width();
        let ends_line = value == CR || value == LF;
        if self.state == State::RecordStart {
            if ends_line {
                if value == LF && self.after_cr && self.lf_is_copied {
                    self.out.write_all(raw)?;
                }
                self.lf_is_copied = false;
                self.count_line_end(value);
                return Ok(());
            }
            self.lf_is_copied = false;
            self.begin()?;
            self.state = State::FieldStart;
        }
        match self.state {
            State::FieldStart if Some(value) == self.quote => self.state = State::Quoted,
            State::QuoteInQuoted if Some(value) == self.quote => self.state = State::Quoted,
            State::Quoted => {
                if Some(value) == self.quote {
                    self.state = State::QuoteInQuoted;
                }
            }
            _ if value == self.delimiter => {
                self.state = State::FieldStart;
                return self.delimit(raw);
            }
            _ if ends_line => {
                self.state = State::RecordStart;
                self.end(true, raw)?;
                self.count_line_end(value);
                return Ok(());
            }
            _ => self.state = State::Unquoted,
        }
        match ends_line {
            true => self.count_line_end(value),
            false => self.after_cr = false,
        }
        self.content(raw)
    }

    fn count_line_end(&mut self, value: u16) {
        self.line += u64::from(!(value == LF && self.after_cr));
        self.after_cr = value == CR;
    }

    fn begin(&mut self) -> io::Result<()> {
        self.after_cr = false;
        (self.field, self.fields_copied) = (0, 0);
        if std::mem::take(&mut self.has_header) {
            self.fate = Fate::Header;
            return Ok(());
        }
        while self.next.as_ref().is_some_and(|next| next.line < self.line) {
            self.copied.missing += 1;
            self.next_failed()?;
        }
        self.fate = match &self.next {
            Some(next) if next.line == self.line => {
                let is_open = next.reason == Reason::UnclosedQuote.as_str();
                if is_open { Fate::CopiedRaw } else { Fate::Copied }
            }
            _ => Fate::PassedOver,
        };
        self.fields_copied = usize::from(self.dropped != Some(0));
        Ok(())
    }

    fn content(&mut self, raw: &[u8]) -> io::Result<()> {
        match self.fate {
            Fate::PassedOver => Ok(()),
            Fate::Header => {
                self.header.extend_from_slice(raw);
                Ok(())
            }
            Fate::Copied if self.dropped == Some(self.field) => Ok(()),
            Fate::Copied | Fate::CopiedRaw => self.out.write_all(raw),
        }
    }

    fn delimit(&mut self, raw: &[u8]) -> io::Result<()> {
        self.after_cr = false;
        self.field += 1;
        match self.fate {
            Fate::PassedOver => Ok(()),
            Fate::Header => {
                self.header_ends.push(self.header.len());
                Ok(())
            }
            Fate::Copied if self.dropped == Some(self.field) => Ok(()),
            Fate::Copied => {
                self.fields_copied += 1;
                if self.fields_copied > 1 { self.out.write_all(raw) } else { Ok(()) }
            }
            Fate::CopiedRaw => self.out.write_all(raw),
        }
    }

    /// Ends the record. At the end of the file `raw` is empty, and a field may still be open.
    fn end(&mut self, is_closed: bool, raw: &[u8]) -> io::Result<()> {
        match self.fate {
            Fate::PassedOver => return Ok(()),
            Fate::Header => self.end_header()?,
            Fate::Copied | Fate::CopiedRaw => {
                if let Some(record) = self.next.take()
                    && is_closed
                    && self.fate == Fate::Copied
                {
                    self.reason(&record.reason)?;
                }
                self.copied.records += 1;
                self.next_failed()?;
            }
        }
        self.out.write_all(raw)?;
        self.lf_is_copied = !raw.is_empty();
        Ok(())
    }

    /// Writes the header without an earlier column of reasons, and with this one.
    fn end_header(&mut self) -> io::Result<()> {
        self.header_ends.push(self.header.len());
        let header = std::mem::take(&mut self.header);
        let starts = std::iter::once(0).chain(self.header_ends.iter().copied());
        let fields: Vec<&[u8]> = starts.zip(&self.header_ends).map(|(from, to)| &header[from..*to]).collect();
        if has_reasons(self.csv) {
            let in_bytes = |text: String| {
                let mut bytes = Vec::new();
                self.form.write(&text, &mut bytes);
                bytes
            };
            let quoted = self.csv.quote.map(char::from).map(|q| format!("{q}{REASON_COLUMN}{q}"));
            let names: Vec<_> =
                [Some(REASON_COLUMN.into()), quoted].into_iter().flatten().map(in_bytes).collect();
            self.dropped = fields.iter().position(|field| names.iter().any(|name| name == field));
        }
        let mut delimiter = Vec::new();
        self.form.write(char::from(self.csv.delimiter).encode_utf8(&mut [0; 4]), &mut delimiter);
        let kept: Vec<&[u8]> =
            fields.iter().enumerate().filter(|(at, _)| Some(*at) != self.dropped).map(|(_, f)| *f).collect();
        self.out.write_all(&kept.join(&delimiter[..]))?;
        self.fields_copied = kept.len();
        self.reason(REASON_COLUMN)
    }

    /// Writes a cell of the column of reasons, where there is one.
    fn reason(&mut self, text: &str) -> io::Result<()> {
        if !has_reasons(self.csv) {
            return Ok(());
        }
        let mut cell = String::new();
        if self.fields_copied > 0 {
            cell.push(self.csv.delimiter.into());
        }
        match self.csv.quote.map(char::from) {
            Some(quote) if text.contains([self.csv.delimiter.into(), quote]) => {
                cell.push(quote);
                cell.push_str(&text.replace(quote, &format!("{quote}{quote}")));
                cell.push(quote);
            }
            _ => cell.push_str(text),
        }
        let mut bytes = Vec::new();
        self.form.write(&cell, &mut bytes);
        self.out.write_all(&bytes)
    }

    fn finish(mut self) -> io::Result<Copied> {
        if self.state != State::RecordStart {
            self.end(self.state != State::Quoted && !self.is_cut_off, &[])?;
        }
        while self.next.is_some() {
            self.copied.missing += 1;
            self.next_failed()?;
        }
        self.out.flush()?;
        Ok(self.copied)
    }
}
