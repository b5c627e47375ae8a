//! Decodes a file from its stated encoding to UTF-8 as it is read, in bounded memory.
//!
//! A byte order mark of the stated encoding is taken off; one of another encoding is an error for
//! the file. A malformed sequence becomes the byte 0xFF, which no UTF-8 holds, so that the cell
//! around it fails later as its record's error: U+FFFD would pass for text. UTF-8 goes through
//! unchecked for the same reason. Nothing is detected: the encoding is stated.
//!
//! Source: Unicode 16, section 23.8 (byte order marks).

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult};
use thiserror::Error;

use super::encoding::{Encoding, Kind};

/// What stands for a malformed sequence; never part of valid UTF-8.
pub(super) const MALFORMED: u8 = 0xFF;

const INPUT_BYTES: usize = 64 * 1024;
/// Enough for any full input: a byte becomes at most three.
const OUTPUT_BYTES: usize = 3 * INPUT_BYTES + 16;

/// The file begins with a byte order mark of another encoding than the stated one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the file begins with a byte order mark of {found}, but the mapping states {stated}")]
pub struct WrongEncoding {
    /// The encoding that the mapping states.
    pub stated: String,
    /// The encoding whose mark was found.
    pub found: &'static str,
}

/// Reads UTF-8 out of a file in another encoding.
///
/// Its errors are those of the inner reader, and [`WrongEncoding`] within an [`io::Error`] of kind
/// `InvalidData`.
pub struct Utf8Reader<R> {
    reader: R,
    encoding: Encoding,
    begun: bool,
    ended: bool,
    input: Box<[u8]>,
    unread: std::ops::Range<usize>,
    decoder: Option<Decoder>,
    output: Vec<u8>,
    given: usize,
}

impl<R: Read> Utf8Reader<R> {
    /// Reads `reader`, which is in `encoding`.
    pub fn new(reader: R, encoding: Encoding) -> Self {
        let decoder = match encoding.0 {
            Kind::Other(other) => Some(other.new_decoder_without_bom_handling()),
            Kind::Utf8 | Kind::Latin1 => None,
        };
        let input = vec![0; INPUT_BYTES].into_boxed_slice();
        Self {
            reader,
            encoding,
            begun: false,
            ended: false,
            input,
            unread: 0..0,
            decoder,
            output: Vec::new(),
            given: 0,
        }
    }

    /// Reads until the longest byte order mark would be there, and takes one off.
    fn begin(&mut self) -> io::Result<()> {
        while self.unread.end < LONGEST_MARK && !self.ended {
            self.fill()?;
        }
        self.begun = true;
        let Some((name, mark)) =
            MARKS.iter().find(|(_, mark)| self.input[self.unread.clone()].starts_with(mark))
        else {
            return Ok(());
        };
        let stated = self.encoding.name();
        if stated != *name {
            return Err(io::Error::new(io::ErrorKind::InvalidData, WrongEncoding { stated, found: name }));
        }
        self.unread.start += mark.len();
        Ok(())
    }

    /// Appends one read to the input.
    fn fill(&mut self) -> io::Result<()> {
        let count = read_once(&mut self.reader, &mut self.input[self.unread.end..])?;
        self.unread.end += count;
        self.ended = count == 0;
        Ok(())
    }

    /// Decodes what is unread, or the end, into an empty output.
    fn decode(&mut self) {
        self.output.resize(OUTPUT_BYTES, 0);
        let unread = &self.input[self.unread.clone()];
        let (read, written) = match &mut self.decoder {
            Some(decoder) => decode_chunk(decoder, unread, &mut self.output, self.ended),
            None => encoding_rs::mem::convert_latin1_to_utf8_partial(unread, &mut self.output),
        };
        self.unread.start += read;
        self.output.truncate(written);
        self.given = 0;
        if self.ended && self.unread.is_empty() {
            self.decoder = None;
        }
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.begun {
            self.begin()?;
        }
        if buf.is_empty() {
            return Ok(0);
        }
        if self.encoding.0 == Kind::Utf8 {
            if self.unread.is_empty() && !self.ended {
                return read_once(&mut self.reader, buf);
            }
            let count = copy(&self.input[self.unread.clone()], buf);
            self.unread.start += count;
            return Ok(count);
        }
        while self.given == self.output.len() {
            if self.unread.is_empty() {
                if self.ended && self.decoder.is_none() {
                    return Ok(0);
                }
                if !self.ended {
                    self.unread = 0..0;
                    self.fill()?;
                }
            }
            self.decode();
        }
        let count = copy(&self.output[self.given..], buf);
        self.given += count;
        Ok(count)
    }
}

/// Decodes all of `input`; returns how much was read and written.
fn decode_chunk(decoder: &mut Decoder, input: &[u8], output: &mut [u8], is_last: bool) -> (usize, usize) {
    let (mut read, mut written) = (0, 0);
    loop {
        let (result, took, gave) =
            decoder.decode_to_utf8_without_replacement(&input[read..], &mut output[written..], is_last);
        (read, written) = (read + took, written + gave);
        match result {
            DecoderResult::Malformed(..) => {
                output[written] = MALFORMED;
                written += 1;
            }
            _ => return (read, written),
        }
    }
}

fn read_once(reader: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    to[..count].copy_from_slice(&from[..count]);
    count
}

const LONGEST_MARK: usize = 4;

/// UTF-32 comes first: its little-endian mark begins with that of UTF-16.
const MARKS: [(&str, &[u8]); 5] = [
    ("utf-32le", &[0xFF, 0xFE, 0, 0]),
    ("utf-32be", &[0, 0, 0xFE, 0xFF]),
    ("utf-8", &[0xEF, 0xBB, 0xBF]),
    ("utf-16le", &[0xFF, 0xFE]),
    ("utf-16be", &[0xFE, 0xFF]),
];
