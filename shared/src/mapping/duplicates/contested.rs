//! Finds the keys that may be there more than once, in memory that does not grow with the files.
//!
//! A filter of bits holds the keys that were read; one whose bits are all set already is contested. That names every
//! key that is there again, and a few that are not: who counts is decided on the keys themselves, later. Files of more
//! keys than the filter can part are read in several rounds, each for a share of the keys.

use std::collections::HashSet;
use std::io::Read;

use super::key_hasher::ByOwnBits;
use crate::mapping::{compile::Compiled, file_error::FileError, reading::records};

/// Words of the largest filter: 32 MiB.
const MOST_WORDS: u64 = 1 << 22;

/// Keys of the largest filter: 12 bits each, of which a key sets up to three.
const MOST_KEYS: u64 = MOST_WORDS * 64 / 12;

/// Bytes of the shortest records that the filter is made for; where they are shorter, more keys seem contested.
const RECORD_BYTES: u64 = 24;

/// Keys that are looked up in one go, so that the processor waits for several places of memory at a time.
const AT_ONCE: usize = 256;

/// Fingerprints of the keys that may be there again.
pub(super) enum Contested {
    /// Any key may be.
    All,
    /// These may be, and all others are not.
    These(HashSet<u64, ByOwnBits>),
}

impl Contested {
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::These(these) if these.is_empty())
    }
}

/// Reads each file, by a function that says where reading it failed.
pub(super) type Each<'e, R, E> =
    &'e mut dyn FnMut(&mut dyn FnMut(usize, R) -> Result<(), FileError>) -> Result<(), E>;

/// Finds the contested keys of files of so many bytes.
pub(super) fn contested<R: Read, E>(
    mapping: &Compiled,
    bytes: u64,
    each: Each<'_, R, E>,
) -> Result<Contested, E> {
    let keys = bytes / RECORD_BYTES + 1;
    let rounds = keys.div_ceil(MOST_KEYS);
    let words = (keys.div_ceil(rounds) * 12 / 64 + 1).next_power_of_two().min(MOST_WORDS);
    let mut again = HashSet::default();
    for round in 0..rounds {
        let mut filter = Filter { words: vec![0; words as usize] };
        each(&mut |_, reader| {
            let mut records = records(reader, mapping)?;
            let mut keys = Vec::with_capacity(AT_ONCE);
            loop {
                let next = records.next_fingerprint()?;
                keys.extend(next.filter(|key| key % rounds == round));
                if next.is_none() || keys.len() == AT_ONCE {
                    again.extend(keys.drain(..).filter(|key| filter.had(*key)));
                }
                if next.is_none() {
                    return Ok(());
                }
            }
        })?;
    }
    Ok(Contested::These(again))
}

/// A Bloom filter whose bits of one key are in one word.
struct Filter {
    /// A power of two.
    words: Vec<u64>,
}

impl Filter {
    /// Adds a key; says whether its bits were all set already.
    fn had(&mut self, key: u64) -> bool {
        let at = (key >> 32) as usize & (self.words.len() - 1);
        let bits = 1 << (key & 63) | 1 << (key >> 6 & 63) | 1 << (key >> 12 & 63);
        let had = self.words[at] & bits == bits;
        self.words[at] |= bits;
        had
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_what_it_was_given_and_little_else() {
        let key = |n: u64| crate::mapping::identity::fingerprint(n.to_string().as_bytes());
        let mut filter = Filter { words: vec![0; 1 << 10] };
        let keys = (1 << 10) * 64 / 12;
        let wrong = (0..keys).filter(|n| filter.had(key(*n))).count();
        assert!(wrong < keys as usize / 100, "{wrong} of {keys}");
        assert!((0..keys).all(|n| filter.had(key(n))));
    }
}
