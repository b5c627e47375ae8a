//! SHA-256 whose state can be kept, so that hashing a large file goes on in another process.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{
    Digest, Sha256,
    digest::common::hazmat::{SerializableState, SerializedState},
};

use crate::id::hex;

/// A hash that is being made.
#[derive(Clone, Default)]
pub struct ResumableHash(Sha256);

impl ResumableHash {
    /// Goes on from a state; `None` when it is none.
    pub fn resume(state: &str) -> Option<Self> {
        let bytes = STANDARD.decode(state).ok()?;
        let state = SerializedState::<Sha256>::try_from(bytes.as_slice()).ok()?;
        Sha256::deserialize(&state).ok().map(Self)
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Where it stands, Base64. Of the bytes it may contain the last 63.
    pub fn state(&self) -> String {
        STANDARD.encode(self.0.serialize())
    }

    /// The SHA-256 of everything that was added, hex.
    pub fn end(self) -> String {
        hex(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_that_was_interrupted_is_the_same() {
        let bytes: Vec<u8> = (0..1000u32).flat_map(u32::to_le_bytes).collect();
        for cut in [0, 1, 63, 64, 65, 3999] {
            let mut first = ResumableHash::default();
            first.add(&bytes[..cut]);
            let mut second = ResumableHash::resume(&first.state()).unwrap();
            second.add(&bytes[cut..]);
            assert_eq!(second.end(), hex(&Sha256::digest(&bytes)), "{cut}");
        }
        for state in ["", "AAAA", "!", &"AAAA".repeat(200)] {
            assert!(ResumableHash::resume(state).is_none(), "{state}");
        }
    }
}
