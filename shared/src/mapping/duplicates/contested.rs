//! Finds the keys that may be there more than once, in memory that does not grow with the files.
//!
//! A filter of bits holds the keys that were read; one whose bits are all set already is contested. That names every
//! key that is there again, and a few that are not: who counts is decided on the keys themselves, later. Files of more
//! keys than the filter can part are read in several rounds, each for a share of the keys.

use std::collections::HashSet;
use std::io::Read;

use super::{filter::Filter, key_hasher::ByOwnBits};
use crate::mapping::{compile::Compiled, file_error::FileError, incoming::Incoming, reading::records};

/// Keys that are looked up in one go, so that the processor waits for several places of memory at a time.
const AT_ONCE: usize = 256;

/// Fingerprints of the keys that may be there again.
pub(super) struct Contested(pub HashSet<u64, ByOwnBits>);

impl Contested {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Reads each file, by a function that says where reading it failed.
pub(super) type Each<'e, 'p, R, E> =
    &'e mut dyn FnMut(&mut dyn FnMut(usize, Incoming<'p, R>) -> Result<(), FileError>) -> Result<(), E>;

/// Finds the contested keys of files of so many bytes.
pub(super) fn contested<'p, R: Read, E>(
    mapping: &Compiled,
    bytes: u64,
    each: Each<'_, 'p, R, E>,
) -> Result<Contested, E> {
    let rounds = Filter::rounds(bytes);
    let mut again = HashSet::default();
    for round in 0..rounds {
        let mut filter = Filter::for_file(bytes);
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
    Ok(Contested(again))
}
