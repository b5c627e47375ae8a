//! XML as rows: an element that the mapping's path leads to is a record, and a cell is the text of an
//! element or attribute that a path from there leads to.
//!
//! The file streams: what is held is one record, and what came before it that columns name. An
//! element's text is all text within it, also that of elements within, with nothing trimmed; line ends
//! are LF, as XML has it. Comments and processing instructions count for nothing.
//!
//! Deliberately absent: document type declarations with anything in them. No entity is expanded but the
//! five of XML itself, nothing outside of the file is read, and nothing is validated against a schema.
//! Markup and texts of over 1 MiB fail the file; so do malformed bytes, as XML demands.

pub(in crate::mapping) mod beginning;
mod columns;
mod declared;
mod matching;
pub(in crate::mapping) mod path;
pub(in crate::mapping) mod saft;
mod totals;
mod tree;

use std::io::{self, BufReader, Read};

use quick_xml::{NsReader, events::Event};

use super::{
    Opened, Rows,
    counted::Counted,
    decode::Utf8Reader,
    raw_record::{MAX_RECORD_BYTES, RawRecord},
};
use crate::mapping::compile::{CompiledXml, Repeated};
use crate::mapping::file_error::FileError;
use declared::Undecoded;
use matching::Matching;

type Source<R> = Counted<BufReader<Utf8Reader<Undecoded<R>>>>;

struct XmlRows<R> {
    reader: NsReader<Source<R>>,
    buffer: Vec<u8>,
    matching: Matching,
    /// The first record, read to see whether there is any.
    pending: Option<RawRecord>,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Nothing was read.
    Start,
    /// Before the root.
    Prolog,
    Root,
    Behind,
    End,
}

/// Reads as far as the first record.
pub(super) fn open<'r, R: Read + 'r>(
    settings: &CompiledXml,
    named: &[String],
    lists: &[Repeated],
    reader: R,
) -> Result<Opened<'r>, FileError> {
    let (encoding, reader) = declared::encoding(reader, settings.encoding)?;
    let source = BufReader::with_capacity(64 * 1024, Utf8Reader::new(reader, encoding));
    let mut reader = NsReader::from_reader(Counted::new(source));
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_comments = true;
    let matching = Matching::new(settings, named, lists);
    let mut rows = XmlRows { reader, buffer: Vec::new(), matching, pending: None, state: State::Start };
    let mut first = RawRecord::default();
    if rows.next(&mut first)? {
        rows.pending = Some(first);
    }
    // Where not even what holds records is there, the file does not say that there are none.
    let says_so = rows.pending.is_some() || rows.matching.has_parent;
    Ok(Opened { rows: Box::new(rows), columns: says_so.then(|| named.to_vec()) })
}

impl<R: Read> XmlRows<R> {
    fn next(&mut self, row: &mut RawRecord) -> Result<bool, FileError> {
        row.clear();
        row.with_lists(self.matching.lists());
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut got = Ok(None);
        while let Ok(None) = got {
            buffer.clear();
            got = self.event(&mut buffer, row);
        }
        self.buffer = buffer;
        got.map(|got| got == Some(true))
    }

    /// Reads one event: true at the end of a record, false at that of the file.
    fn event(&mut self, buffer: &mut Vec<u8>, row: &mut RawRecord) -> Result<Option<bool>, FileError> {
        if self.state == State::End {
            return Ok(Some(false));
        }
        let (line, start) = (self.reader.get_mut().line, self.reader.buffer_position());
        self.reader.get_mut().allow(MAX_RECORD_BYTES);
        let malformed = |what: &str| Err(FileError::NotXml { line, what: what.to_owned() });
        let event = match self.reader.read_event_into(buffer) {
            Ok(event) => event,
            Err(error) => return Err(failed(self.reader.get_mut(), &error)),
        };
        self.matching.grow(self.reader.buffer_position());
        match event {
            Event::Start(element) => {
                if self.state == State::Behind {
                    return malformed("there is a second root");
                }
                self.state = State::Root;
                self.matching.begin(&element, self.reader.resolver(), line, start)?;
            }
            Event::End(_) => {
                let is_record = self.matching.end(row)?;
                if self.matching.is_outside() {
                    self.state = State::Behind;
                }
                if is_record {
                    row.last_line = self.reader.get_mut().line;
                    self.matching.fill(row);
                    return Ok(Some(true));
                }
            }
            Event::Text(text) if self.state == State::Root => {
                self.matching.text(&text.xml10_content(), line)?;
            }
            Event::Text(text) if text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) => {}
            Event::CData(text) if self.state == State::Root => {
                self.matching.text(&text.xml10_content(), line)?;
            }
            Event::GeneralRef(reference) if self.state == State::Root => {
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Some(character),
                    Ok(None) => predefined(&reference),
                    Err(_) => None,
                };
                let Some(character) = character else {
                    let name = &*reference;
                    return malformed(&format!("&{name}; is no character and no entity of XML itself"));
                };
                self.matching.text(character.encode_utf8(&mut [0; 4]), line)?;
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                return malformed("there is text outside of the root");
            }
            Event::Decl(_) if self.state == State::Start => {}
            Event::Decl(_) => return malformed("there is an XML declaration that is not at the beginning"),
            Event::DocType(_) if self.state == State::Root || self.state == State::Behind => {
                return malformed("there is a document type that is not before the root");
            }
            Event::DocType(text) if text.contains('[') => {
                return malformed(
                    "there is a document type with declarations, which are not read: send the file without",
                );
            }
            Event::DocType(_) | Event::Comment(_) | Event::PI(_) => {}
            // The reader is told to make it a begin and an end.
            Event::Empty(_) => return malformed("an element without content was not told apart"),
            Event::Eof => return self.end(line).map(Some),
        }
        if self.state == State::Start {
            self.state = State::Prolog;
        }
        Ok(None)
    }

    fn end(&mut self, line: u64) -> Result<bool, FileError> {
        match self.state {
            State::Root => {
                let what = "the file ends before its root does".into();
                return Err(FileError::NotXml { line, what });
            }
            State::Prolog => {
                return Err(FileError::NotXml { line, what: "there is no root".into() });
            }
            State::Behind => self.matching.check_totals()?,
            State::Start | State::End => {}
        }
        self.state = State::End;
        Ok(false)
    }
}

impl<R: Read> Rows for XmlRows<R> {
    fn read(&mut self, row: &mut RawRecord) -> io::Result<bool> {
        match self.pending.take() {
            Some(first) => {
                *row = first;
                Ok(true)
            }
            None => self.next(row).map_err(FileError::into_io),
        }
    }
}

/// Says why reading failed: the reader, a limit, or what was read.
fn failed<R>(source: &mut Counted<R>, error: &quick_xml::Error) -> FileError {
    if let Some(error) = source.failure.take() {
        return error.into();
    }
    let what = match error {
        _ if source.is_exhausted => format!("markup or a text is over {MAX_RECORD_BYTES} bytes"),
        quick_xml::Error::Encoding(_) => "the bytes are malformed in the file's encoding".into(),
        other => other.to_string(),
    };
    FileError::NotXml { line: source.line, what }
}

fn predefined(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    }
}
