//! Change detection: what the target acknowledged last, and what a record is compared with it.
//!
//! One object per connection and target: 128-bit key hash → 128-bit payload hash, time and target id, read
//! whole and replaced whole. This module knows its bytes; where they lie is the adapter's business. Deletes are
//! not inferred yet.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

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
    /// The target has another payload under this key, from a file that was taken later: a run that takes an
    /// older file again must not overwrite it.
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
    /// The id that the target told, if it told one now.
    pub target_id: Option<String>,
}

/// No record has this hash: what the target has under the key is not known any more.
const UNKNOWN: Hash = Hash([0; 16]);

/// No record has this hash: nothing was acknowledged under the key, but something was sent.
const UNSEEN: Hash = Hash([0xff; 16]);

/// What the target acknowledged, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    entries: HashMap<Hash, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    payload: Hash,
    taken_at: i64,
    target_id: Option<Box<str>>,
}

/// A state object that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state object is damaged at byte {at}; restore an older version of it")]
pub struct Damaged {
    at: usize,
}

const MAGIC: &[u8; 8] = b"xdstate1";

/// Bytes of a key's entry before the target id.
const HEAD: usize = 16 + 16 + 8 + 2;

impl State {
    /// Compares a record with what the target acknowledged last. `taken_at` is when its file was taken,
    /// milliseconds since 1970.
    pub fn compare(&self, key: Hash, payload: Hash, taken_at: i64) -> Change {
        match self.entries.get(&key) {
            None => Change::Create,
            Some(entry) if entry.payload == payload => Change::Unchanged,
            Some(entry) if entry.taken_at > taken_at => Change::Superseded,
            Some(entry) if entry.payload == UNSEEN => Change::Create,
            Some(_) => Change::Update,
        }
    }

    /// Notes what the target acknowledged. Where it told no id, an id told earlier stays.
    pub fn acknowledge(&mut self, record: Acknowledged) {
        let Acknowledged { key, payload, taken_at, target_id } = record;
        let entry = self.entries.entry(key).or_insert(Entry { payload, taken_at, target_id: None });
        (entry.payload, entry.taken_at) = (payload, taken_at);
        entry.target_id = target_id.map(Into::into).or(entry.target_id.take());
    }

    /// Notes that what the target has under a key is not known any more: it refused a change, or was sent one
    /// and did not answer. Whatever comes next for the key is then an update, also what it had before. Says
    /// whether this is news.
    pub fn doubt(&mut self, key: Hash) -> bool {
        match self.entries.get_mut(&key) {
            Some(entry) if entry.payload != UNKNOWN && entry.payload != UNSEEN => {
                entry.payload = UNKNOWN;
                true
            }
            _ => false,
        }
    }

    /// Notes that data was sent under a key and may have arrived, from a file that was taken at `taken_at`
    /// (milliseconds since 1970): as [`State::doubt`], and nothing from an older file may follow it.
    pub fn may_have(&mut self, key: Hash, taken_at: i64) {
        let unseen = Entry { payload: UNSEEN, taken_at, target_id: None };
        let entry = self.entries.entry(key).or_insert(unseen);
        entry.taken_at = entry.taken_at.max(taken_at);
        self.doubt(key);
    }

    /// The id that the target told for a key.
    pub fn target_id(&self, key: Hash) -> Option<&str> {
        self.entries.get(&key)?.target_id.as_deref()
    }

    /// Keys in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Says whether it has no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the object: magic, then per key in order: key, payload, time, length of the target id, target id.
    pub fn encode(&self) -> Vec<u8> {
        let mut keys: Vec<_> = self.entries.iter().collect();
        keys.sort_unstable_by_key(|(key, _)| **key);
        let mut out = Vec::with_capacity(8 + keys.len() * 44);
        out.extend_from_slice(MAGIC);
        for (key, entry) in keys {
            let id = entry.target_id.as_deref().unwrap_or_default().as_bytes();
            let id = &id[..id.len().min(usize::from(u16::MAX))];
            out.extend_from_slice(&key.0);
            out.extend_from_slice(&entry.payload.0);
            out.extend_from_slice(&entry.taken_at.to_be_bytes());
            out.extend_from_slice(&(id.len() as u16).to_be_bytes());
            out.extend_from_slice(id);
        }
        out
    }

