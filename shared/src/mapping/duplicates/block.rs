//! Records that are read ahead, so that their keys are looked up in one go.
//!
//! Each look-up waits for a place of memory, and a processor waits for several at a time if nothing depends on them in
//! between.

use super::new_keys::NewKeys;
use crate::mapping::{
    file_error::FileError,
    map::Row,
    outcome::Outcome,
    reading::{Records, Step},
};

/// Records of a block, and the bytes of their data after which it is over.
const RECORDS: usize = 256;
const BYTES: usize = 256 * 1024;

/// Some records of a file, in its order.
#[derive(Default)]
pub(super) struct Block {
    records: Vec<Read>,
    /// How many of `records` were read into it; the others are room.
    count: usize,
    /// How many were taken out.
    taken: usize,
}

/// A record that was read.
#[derive(Default)]
pub(super) struct Read {
    pub what: What,
    pub row: Row,
    pub line: u64,
    /// Its number in the file, from 1.
    pub number: u64,
    /// The fingerprint of its key.
    pub key: Option<u64>,
    /// Whether no record before it has its key.
    pub is_new: bool,
}

/// What was read.
#[derive(Default)]
pub(super) enum What {
    /// A record, which is in the row.
    Mapped,
    /// A record that does not go out.
    Other(Outcome),
    /// Nothing: reading failed.
    Failed(FileError),
    /// Nothing any more.
    #[default]
    Taken,
}

impl Block {
    pub fn is_over(&self) -> bool {
        self.taken == self.count
    }

    /// Reads the file's next records.
    pub fn fill(&mut self, records: &mut Records<'_>) {
        (self.count, self.taken) = (0, 0);
        let mut bytes = 0;
        while self.count < RECORDS && bytes < BYTES {
            let Some(step) = records.step() else { return };
            if self.count == self.records.len() {
                self.records.push(Read::default());
            }
            let read = &mut self.records[self.count];
            self.count += 1;
            read.number = records.number();
            match step {
                Ok(Step::Mapped { line }) => {
                    records.swap_row(&mut read.row);
                    (read.line, read.key) = (line, records.mapping().fingerprint(&read.row));
                    bytes += read.row.data.len();
                    read.what = What::Mapped;
                }
                Ok(Step::Other(outcome)) => read.what = What::Other(outcome),
                Err(error) => read.what = What::Failed(error),
            }
        }
    }

    /// Tells which records have new keys.
    pub fn look_up(&mut self, keys: &mut NewKeys) {
        let records = &mut self.records[..self.count];
        keys.fetch(records.iter().filter_map(|read| read.key));
        for read in records {
            if let (What::Mapped, Some(key)) = (&read.what, read.key) {
                read.is_new = keys.add(key);
            }
        }
    }

    /// The next record; None at the file's end.
    pub fn next(&mut self) -> Option<&mut Read> {
        let read = self.records[..self.count].get_mut(self.taken)?;
        self.taken += 1;
        Some(read)
    }
}
