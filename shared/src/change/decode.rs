//! Reads the object as its bytes come, into the memory in which it stays.

use super::{
    Damaged, Hash, Header, MAGIC, MAGIC_1, State,
    entry::{self, Entry},
    sorted::Sorted,
};

/// Bytes of an entry of the first version before its target id.
const HEAD_1: usize = 16 + 16 + 8 + 2;

/// Most bytes of a header.
const MOST_HEADER: usize = 64 * 1024;

/// Reads an object piece by piece.
pub struct Decoder {
    stage: Stage,
    /// What came and is not understood yet: of the head, and of entries of the first version.
    pending: Vec<u8>,
    /// Bytes of the object that are understood.
    at: usize,
    /// Entries; from `checked` on as they came.
    entries: Vec<u8>,
    checked: usize,
    count: u64,
    last: Option<Hash>,
}

enum Stage {
    Head,
    First,
    Second(Header),
}

impl Decoder {
    /// Makes room for an object of so many bytes.
    pub fn new(size_bytes: usize) -> Self {
        Self {
            stage: Stage::Head,
            pending: Vec::new(),
            at: 0,
            entries: Vec::with_capacity(size_bytes.min(u32::MAX as usize)),
            checked: 0,
            count: 0,
            last: None,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// When they are not those of a state.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        if self.entries.len() + bytes.len() > u32::MAX as usize {
            return Err(Damaged::TooLarge);
        }
        match self.stage {
            Stage::Second(_) => self.entries.extend_from_slice(bytes),
            Stage::Head | Stage::First => self.pending.extend_from_slice(bytes),
        }
        if matches!(self.stage, Stage::Head) {
            self.head()?;
        }
        match self.stage {
            Stage::Head => Ok(()),
            Stage::First => self.first(),
            Stage::Second(_) => self.second(),
        }
    }

    fn head(&mut self) -> Result<(), Damaged> {
        let Some((magic, rest)) = self.pending.split_first_chunk::<8>() else { return Ok(()) };
        match magic {
            MAGIC_1 => {
                self.pending.drain(..8);
                (self.stage, self.at) = (Stage::First, 8);
                Ok(())
            }
            MAGIC => {
                let Some((length, rest)) = rest.split_first_chunk::<4>() else { return Ok(()) };
                let length = u32::from_be_bytes(*length) as usize;
                if length > MOST_HEADER {
                    return Err(Damaged::At(8));
                }
                let Some((header, rest)) = rest.split_at_checked(length) else { return Ok(()) };
                let header = serde_json::from_slice(header).map_err(|_| Damaged::At(12))?;
                self.entries.extend_from_slice(rest);
                self.pending = Vec::new();
                (self.stage, self.at) = (Stage::Second(header), 12 + length);
                Ok(())
            }
            _ => Err(Damaged::At(0)),
        }
    }

    fn is_next(&mut self, key: Hash) -> Result<(), Damaged> {
        if self.last.is_some_and(|last| last >= key) {
            return Err(Damaged::At(self.at));
        }
        self.last = Some(key);
        self.count += 1;
        Ok(())
    }

    fn second(&mut self) -> Result<(), Damaged> {
        while let Some(entry) = Entry::first(&self.entries[self.checked..]) {
            if !entry.is_sound() {
                return Err(Damaged::At(self.at));
            }
            let (key, length) = (entry.key(), entry.bytes().len());
            self.is_next(key)?;
            self.checked += length;
            self.at += length;
        }
        Ok(())
    }

    fn first(&mut self) -> Result<(), Damaged> {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while let Some((head, tail)) = rest.split_first_chunk::<HEAD_1>() {
            let length = usize::from(u16::from_be_bytes([head[40], head[41]]));
            if length > entry::MOST_ID {
                return Err(Damaged::At(self.at));
            }
            let Some((id, tail)) = tail.split_at_checked(length) else { break };
            let id = std::str::from_utf8(id).map_err(|_| Damaged::At(self.at))?;
            let (mut key, mut payload, mut taken_at) = ([0; 16], [0; 16], [0; 8]);
            key.copy_from_slice(&head[..16]);
            payload.copy_from_slice(&head[16..32]);
            taken_at.copy_from_slice(&head[32..40]);
            self.is_next(Hash(key))?;
            let taken_at = i64::from_be_bytes(taken_at);
            entry::push(&mut self.entries, Hash(key), Hash(payload), taken_at, Some(id), None);
            self.at += HEAD_1 + length;
            rest = tail;
        }
        self.checked = self.entries.len();
        self.pending = rest.to_vec();
        Ok(())
    }

    /// Ends reading.
    ///
    /// # Errors
    /// When the object ends in the middle of something, or does not have the entries that it says.
    pub fn finish(self) -> Result<State, Damaged> {
        if self.checked < self.entries.len() || !self.pending.is_empty() {
            return Err(Damaged::At(self.at));
        }
        let cursor = match self.stage {
            Stage::Head => return Err(Damaged::At(0)),
            Stage::First => None,
            Stage::Second(header) if header.entries != self.count => {
                return Err(Damaged::Count { wanted: header.entries, found: self.count });
            }
            Stage::Second(header) => header.cursor,
        };
        Ok(State::new(Sorted::new(self.entries, self.count), cursor))
    }
}
