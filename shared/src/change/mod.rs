//! Change detection: what the target acknowledged last, and what a record is compared with it.
//!
//! One object per connection and target: 128-bit key hash → 128-bit payload hash, time, target id and source id,
//! read whole and replaced whole. This module knows its bytes; where they lie is the adapter's business, and which
//! deletes follow from what is missing is its caller's.

mod added;
mod decode;
mod encode;
mod entry;
mod sorted;
mod state;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use decode::Decoder;
pub use encode::Chunks;
pub use state::State;

/// 128 bits of SHA-256, written as hex in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 16]);

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::id::hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let number = u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// What a record is, compared with what the target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The target has no record with this key.
    Create,
    /// The target has another payload under this key.
    Update,
    /// The target has it as it is.
    Unchanged,
    /// The target has another payload under this key, or was told to delete it, from a file that was taken later: a
    /// run that takes an older file again must not overwrite that.
    Superseded,
}

/// A record that the target acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Hash of its key.
    pub key: Hash,
    /// Hash of its data.
    pub payload: Hash,
    /// When its file was taken, milliseconds since 1970.
    pub taken_at: i64,
    /// Its key in the source, by which a delete will name it. One over 2 KB is not kept.
    pub source_id: String,
    /// The id that the target told, if it told one now.
    pub target_id: Option<String>,
}

/// A record that the target has, and that a complete read no longer had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing<'a> {
    /// Hash of its key.
    pub key: Hash,
    /// Its key in the source, where it was kept.
    pub source_id: Option<&'a str>,
    /// Its id at the target, where that told one.
    pub target_id: Option<&'a str>,
}

/// Up to which instant of a column the target acknowledged records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The mapping's column.
    pub column: String,
    /// The instant.
    pub at: Timestamp,
}

/// A state object that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damaged {
    /// Its bytes are not those of a state.
    #[error("the state object is damaged at byte {0}; restore an older version of it")]
    At(usize),
    /// It has less, or more, entries than it says.
    #[error("the state object is to have {wanted} entries and has {found}; restore an older version of it")]
    Count {
        /// As it says.
        wanted: u64,
        /// As it is.
        found: u64,
    },
    /// It is over 4 GiB.
    #[error(
        "the state object is over 4 GiB, which is more than a connection may have; part its records over several"
    )]
    TooLarge,
}

/// No record has this hash: what the target has under the key is not known any more.
const UNKNOWN: Hash = Hash([0; 16]);

/// No record has this hash: nothing was acknowledged under the key, but something was sent.
const UNSEEN: Hash = Hash([0xff; 16]);

/// No record has this hash: the target acknowledged that it deleted what it had under the key.
const DELETED: Hash = Hash([0xfe; 16]);

/// The first bytes of an object without source ids, which is still read.
const MAGIC_1: &[u8; 8] = b"xdstate1";

/// The first bytes of an object as it is written now.
const MAGIC: &[u8; 8] = b"xdstate2";

/// What stands before the entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    entries: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<Cursor>,
}
