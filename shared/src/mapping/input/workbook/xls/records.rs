//! Records of BIFF: a kind, a length and that many bytes, which the records behind may continue.

use super::damaged;
use crate::mapping::input::workbook::error::WorkbookError;

pub(super) const CONTINUE: u16 = 0x003C;
pub(super) const END: u16 = 0x000A;
pub(super) const BEGIN: u16 = 0x0809;

/// A record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'s> {
    pub kind: u16,
    pub bytes: &'s [u8],
}

/// Records, one after another.
#[derive(Clone)]
pub(super) struct Records<'s> {
    rest: &'s [u8],
}

impl<'s> Records<'s> {
    pub(super) fn new(stream: &'s [u8]) -> Self {
        Self { rest: stream }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Result<Record<'s>, WorkbookError> {
        let record = self.peeked().ok_or_else(|| damaged("it ends too early"))?;
        self.rest = &self.rest[4 + record.bytes.len()..];
        Ok(record)
    }

    /// The next one, where it continues the one before.
    pub(super) fn continued(&mut self) -> Option<&'s [u8]> {
        let next = self.peeked().filter(|next| next.kind == CONTINUE)?;
        self.rest = &self.rest[4 + next.bytes.len()..];
        Some(next.bytes)
    }

    fn peeked(&self) -> Option<Record<'s>> {
        let (head, rest) = self.rest.split_at_checked(4)?;
        let (kind, length) = (u16::from_le_bytes([head[0], head[1]]), u16::from_le_bytes([head[2], head[3]]));
        Some(Record { kind, bytes: rest.get(..length.into())? })
    }
}

impl<'s> Record<'s> {
    pub(super) fn u16(&self, at: usize) -> Result<u16, WorkbookError> {
        Ok(u16::from_le_bytes(self.array(at)?))
    }

    pub(super) fn u32(&self, at: usize) -> Result<u32, WorkbookError> {
        Ok(u32::from_le_bytes(self.array(at)?))
    }

    pub(super) fn f64(&self, at: usize) -> Result<f64, WorkbookError> {
        Ok(f64::from_le_bytes(self.array(at)?))
    }

    pub(super) fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], WorkbookError> {
        let bytes = self.bytes.get(at..at + N).and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| damaged(&format!("a record of kind {:#06x} is cut", self.kind)))
    }

    pub(super) fn tail(&self, at: usize) -> Result<&'s [u8], WorkbookError> {
        self.bytes.get(at..).ok_or_else(|| damaged(&format!("a record of kind {:#06x} is cut", self.kind)))
    }
}
