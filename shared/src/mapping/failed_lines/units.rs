//! The units that an encoding writes ASCII characters in: one byte, or two in UTF-16.
//!
//! In every encoding that a mapping may state, the unit of an ASCII character stands for nothing else, whatever is
//! before it: so delimiters, quotes and line ends are found without decoding.

use std::io::{self, Read};

use crate::mapping::encoding::Encoding;

const BUFFER_BYTES: usize = 64 * 1024;

/// A unit that is no character: what is left at the end of a file that is cut in the middle of one.
const NOTHING: u16 = 0xFFFF;

/// How units are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Units {
    Bytes,
    LittleEndian,
    BigEndian,
}

impl Units {
    pub fn of(encoding: Encoding) -> Self {
        match encoding.name().as_str() {
            "utf-16le" => Self::LittleEndian,
            "utf-16be" => Self::BigEndian,
            _ => Self::Bytes,
        }
    }

    pub fn width(self) -> usize {
        if self == Self::Bytes { 1 } else { 2 }
    }

    fn value(self, raw: &[u8]) -> u16 {
        match (self, raw) {
            (Self::Bytes, [byte]) => u16::from(*byte),
            (Self::LittleEndian, [first, second]) => u16::from_le_bytes([*first, *second]),
            (Self::BigEndian, [first, second]) => u16::from_be_bytes([*first, *second]),
            _ => NOTHING,
        }
    }

    /// Writes ASCII text.
    pub fn write(self, text: &str, out: &mut Vec<u8>) {
        for byte in text.bytes() {
            match self {
                Self::Bytes => out.push(byte),
                Self::LittleEndian => out.extend(u16::from(byte).to_le_bytes()),
                Self::BigEndian => out.extend(u16::from(byte).to_be_bytes()),
            }
        }
    }
}

/// Reads a file in pieces of whole units, the byte order mark first, if there is one.
pub(super) struct Pieces<R> {
    reader: R,
    units: Units,
    buffer: Box<[u8]>,
    /// Bytes of the buffer that were read.
    filled: usize,
    /// Bytes of the buffer that were given out.
    given: usize,
    ended: bool,
}

impl<R: Read> Pieces<R> {
    pub fn new(reader: R, units: Units) -> Self {
        Self {
            reader,
            units,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            filled: 0,
            given: 0,
            ended: false,
        }
    }

    /// Takes this mark off, if the file begins with it.
    pub fn take_mark(&mut self, mark: &[u8]) -> io::Result<bool> {
        while self.filled < mark.len() && !self.ended {
            self.fill()?;
        }
        let is_there = self.buffer[..self.filled].starts_with(mark);
        self.given = if is_there { mark.len() } else { 0 };
        Ok(is_there)
    }

    /// The next piece; None at the end. The last one may end within a unit.
    pub fn next(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            let left = self.filled - self.given;
            let whole = if self.ended { left } else { left - left % self.units.width() };
            if whole > 0 {
                let from = self.given;
                self.given += whole;
                return Ok(Some(&self.buffer[from..from + whole]));
            }
            if self.ended {
                return Ok(None);
            }
            self.buffer.copy_within(self.given..self.filled, 0);
            (self.filled, self.given) = (left, 0);
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        loop {
            match self.reader.read(&mut self.buffer[self.filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    self.filled += count;
                    self.ended = count == 0;
                    return Ok(());
                }
            }
        }
    }
}

/// The units of a piece, with their bytes.
pub(super) fn units(piece: &[u8], units: Units) -> impl Iterator<Item = (u16, &[u8])> {
    piece.chunks(units.width()).map(move |raw| (units.value(raw), raw))
}
