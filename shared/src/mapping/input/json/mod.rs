//! JSON as rows: one object, or an array of them, at the top or at a JSON pointer. A cell is the text of
//! a member that the mapping names, numbers as they are written.
//!
//! The file streams: no more than one record is held. What is around the records is checked as well,
//! to the end of the file. Where it is not JSON, nothing behind that place can be trusted.

mod lexer;
pub(super) mod lines;
mod members;

use std::io::{self, BufReader, Read};

use lexer::{Kept, Lexer, MAX_DEPTH, Stop};
use members::{Members, tokens, too_long};

use super::{
    Opened, Rows,
    decode::Utf8Reader,
    raw_record::{MAX_RECORD_BYTES, RawRecord},
};
use crate::mapping::compile::Repeated;
use crate::mapping::encoding::Encoding;
use crate::mapping::file_error::FileError;

type Source<R> = BufReader<Utf8Reader<R>>;

struct JsonRows<'r, R> {
    lexer: Lexer<Source<R>>,
    /// What is open around the records, from the outermost.
    around: Vec<Around>,
    at: At,
    members: Members<'r>,
    kept: Kept,
}

/// An array, or an object with the name of the member that holds the records.
enum Around {
    Array,
    Object(String),
}

#[derive(Clone, Copy)]
enum At {
    /// The one object that there is.
    Object,
    ArrayStart,
    ArrayItem,
    End,
}

/// Reads as far as the records.
pub(super) fn open<'r, R: Read + 'r>(
    records: Option<&str>,
    named: &[String],
    lists: &'r [Repeated],
    reader: R,
) -> Result<Opened<'r>, FileError> {
    let mut rows = JsonRows {
        lexer: Lexer::new(utf8(reader)),
        around: Vec::new(),
        at: At::End,
        members: Members::new(named, lists),
        kept: Kept::up_to(MAX_RECORD_BYTES),
    };
    for token in records.map(tokens).unwrap_or_default() {
        if !rows.enter(&token)? {
            let place = records.unwrap_or_default();
            return Err(FileError::NoRecords(format!("it has nothing at {place}")));
        }
    }
    rows.at = match rows.lexer.token()? {
        Some(b'[') => {
            rows.lexer.take();
            At::ArrayStart
        }
        Some(b'{') => At::Object,
        Some(_) => return Err(neither(&rows.lexer)),
        None => rows.lexer.malformed("it ends before there is a value")?,
    };
    Ok(Opened { rows: Box::new(rows), columns: Some(named.to_vec()) })
}

fn utf8<R: Read>(reader: R) -> Source<R> {
    BufReader::with_capacity(64 * 1024, Utf8Reader::new(reader, Encoding::utf_8()))
}

fn neither<R: Read>(lexer: &Lexer<Source<R>>) -> FileError {
    let (line, column) = (lexer.bytes.line, lexer.bytes.column);
    FileError::NotJson(format!(
        "what is on line {line}, column {column}, is neither an object nor an array of objects"
    ))
}

impl<R: Read> JsonRows<'_, R> {
    /// Goes to a member or an item of the next value; false where it has none such.
    fn enter(&mut self, token: &str) -> Result<bool, Stop> {
        match self.lexer.token()? {
            Some(b'{') => {
                self.lexer.take();
                if self.lexer.token()? == Some(b'}') {
                    return Ok(false);
                }
                while self.name()? != token {
                    if !self.skip(b'}')? {
                        return Ok(false);
                    }
                }
                self.around.push(Around::Object(token.to_owned()));
            }
            Some(b'[') => {
                self.lexer.take();
                let Ok(index) = token.parse::<u64>() else { return Ok(false) };
                if self.lexer.token()? == Some(b']') {
                    return Ok(false);
                }
                for _ in 0..index {
                    if !self.skip(b']')? {
                        return Ok(false);
                    }
                }
                self.around.push(Around::Array);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads a member's name.
    fn name(&mut self) -> Result<String, Stop> {
        self.kept.clear();
        self.lexer.name(&mut self.kept)?;
        match self.kept.bytes.strip_suffix(b":").map(serde_json::from_slice) {
            Some(Ok(name)) => Ok(name),
            _ => self.lexer.malformed("the name of a member cannot be read, before the ':'"),
        }
    }

    /// Reads over a value; true where another follows, false before what closes.
    fn skip(&mut self, close: u8) -> Result<bool, Stop> {
        self.lexer.value(&mut Kept::up_to(0))?;
        self.follows(close)
    }

    /// Reads a comma; false before what closes.
    fn follows(&mut self, close: u8) -> Result<bool, Stop> {
        match self.lexer.token()? {
            Some(b',') => {
                self.lexer.take();
                Ok(true)
            }
            Some(byte) if byte == close => Ok(false),
            Some(_) => self.lexer.malformed(format!("there is neither ',' nor {:?}", char::from(close))),
            None => self.lexer.malformed("the end is in the middle of it"),
        }
    }

    /// Goes to the next record; false behind the last.
    fn find(&mut self) -> Result<bool, FileError> {
        let at = self.at;
        match at {
            At::End => return Ok(false),
            At::Object => {}
            At::ArrayStart if self.lexer.token()? == Some(b']') => return self.end_array(),
            At::ArrayItem if !self.follows(b']')? => return self.end_array(),
            At::ArrayStart | At::ArrayItem => {}
        }
        match self.lexer.token()? {
            Some(b'{') => Ok(true),
            Some(b'}' | b']' | b',' | b':') | None => Ok(self.lexer.malformed("there is no value")?),
            Some(_) => Err(neither(&self.lexer)),
        }
    }

    fn end_array(&mut self) -> Result<bool, FileError> {
        self.lexer.take();
        self.end()?;
        Ok(false)
    }

    /// Reads what is behind the records, to the end of the file.
    fn end(&mut self) -> Result<(), Stop> {
        self.at = At::End;
        while let Some(around) = self.around.pop() {
            let close = if matches!(around, Around::Array) { b']' } else { b'}' };
            while self.follows(close)? {
                if let Around::Object(token) = &around
                    && self.name()? == *token
                {
                    return self.lexer.malformed(format!("there is a second member {token:?}"));
                }
                self.lexer.value(&mut Kept::up_to(0))?;
            }
            self.lexer.take();
        }
        match self.lexer.token()? {
            None => Ok(()),
            Some(_) => self.lexer.malformed("there is more behind the end"),
        }
    }

    fn next(&mut self, row: &mut RawRecord) -> Result<bool, FileError> {
        row.clear();
        if !self.find()? {
            return Ok(false);
        }
        row.line = self.lexer.bytes.line;
        self.kept.clear();
        self.lexer.value(&mut self.kept)?;
        row.last_line = self.lexer.bytes.line;
        if self.kept.is_over {
            too_long(row);
        } else {
            self.members.fill(&self.kept.bytes, row);
        }
        match self.at {
            At::Object => self.end()?,
            _ => self.at = At::ArrayItem,
        }
        Ok(true)
    }
}

impl<R: Read> Rows for JsonRows<'_, R> {
    fn read(&mut self, row: &mut RawRecord) -> io::Result<bool> {
        self.next(row).map_err(FileError::into_io)
    }
}

/// Whether a JSON pointer goes no deeper than JSON is read.
pub(in crate::mapping) fn is_pointer(text: &str) -> bool {
    let is_escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    text.starts_with('/') && is_escaped && tokens(text).len() <= MAX_DEPTH
}
