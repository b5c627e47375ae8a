//! A hasher for keys that are hashes already.

use std::hash::{BuildHasherDefault, Hasher};

/// Takes a key's own bits.
#[derive(Default)]
pub(super) struct KeyHasher(u64);

/// Makes [`KeyHasher`]s.
pub(super) type ByOwnBits = BuildHasherDefault<KeyHasher>;

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
