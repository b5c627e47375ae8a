//! The units that an encoding writes ASCII characters in: one byte, two in UTF-16, four in UTF-32.
//!
//! In every encoding that a mapping may state, the unit of an ASCII character stands for nothing else, whatever is
//! before it: so delimiters, quotes and line ends are found without decoding.

use std::io::{self, Read};

use crate::mapping::encoding::Encoding;

const BUFFER_BYTES: usize = 64 * 1024;

/// A unit that is no character: what is left at the end of a file that is cut in the middle of one.
const NOTHING: u32 = u32::MAX;

/// How units are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Units {
    /// Bytes of one: 1, 2 or 4.
    pub width: usize,
    is_big_endian: bool,
}

impl Units {
    pub fn of(encoding: Encoding) -> Self {
        let name = encoding.name();
        let width = match name.as_str() {
            "utf-16le" | "utf-16be" => 2,
            "utf-32le" | "utf-32be" => 4,
            _ => 1,
        };
        Self { width, is_big_endian: name.ends_with("be") }
    }

    fn value(self, raw: &[u8]) -> u32 {
        if raw.len() < self.width {
            return NOTHING;
        }
        let add = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        match self.is_big_endian {
            true => raw.iter().fold(0, add),
            false => raw.iter().rev().fold(0, add),
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
            let whole = if self.ended { left } else { left - left % self.units.width };
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
pub(super) fn units(piece: &[u8], units: Units) -> impl Iterator<Item = (u32, &[u8])> {
    piece.chunks(units.width).map(move |raw| (units.value(raw), raw))
}