    /// Reads the object.
    ///
    /// # Errors
    /// When it is damaged: nothing is guessed, since a lost key would send its record again as new.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let damaged = |rest: &[u8]| Damaged { at: bytes.len() - rest.len() };
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(Damaged { at: 0 })?;
        let mut entries = HashMap::with_capacity(rest.len() / HEAD);
        while !rest.is_empty() {
            let (head, tail) = rest.split_first_chunk::<HEAD>().ok_or_else(|| damaged(rest))?;
            let length = usize::from(u16::from_be_bytes([head[40], head[41]]));
            let id = tail.get(..length).ok_or_else(|| damaged(rest))?;
            let id = std::str::from_utf8(id).map_err(|_| damaged(rest))?;
            let (mut key, mut payload) = ([0; 16], [0; 16]);
            key.copy_from_slice(&head[..16]);
            payload.copy_from_slice(&head[16..32]);
            let mut taken_at = [0; 8];
            taken_at.copy_from_slice(&head[32..40]);
            let target_id = (!id.is_empty()).then(|| id.into());
            let taken_at = i64::from_be_bytes(taken_at);
            entries.insert(Hash(key), Entry { payload: Hash(payload), taken_at, target_id });
            rest = &tail[length..];
        }
        Ok(Self { entries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hash(n: u8) -> Hash {
        Hash([n; 16])
    }

    fn acknowledged(key: u8, payload: u8, taken_at: i64, target_id: Option<&str>) -> Acknowledged {
        Acknowledged {
            key: hash(key),
            payload: hash(payload),
            taken_at,
            target_id: target_id.map(Into::into),
        }
    }

    #[test]
    fn a_record_is_new_changed_or_as_it_was() {
        let mut state = State::default();
        assert_eq!(state.compare(hash(1), hash(2), 10), Change::Create);
        state.acknowledge(acknowledged(1, 2, 10, Some("t-1")));
        assert_eq!(state.compare(hash(1), hash(2), 11), Change::Unchanged);
        assert_eq!(state.compare(hash(1), hash(3), 11), Change::Update);
        state.acknowledge(acknowledged(1, 3, 11, None));
        assert_eq!(state.target_id(hash(1)), Some("t-1"));
    }

    #[test]
    fn an_older_file_does_not_overwrite_what_a_later_one_said() {
        let mut state = State::default();
        state.acknowledge(acknowledged(1, 3, 11, None));
        assert_eq!(state.compare(hash(1), hash(2), 10), Change::Superseded);
        assert_eq!(state.compare(hash(1), hash(2), 11), Change::Update);
        assert_eq!(state.compare(hash(1), hash(3), 10), Change::Unchanged);
    }

    #[test]
    fn after_a_change_without_an_answer_the_old_data_is_an_update_too() {
        let mut state = State::default();
        assert!(!state.doubt(hash(1)), "the target has none of it");
        state.acknowledge(acknowledged(1, 2, 10, Some("t-1")));
        assert!(state.doubt(hash(1)));
        assert!(!state.doubt(hash(1)));
        let mut state = State::decode(&state.encode()).unwrap();
        assert_eq!(state.compare(hash(1), hash(2), 11), Change::Update);
        assert_eq!(state.compare(hash(1), hash(2), 9), Change::Superseded);
        state.acknowledge(acknowledged(1, 2, 11, None));
        assert_eq!(state.compare(hash(1), hash(2), 11), Change::Unchanged);
        assert_eq!(state.target_id(hash(1)), Some("t-1"));
    }

    #[test]
    fn after_newer_data_that_may_have_arrived_nothing_older_follows() {
        let mut state = State::default();
        state.may_have(hash(1), 10);
        assert_eq!(state.compare(hash(1), hash(2), 9), Change::Superseded);
        assert_eq!(
            state.compare(hash(1), hash(2), 10),
            Change::Create,
            "the target acknowledged nothing yet"
        );
        state.acknowledge(acknowledged(2, 2, 10, Some("t-2")));
        state.may_have(hash(2), 11);
        let state = State::decode(&state.encode()).unwrap();
        assert_eq!(state.compare(hash(2), hash(2), 10), Change::Superseded);
        assert_eq!(state.compare(hash(2), hash(2), 11), Change::Update);
        assert_eq!(state.target_id(hash(2)), Some("t-2"));
    }

    proptest! {
        #[test]
        fn bytes_come_back_as_they_were(keys in prop::collection::vec((any::<[u8; 16]>(), any::<[u8; 16]>(), prop::option::of("[a-zæ0-9]{1,20}")), 0..50)) {
            let mut state = State::default();
            for (key, payload, id) in &keys {
                let (key, payload) = (Hash(*key), Hash(*payload));
                state.acknowledge(Acknowledged { key, payload, taken_at: 7, target_id: id.clone() });
            }
            let bytes = state.encode();
            prop_assert_eq!(State::decode(&bytes).unwrap(), state);
            if bytes.len() > 8 {
                prop_assert!(State::decode(&bytes[..bytes.len() - 1]).is_err());
            }
        }

        #[test]
        fn rubbish_is_refused_and_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(State::decode(&bytes).is_err());
        }
    }
}
