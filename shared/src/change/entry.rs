//! The bytes of an entry, the same in memory as in the object: key, payload hash, time, lengths of the two ids, ids.
//!
//! Entries lie one behind another in one piece of memory, since millions of them have to fit beside everything else.

use super::Hash;

/// Bytes of an entry before its ids.
pub(super) const HEAD: usize = 16 + 16 + 8 + 2 + 2;

/// Most bytes of an id. A longer one is not kept: what is left of it would name another record.
pub(super) const MOST_ID: usize = 2048;

/// In memory only, in the length of the target id: the record came in this run.
pub(super) const SEEN: u16 = 1 << 15;

/// In memory only, in the length of the target id: what holds for the key stands elsewhere, or nothing does any more.
pub(super) const VOID: u16 = 1 << 14;

const LENGTH: u16 = VOID - 1;

/// An entry as it lies in memory.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a>(&'a [u8]);

fn short(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

impl<'a> Entry<'a> {
    /// The entry that begins at `at`, where one begins.
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Self {
        let head = &bytes[at..];
        let end = HEAD + usize::from(short(head, 40) & LENGTH) + usize::from(short(head, 42));
        Self(&head[..end])
    }

    /// The entry at the beginning of `bytes`, if it is all there.
    pub(super) fn first(bytes: &'a [u8]) -> Option<Self> {
        let head = bytes.get(..HEAD)?;
        let end = HEAD + usize::from(short(head, 40) & LENGTH) + usize::from(short(head, 42));
        Some(Self(bytes.get(..end)?))
    }

    /// Whether it is one that can have been written.
    pub(super) fn is_sound(self) -> bool {
        let lengths = [self.flags(), short(self.0, 42)];
        let within = lengths.iter().all(|length| usize::from(*length) <= MOST_ID);
        within && self.flags() & (SEEN | VOID) == 0 && self.ids().is_some()
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn key(self) -> Hash {
        Hash(*self.0.first_chunk().expect("an entry has a head"))
    }

    pub(super) fn payload(self) -> Hash {
        Hash(*self.0[16..].first_chunk().expect("an entry has a head"))
    }

    pub(super) fn taken_at(self) -> i64 {
        i64::from_be_bytes(*self.0[32..].first_chunk().expect("an entry has a head"))
    }

    pub(super) fn flags(self) -> u16 {
        short(self.0, 40)
    }

    pub(super) fn has(self, flag: u16) -> bool {
        self.flags() & flag != 0
    }

    fn ids(self) -> Option<(&'a str, &'a str)> {
        let (target, source) = self.0[HEAD..].split_at(usize::from(self.flags() & LENGTH));
        Some((std::str::from_utf8(target).ok()?, std::str::from_utf8(source).ok()?))
    }

    pub(super) fn target_id(self) -> Option<&'a str> {
        self.ids().map(|(target, _)| target).filter(|id| !id.is_empty())
    }

    pub(super) fn source_id(self) -> Option<&'a str> {
        self.ids().map(|(_, source)| source).filter(|id| !id.is_empty())
    }
}

/// Writes an entry behind others.
pub(super) fn push(
    out: &mut Vec<u8>,
    key: Hash,
    payload: Hash,
    taken_at: i64,
    target_id: Option<&str>,
    source_id: Option<&str>,
) {
    let [target, source] =
        [target_id, source_id].map(|id| id.filter(|id| id.len() <= MOST_ID).unwrap_or_default());
    out.extend_from_slice(&key.0);
    out.extend_from_slice(&payload.0);
    out.extend_from_slice(&taken_at.to_be_bytes());
    out.extend_from_slice(&(target.len() as u16).to_be_bytes());
    out.extend_from_slice(&(source.len() as u16).to_be_bytes());
    out.extend_from_slice(target.as_bytes());
    out.extend_from_slice(source.as_bytes());
}

/// Changes payload hash and time where they lie.
pub(super) fn set(bytes: &mut [u8], at: usize, payload: Hash, taken_at: i64) {
    bytes[at + 16..at + 32].copy_from_slice(&payload.0);
    bytes[at + 32..at + 40].copy_from_slice(&taken_at.to_be_bytes());
}

/// Sets a flag where it lies.
pub(super) fn mark(bytes: &mut [u8], at: usize, flag: u16) {
    bytes[at + 40] |= (flag >> 8) as u8;
}

/// Takes every flag from an entry: they are nobody else's.
pub(super) fn unmark(bytes: &mut [u8], at: usize) {
    bytes[at + 40] &= (LENGTH >> 8) as u8;
}
