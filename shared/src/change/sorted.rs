//! The entries that were read: sorted by key, found by the key's own first bits.
//!
//! Keys are bits of a cryptographic hash, so they are spread evenly: a table of where each share of them begins leaves
//! two entries or so to look at, which lie side by side.

use super::{
    Hash,
    entry::{self, Entry, VOID},
};

/// Sorted entries.
#[derive(Clone, Default)]
pub(super) struct Sorted {
    bytes: Vec<u8>,
    /// Where the entries of each share begin, and at the end where the last one ends.
    starts: Vec<u32>,
    /// How far the first 32 bits of a key are shifted to tell its share.
    shift: u32,
}

impl Sorted {
    /// Takes entries that are sound, sorted, at most 4 GiB, and so many.
    pub(super) fn new(bytes: Vec<u8>, count: u64) -> Self {
        let shares = (count / 2).clamp(2, 1 << 28).next_power_of_two();
        let shift = 32 - shares.trailing_zeros();
        let mut starts = Vec::with_capacity(shares as usize + 1);
        let mut at = 0;
        while at < bytes.len() {
            let entry = Entry::at(&bytes, at);
            let share = share(entry.key(), shift);
            while starts.len() <= share {
                starts.push(at as u32);
            }
            at += entry.bytes().len();
        }
        starts.resize(shares as usize + 1, at as u32);
        Self { bytes, starts, shift }
    }

    /// Where the entry of a key is, unless it is void.
    pub(super) fn find(&self, key: Hash) -> Option<usize> {
        let share = share(key, self.shift);
        let mut at = *self.starts.get(share)? as usize;
        let end = *self.starts.get(share + 1)? as usize;
        while at < end {
            let entry = Entry::at(&self.bytes, at);
            if entry.key() == key {
                return (!entry.has(VOID)).then_some(at);
            }
            at += entry.bytes().len();
        }
        None
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn entry(&self, at: usize) -> Entry<'_> {
        Entry::at(&self.bytes, at)
    }

    pub(super) fn set(&mut self, at: usize, payload: Hash, taken_at: i64) {
        entry::set(&mut self.bytes, at, payload, taken_at);
    }

    pub(super) fn mark(&mut self, at: usize, flag: u16) {
        entry::mark(&mut self.bytes, at, flag);
    }

    /// Every entry that is not void, by key, with where it is.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, Entry<'_>)> {
        let mut at = 0;
        let all = std::iter::from_fn(move || {
            let here = at;
            let entry = (here < self.bytes.len()).then(|| Entry::at(&self.bytes, here))?;
            at += entry.bytes().len();
            Some((here, entry))
        });
        all.filter(|(_, entry)| !entry.has(VOID))
    }
}

fn share(key: Hash, shift: u32) -> usize {
    let [a, b, c, d, ..] = key.0;
    (u32::from_be_bytes([a, b, c, d]) >> shift) as usize
}
