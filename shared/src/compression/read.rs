//! Unpacking as it is read: in bounded memory, to a bounded length, and held against the checksums.
//!
//! Everything that is wrong with a file is an [`Unpackable`] within an [`io::Error`]; errors of the inner reader stay as they
//! are. A file is sound once it was read to its end without one.

use std::io::{self, ErrorKind, Read, Take};

use flate2::{
    Crc,
    read::{DeflateDecoder, MultiGzDecoder},
};
use thiserror::Error;

use super::Member;

/// Most bytes that a file may unpack to.
const MOST_BYTES: u64 = 16 << 30;

/// How many times its size a file may unpack to, where that is more than [`FREE_BYTES`]. Text packs to a tenth, lists of
/// zeros to a hundredth; what packs further is made to exhaust its reader.
const MOST_TIMES: u64 = 200;

/// As much as any file may unpack to.
const FREE_BYTES: u64 = 64 << 20;

/// Why a file cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unpackable {
    /// It is not what it is said to be, or not whole, or was changed.
    #[error("the file is no {what}, or is damaged: {why}")]
    Damaged {
        /// The format.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// It would unpack to more than is read.
    #[error("the file unpacks to more than {0}; it is not read")]
    TooLarge(String),
    /// An archive with no file, or several.
    #[error("the archive must hold one file, and holds {count}{}", named(names))]
    Members {
        /// How many.
        count: u64,
        /// The first names.
        names: Vec<String>,
    },
    /// Encrypted, or packed in another way.
    #[error("the archive cannot be read: {0}")]
    Unsupported(String),
}

fn named(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

impl Unpackable {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "archive_damaged",
            Self::TooLarge(_) => "archive_too_large",
            Self::Members { .. } => "archive_members",
            Self::Unsupported(_) => "archive_unsupported",
        }
    }
}

impl From<Unpackable> for io::Error {
    fn from(error: Unpackable) -> Self {
        Self::new(ErrorKind::InvalidData, error)
    }
}

/// Reads what is in a packed file.
pub struct Unpacked<R: Read> {
    packed: Packed<R>,
    bytes: u64,
    pub(super) most_bytes: u64,
    crc: Crc,
    /// Of an archive's member.
    wanted: Option<(u64, u32)>,
}

enum Packed<R: Read> {
    Gzip(MultiGzDecoder<Counted<R>>),
    Deflated(DeflateDecoder<Counted<Take<R>>>),
    Stored(Counted<Take<R>>),
}

/// A reader that knows how far it is, and whether an error was its own.
struct Counted<R> {
    reader: R,
    bytes: u64,
    has_failed: bool,
}

impl<R: Read> Counted<R> {
    fn new(reader: R) -> Self {
        Self { reader, bytes: 0, has_failed: false }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buf);
        match &read {
            Ok(count) => self.bytes += *count as u64,
            Err(e) => self.has_failed = e.kind() != ErrorKind::Interrupted,
        }
        read
    }
}

impl<R: Read> Unpacked<R> {
    /// Reads a gzip file, of one part or several one after another.
    pub fn gzip(reader: R) -> Self {
        Self::new(Packed::Gzip(MultiGzDecoder::new(Counted::new(reader))), None)
    }

    /// Reads a member of a zip archive; `reader` begins at its place.
    ///
    /// # Errors
    /// When it is not there, or reading fails.
    pub fn zip(mut reader: R, member: &Member) -> io::Result<Self> {
        let mut header = [0; 30];
        let header_is_cut = |e: io::Error| match e.kind() {
            ErrorKind::UnexpectedEof => no_member(),
            _ => e,
        };
        reader.read_exact(&mut header).map_err(header_is_cut)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(no_member());
        }
        let behind = u64::from(u16::from_le_bytes([header[26], header[27]]))
            + u64::from(u16::from_le_bytes([header[28], header[29]]));
        io::copy(&mut reader.by_ref().take(behind), &mut io::sink())?;
        let packed = Counted::new(reader.take(member.packed_bytes));
        let packed = match member.is_deflated {
            true => Packed::Deflated(DeflateDecoder::new(packed)),
            false => Packed::Stored(packed),
        };
        Ok(Self::new(packed, Some((member.size_bytes, member.crc))))
    }

    fn new(packed: Packed<R>, wanted: Option<(u64, u32)>) -> Self {
        Self { packed, bytes: 0, most_bytes: MOST_BYTES, crc: Crc::new(), wanted }
    }

    /// Bytes that were taken from the inner reader, and whether that failed.
    fn source(&self) -> (u64, bool) {
        match &self.packed {
            Packed::Gzip(decoder) => (decoder.get_ref().bytes, decoder.get_ref().has_failed),
            Packed::Deflated(decoder) => (decoder.get_ref().bytes, decoder.get_ref().has_failed),
            Packed::Stored(stored) => (stored.bytes, stored.has_failed),
        }
    }

    fn check_length(&self) -> Result<(), Unpackable> {
        if self.bytes > self.most_bytes {
            return Err(Unpackable::TooLarge(format!("{} bytes", self.most_bytes)));
        }
        if self.bytes > FREE_BYTES && self.bytes > MOST_TIMES.saturating_mul(self.source().0) {
            return Err(Unpackable::TooLarge(format!("{MOST_TIMES} times its size")));
        }
        Ok(())
    }

    /// At the end: is it all, and what it was?
    fn check_end(&self) -> Result<(), Unpackable> {
        let damaged = |what, why: &str| Err(Unpackable::Damaged { what, why: why.into() });
        match self.wanted {
            Some((size_bytes, _)) if size_bytes != self.bytes => {
                damaged("zip", &format!("its member has {} bytes of {size_bytes}", self.bytes))
            }
            Some((_, crc)) if crc != self.crc.sum() => damaged("zip", "its member has another checksum"),
            None if self.source().0 == 0 => damaged("gzip", "it is empty"),
            _ => Ok(()),
        }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (what, read) = match &mut self.packed {
            Packed::Gzip(decoder) => ("gzip", decoder.read(buf)),
            Packed::Deflated(decoder) => ("zip", decoder.read(buf)),
            Packed::Stored(stored) => ("zip", stored.read(buf)),
        };
        match read {
            Ok(0) if !buf.is_empty() => {
                self.check_end()?;
                Ok(0)
            }
            Ok(count) => {
                self.bytes += count as u64;
                if self.wanted.is_some() {
                    self.crc.update(&buf[..count]);
                }
                self.check_length()?;
                Ok(count)
            }
            Err(error) if self.source().1 || error.kind() == ErrorKind::Interrupted => Err(error),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(Unpackable::Damaged { what, why: "it ends in the middle".into() }.into())
            }
            Err(error) => Err(Unpackable::Damaged { what, why: error.to_string() }.into()),
        }
    }
}

fn no_member() -> io::Error {
    Unpackable::Damaged { what: "zip", why: "its member is not where the directory says".into() }.into()
}
