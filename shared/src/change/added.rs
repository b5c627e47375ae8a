//! The entries that came since the object was read: in the order in which they came, and found by a table of places.

use hashbrown::HashTable;

use super::{
    Hash,
    entry::{self, Entry},
};

/// Entries as they came.
#[derive(Clone, Default)]
pub(super) struct Added {
    bytes: Vec<u8>,
    /// Where entries begin. What it does not name is void.
    places: HashTable<u32>,
}

fn hash(key: Hash) -> u64 {
    u64::from_be_bytes(*key.0.last_chunk().expect("a hash has 16 bytes"))
}

impl Added {
    pub(super) fn find(&self, key: Hash) -> Option<usize> {
        let is = |at: &u32| Entry::at(&self.bytes, *at as usize).key() == key;
        self.places.find(hash(key), is).map(|at| *at as usize)
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

    /// Adds an entry, in the place of the one that its key had here.
    pub(super) fn put(
        &mut self,
        key: Hash,
        payload: Hash,
        taken_at: i64,
        target_id: Option<&str>,
        source_id: Option<&str>,
    ) {
        let at = u32::try_from(self.bytes.len()).expect("what one run adds is far below 4 GiB");
        entry::push(&mut self.bytes, key, payload, taken_at, target_id, source_id);
        let bytes = &self.bytes;
        let of = |at: &u32| Entry::at(bytes, *at as usize).key();
        match self.places.find_mut(hash(key), |at| of(at) == key) {
            Some(place) => *place = at,
            None => {
                self.places.insert_unique(hash(key), at, |at| hash(of(at)));
            }
        }
    }

    /// Where entries are, by key.
    pub(super) fn by_key(&self) -> Vec<u32> {
        let mut places: Vec<u32> = self.places.iter().copied().collect();
        places.sort_unstable_by_key(|at| self.entry(*at as usize).key());
        places
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.places.iter().map(|at| self.entry(*at as usize))
    }
}
