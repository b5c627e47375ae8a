//! XML, one event after another, in bounded memory.
//!
//! Names are looked at without their prefix. There are no entities but those of XML itself, so none can be made to grow.

use std::{
    cell::Cell,
    io::{self, BufReader, Read},
    rc::Rc,
};

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::error::WorkbookError;

/// Most bytes of one tag, text or comment.
const MOST_AT_ONCE: u64 = 4 * 1024 * 1024;

/// Deepest nesting.
const MOST_DEPTH: usize = 100;

/// Longest text of a cell that is put together, in bytes; a record of it is too long.
pub(super) const MOST_TEXT: usize = 1024 * 1024 + 1;

/// A part that is being read.
pub(super) struct Xml<R> {
    reader: Reader<BufReader<Limited<R>>>,
    buffer: Vec<u8>,
    limits: Rc<Limits>,
    depth: usize,
}

/// What may still be read: of the event at hand, and of the part.
struct Limits {
    event: Cell<u64>,
    part: Cell<u64>,
    is_over: Cell<bool>,
}

struct Limited<R> {
    inner: R,
    limits: Rc<Limits>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        for left in [&self.limits.event, &self.limits.part] {
            match left.get().checked_sub(read as u64) {
                Some(rest) => left.set(rest),
                None => {
                    self.limits.is_over.set(true);
                    return Err(io::Error::other("there is too much of it"));
                }
            }
        }
        Ok(read)
    }
}

impl<R: Read> Xml<R> {
    pub(super) fn new(inner: R, most_bytes: u64) -> Self {
        let limits = Rc::new(Limits {
            event: Cell::new(MOST_AT_ONCE),
            part: Cell::new(most_bytes),
            is_over: Cell::new(false),
        });
        let limited = Limited { inner, limits: limits.clone() };
        let mut reader = Reader::from_reader(BufReader::with_capacity(64 * 1024, limited));
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), limits, depth: 0 }
    }

    /// Reads on; answers how deep the element is that begins, ends, or is around it. None at the end.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Event<'_>)>, WorkbookError> {
        self.buffer.clear();
        self.limits.event.set(MOST_AT_ONCE);
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(_) if self.limits.is_over.get() => {
                return Err(WorkbookError::TooLarge("a part of it unpacks to too much".into()));
            }
            Err(error) => return Err(damaged(error)),
        };
        let mut depth = self.depth;
        match &event {
            Event::Start(_) => {
                self.depth += 1;
                depth += 1;
            }
            // That of the element which ends.
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::Eof if self.depth > 0 => {
                return Err(WorkbookError::Damaged("a part of it ends too early".into()));
            }
            Event::Eof => return Ok(None),
            Event::DocType(_) => return Err(WorkbookError::Damaged("it declares entities".into())),
            _ => {}
        }
        if self.depth > MOST_DEPTH {
            return Err(WorkbookError::Damaged("it is nested too deep".into()));
        }
        Ok(Some((depth, event)))
    }

    /// How deep the element is that was begun last.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Appends the text of the element that was begun last, and of all in it, up to its end.
    pub(super) fn push_text(&mut self, out: &mut String) -> Result<(), WorkbookError> {
        let outer = self.depth;
        while let Some((depth, event)) = self.next()? {
            match event {
                Event::End(_) if depth == outer => break,
                event => push(&event, out)?,
            }
        }
        Ok(())
    }

    /// Passes over the element that was begun last, up to its end.
    pub(super) fn skip(&mut self) -> Result<(), WorkbookError> {
        let outer = self.depth;
        while let Some((depth, event)) = self.next()? {
            if depth == outer && matches!(event, Event::End(_)) {
                break;
            }
        }
        Ok(())
    }
}

/// Appends the text of an event, as far as a record can hold it.
pub(super) fn push(event: &Event<'_>, out: &mut String) -> Result<(), WorkbookError> {
    if out.len() >= MOST_TEXT {
        return Ok(());
    }
    match event {
        Event::Text(text) => out.push_str(&text.xml10_content()),
        Event::CData(text) => out.push_str(&text.xml10_content()),
        Event::GeneralRef(reference) => {
            let character = match reference.resolve_char_ref().map_err(damaged)? {
                Some(character) => character,
                None => match reference.xml10_content().as_ref() {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    "apos" => '\'',
                    other => {
                        return Err(WorkbookError::Damaged(format!("it has the unknown entity {other:?}")));
                    }
                },
            };
            out.push(character);
        }
        _ => {}
    }
    Ok(())
}

/// An attribute of an element, by its name without prefix.
pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> Result<Option<String>, WorkbookError> {
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|e| WorkbookError::Damaged(e.to_string()))?;
        if attribute.key.local_name().as_ref() == name {
            let value = attribute.normalized_value(XmlVersion::default()).map_err(damaged)?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

/// An attribute that is a number.
pub(super) fn number(start: &BytesStart<'_>, name: &str) -> Result<Option<u32>, WorkbookError> {
    let Some(value) = attribute(start, name)? else { return Ok(None) };
    let number = value.trim().parse();
    number.map(Some).map_err(|_| WorkbookError::Damaged(format!("{name} is {value:?}, and no number")))
}

fn damaged(error: quick_xml::Error) -> WorkbookError {
    WorkbookError::Damaged(error.to_string())
}
