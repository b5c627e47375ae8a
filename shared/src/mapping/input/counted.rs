//! Counts lines and columns of what is read, and stops what takes too much at once.

use std::io::{self, BufRead, Read};

/// A reader that knows where it is.
pub(super) struct Counted<R> {
    inner: R,
    /// The line of the next byte, from 1; CRLF, LF and CR end lines.
    pub line: u64,
    /// The column of the next byte in characters, from 1.
    pub column: u64,
    /// Whether the byte before was a CR that ended a line, so that an LF belongs to it.
    after_cr: bool,
    /// How many more bytes may be taken.
    allowance: usize,
    /// What reading failed with, for callers behind a parser that has its own errors.
    pub failure: Option<io::Error>,
    /// Whether the allowance was used up.
    pub is_exhausted: bool,
}

impl<R: BufRead> Counted<R> {
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            line: 1,
            column: 1,
            after_cr: false,
            allowance: usize::MAX,
            failure: None,
            is_exhausted: false,
        }
    }

    /// Lets no more than so many bytes be taken until this is called again.
    pub fn allow(&mut self, bytes: usize) {
        self.allowance = bytes;
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.allowance == 0 {
            self.is_exhausted = true;
            return Err(io::ErrorKind::InvalidData.into());
        }
        match self.inner.fill_buf() {
            Ok(bytes) => Ok(&bytes[..bytes.len().min(self.allowance)]),
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(error);
                Err(kind.into())
            }
        }
    }

    fn consume(&mut self, count: usize) {
        // What is consumed was filled before, so nothing is read here.
        let taken = self.inner.fill_buf().map_or(&[][..], |bytes| &bytes[..count.min(bytes.len())]);
        for byte in taken {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.line += 1;
                    self.column = 1;
                    self.after_cr = *byte == b'\r';
                }
                0x80..0xC0 => self.after_cr = false,
                _ => {
                    self.column += 1;
                    self.after_cr = false;
                }
            }
        }
        self.inner.consume(count);
        self.allowance = self.allowance.saturating_sub(count);
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buf.len());
        buf[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}
