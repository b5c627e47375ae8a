//! Decodes a file from its stated encoding to UTF-8 as it is read, in bounded memory.
//!
//! A byte order mark of the stated encoding is taken off; one of another encoding is an error for
//! the file. A malformed sequence becomes the byte 0xFF, which no UTF-8 holds, so that the cell
//! around it fails later as its record's error: U+FFFD would pass for text. UTF-8 goes through
//! unchecked for the same reason. Nothing is detected: the encoding is stated.
//!
//! Source: Unicode 16, section 23.8 (byte order marks).

use std::io::{self, Read};
use std::ops::Range;

use encoding_rs::{Decoder, DecoderResult};
use thiserror::Error;

use crate::mapping::{
    code_page::CodePage,
    encoding::{Encoding, Kind},
};

/// What stands for a malformed sequence; never part of valid UTF-8.
const MALFORMED: u8 = 0xFF;

const INPUT_BYTES: usize = 64 * 1024;
/// Enough for a full input: a byte becomes at most three, and a pending one is told as malformed.
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
    /// Whether the reader is at its end.
    ended: bool,
    input: Box<[u8]>,
    unread: Range<usize>,
    /// None where no state is kept between reads, and after the end.
    decoder: Option<Decoder>,
    output: Box<[u8]>,
    ready: Range<usize>,
}

impl<R: Read> Utf8Reader<R> {
    /// Reads `reader`, which is in `encoding`.
    pub fn new(reader: R, encoding: Encoding) -> Self {
        let (decoder, output_bytes) = match encoding.0 {
            Kind::Utf8 => (None, 0),
            Kind::Latin1 | Kind::Utf32 { .. } | Kind::Page(_) => (None, OUTPUT_BYTES),
            Kind::Other(other) => (Some(other.new_decoder_without_bom_handling()), OUTPUT_BYTES),
        };
        let input = vec![0; INPUT_BYTES].into_boxed_slice();
        let output = vec![0; output_bytes].into_boxed_slice();
        Self {
            reader,
            encoding,
            begun: false,
            ended: false,
            input,
            unread: 0..0,
            decoder,
            output,
            ready: 0..0,
        }
    }

    /// Reads until the longest byte order mark would be there, and takes one off.
    fn begin(&mut self) -> io::Result<()> {
        while self.unread.end < LONGEST_MARK && !self.ended {
            self.fill()?;
        }
        self.begun = true;
        let start = &self.input[self.unread.clone()];
        let Some((found, mark)) = MARKS.iter().find(|(_, mark)| start.starts_with(mark)) else {
            return Ok(());
        };
        let stated = self.encoding.name();
        if stated != *found {
            return Err(io::Error::new(io::ErrorKind::InvalidData, WrongEncoding { stated, found }));
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

    /// Decodes until something is ready; false at the end.
    fn decode(&mut self) -> io::Result<bool> {
        while self.ready.is_empty() {
            // Of UTF-32 there may be part of a character.
            if self.unread.len() < LONGEST_CHARACTER && !self.ended {
                self.input.copy_within(self.unread.clone(), 0);
                self.unread = 0..self.unread.len();
                self.fill()?;
            }
            let unread = &self.input[self.unread.clone()];
            let mut taken = unread.len();
            let written = match (&mut self.decoder, self.encoding.0) {
                (None, _) if unread.is_empty() => return Ok(false),
                (None, Kind::Utf32 { is_big_endian }) => {
                    taken -= if self.ended { 0 } else { taken % LONGEST_CHARACTER };
                    decode_utf_32(&unread[..taken], is_big_endian, &mut self.output)
                }
                (None, Kind::Page(page)) => decode_page(unread, page, &mut self.output),
                (None, _) => decode_latin_1(unread, &mut self.output),
                (Some(decoder), _) => decode_chunk(decoder, unread, &mut self.output, self.ended),
            };
            self.unread.start += taken;
            self.ready = 0..written;
            if self.ended {
                self.decoder = None;
            }
        }
        Ok(true)
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
        if self.encoding.0 != Kind::Utf8 {
            return if self.decode()? { Ok(give(&self.output, &mut self.ready, buf)) } else { Ok(0) };
        }
        if self.unread.is_empty() && !self.ended {
            return read_once(&mut self.reader, buf);
        }
        Ok(give(&self.input, &mut self.unread, buf))
    }
}

/// Decodes all of `input`; returns how much was written.
fn decode_chunk(decoder: &mut Decoder, input: &[u8], output: &mut [u8], is_last: bool) -> usize {
    let (mut read, mut written) = (0, 0);
    loop {
        let (result, took, gave) =
            decoder.decode_to_utf8_without_replacement(&input[read..], &mut output[written..], is_last);
        (read, written) = (read + took, written + gave);
        if !matches!(result, DecoderResult::Malformed(..)) {
            return written;
        }
        output[written] = MALFORMED;
        written += 1;
    }
}

/// Each byte is the character of its number. A library stops and begins anew at each that is not ASCII, which names have.
fn decode_latin_1(input: &[u8], output: &mut [u8]) -> usize {
    let mut written = 0;
    let (chunks, rest) = input.as_chunks::<16>();
    for chunk in chunks {
        if chunk.is_ascii() {
            output[written..written + chunk.len()].copy_from_slice(chunk);
            written += chunk.len();
        } else {
            written += put_latin_1(chunk, &mut output[written..]);
        }
    }
    written + put_latin_1(rest, &mut output[written..])
}

/// Writes bytes one by one, without asking which of them are two.
fn put_latin_1(input: &[u8], output: &mut [u8]) -> usize {
    let mut written = 0;
    for byte in input {
        let (first, second) =
            if byte.is_ascii() { (*byte, 0) } else { (0xC0 | byte >> 6, 0x80 | byte & 0x3F) };
        (output[written], output[written + 1]) = (first, second);
        written += 1 + usize::from(byte >> 7);
    }
    written
}

fn decode_utf_32(input: &[u8], is_big_endian: bool, output: &mut [u8]) -> usize {
    let characters = input.chunks(LONGEST_CHARACTER).map(|bytes| {
        let bytes = bytes.try_into().ok()?;
        char::from_u32(if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    });
    put(characters, output)
}

fn decode_page(input: &[u8], page: &CodePage, output: &mut [u8]) -> usize {
    put(input.iter().map(|byte| page.character(*byte)), output)
}

/// Writes characters, and what stands for those that there are not; returns how many bytes were written.
fn put(characters: impl Iterator<Item = Option<char>>, output: &mut [u8]) -> usize {
    let mut written = 0;
    for character in characters {
        match character {
            Some(character) => written += character.encode_utf8(&mut output[written..]).len(),
            None => {
                output[written] = MALFORMED;
                written += 1;
            }
        }
    }
    written
}

/// Moves bytes of a range out, as many as there is room for.
fn give(from: &[u8], range: &mut Range<usize>, to: &mut [u8]) -> usize {
    let count = range.len().min(to.len());
    to[..count].copy_from_slice(&from[range.start..range.start + count]);
    range.start += count;
    count
}

fn read_once(reader: &mut impl Read, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

const LONGEST_MARK: usize = 4;

/// Bytes of a character in UTF-32.
const LONGEST_CHARACTER: usize = 4;

/// UTF-32 comes first: its little-endian mark begins with that of UTF-16.
pub(crate) const MARKS: [(&str, &[u8]); 5] = [
    ("utf-32le", &[0xFF, 0xFE, 0, 0]),
    ("utf-32be", &[0, 0, 0xFE, 0xFF]),
    ("utf-8", &[0xEF, 0xBB, 0xBF]),
    ("utf-16le", &[0xFF, 0xFE]),
    ("utf-16be", &[0xFE, 0xFF]),
];
