//! What the target acknowledged, by key: what was read, and what came since.

use super::{
    Acknowledged, Change, Cursor, DELETED, Damaged, Decoder, Hash, Missing, UNKNOWN, UNSEEN,
    added::Added,
    encode::Chunks,
    entry::{Entry, SEEN, VOID},
    sorted::Sorted,
};

/// What the target acknowledged, by key.
#[derive(Clone, Default)]
pub struct State {
    pub(super) sorted: Sorted,
    pub(super) added: Added,
    pub(super) cursor: Option<Cursor>,
    /// Records that the target has, as far as is known.
    len: usize,
}

/// Where a key's entry is.
#[derive(Clone, Copy)]
enum Place {
    Sorted(usize),
    Added(usize),
}

impl State {
    pub(super) fn new(sorted: Sorted, cursor: Option<Cursor>) -> Self {
        let len = sorted.iter().filter(|(_, entry)| entry.payload() != DELETED).count();
        Self { sorted, added: Added::default(), cursor, len }
    }

    fn find(&self, key: Hash) -> Option<(Place, Entry<'_>)> {
        if let Some(at) = self.sorted.find(key) {
            return Some((Place::Sorted(at), self.sorted.entry(at)));
        }
        let at = self.added.find(key)?;
        Some((Place::Added(at), self.added.entry(at)))
    }

    fn set(&mut self, place: Place, payload: Hash, taken_at: i64) {
        match place {
            Place::Sorted(at) => self.sorted.set(at, payload, taken_at),
            Place::Added(at) => self.added.set(at, payload, taken_at),
        }
    }

    /// Compares a record with what the target acknowledged last, and notes that it came. `taken_at` is when its file
    /// was taken, milliseconds since 1970.
    pub fn compare(&mut self, key: Hash, payload: Hash, taken_at: i64) -> Change {
        let Some((place, entry)) = self.find(key) else { return Change::Create };
        let has = entry.payload();
        let change = match () {
            () if has == payload => Change::Unchanged,
            () if entry.taken_at() > taken_at => Change::Superseded,
            () if has == UNSEEN || has == DELETED => Change::Create,
            () => Change::Update,
        };
        self.mark_seen(place);
        change
    }

    /// Notes that a record came, whatever becomes of it.
    pub fn see(&mut self, key: Hash) {
        if let Some((place, _)) = self.find(key) {
            self.mark_seen(place);
        }
    }

    fn mark_seen(&mut self, place: Place) {
        if let Place::Sorted(at) = place {
            self.sorted.mark(at, SEEN);
        }
    }

    /// Of the records that were read from the object, those that did not come, by key.
    pub fn missing(&self) -> impl Iterator<Item = Missing<'_>> {
        let missing = |entry: &Entry<'_>| !entry.has(SEEN) && entry.payload() != DELETED;
        self.sorted.iter().map(|(_, entry)| entry).filter(missing).map(|entry| Missing {
            key: entry.key(),
            source_id: entry.source_id(),
            target_id: entry.target_id(),
        })
    }

    /// Whether the target is known to have what it was sent last under a key.
    pub fn is_settled(&self, key: Hash) -> bool {
        self.find(key).is_some_and(|(_, entry)| ![UNKNOWN, UNSEEN, DELETED].contains(&entry.payload()))
    }

    /// When the file was taken by which a key has what it has, milliseconds since 1970.
    pub fn taken_at(&self, key: Hash) -> Option<i64> {
        self.find(key).map(|(_, entry)| entry.taken_at())
    }

    /// Notes what the target acknowledged. Where it told no id, an id told earlier stays.
    pub fn acknowledge(&mut self, record: Acknowledged) {
        let Acknowledged { key, payload, taken_at, source_id, target_id } = record;
        let Some((place, entry)) = self.find(key) else {
            self.len += 1;
            self.added.put(key, payload, taken_at, target_id.as_deref(), Some(&source_id));
            return;
        };
        let is_back = entry.payload() == DELETED;
        let before = entry.target_id().filter(|_| !is_back);
        let same_target = target_id.is_none() || target_id.as_deref() == before;
        let stays = same_target && !is_back && entry.source_id() == Some(&source_id);
        let target_id = target_id.or_else(|| before.map(Into::into));
        if stays {
            self.set(place, payload, taken_at);
            return;
        }
        self.len += usize::from(is_back);
        if let Place::Sorted(at) = place {
            self.sorted.mark(at, VOID);
        }
        self.added.put(key, payload, taken_at, target_id.as_deref(), Some(&source_id));
    }

    /// Notes that the target acknowledged a delete, which followed from files taken at `taken_at`, milliseconds since
    /// 1970. That is kept for a while, so that a run which takes an older file again does not bring the record back.
    pub fn delete(&mut self, key: Hash, taken_at: i64) {
        match self.find(key) {
            None => self.added.put(key, DELETED, taken_at, None, None),
            Some((place, entry)) => {
                let was_there = entry.payload() != DELETED;
                self.len -= usize::from(was_there);
                self.set(place, DELETED, taken_at);
            }
        }
    }

    /// Forgets deletes that followed from files taken before `before`, milliseconds since 1970: such a file cannot be
    /// taken again any more.
    pub fn forget_deleted(&mut self, before: i64) {
        let is_old = |entry: &Entry<'_>| entry.payload() == DELETED && entry.taken_at() < before;
        let old: Vec<usize> = self.sorted.iter().filter(|(_, e)| is_old(e)).map(|(at, _)| at).collect();
        old.into_iter().for_each(|at| self.sorted.mark(at, VOID));
    }

    /// Notes that what the target has under a key is not known any more: it refused a change, or was sent one
    /// and did not answer. Whatever comes next for the key is then an update, also what it had before. Says
    /// whether this is news.
    pub fn doubt(&mut self, key: Hash) -> bool {
        match self.find(key) {
            Some((place, entry)) if ![UNKNOWN, UNSEEN, DELETED].contains(&entry.payload()) => {
                let taken_at = entry.taken_at();
                self.set(place, UNKNOWN, taken_at);
                true
            }
            _ => false,
        }
    }

    /// Notes that data was sent under a key and may have arrived, from a file that was taken at `taken_at`
    /// (milliseconds since 1970): as [`State::doubt`], and nothing from an older file may follow it.
    pub fn may_have(&mut self, key: Hash, taken_at: i64, source_id: &str) {
        match self.find(key).map(|(place, entry)| (place, entry.payload(), entry.taken_at())) {
            None => {
                self.len += 1;
                self.added.put(key, UNSEEN, taken_at, None, Some(source_id));
            }
            Some((place, DELETED, before)) => {
                self.len += 1;
                if let Place::Sorted(at) = place {
                    self.sorted.mark(at, VOID);
                }
                self.added.put(key, UNSEEN, taken_at.max(before), None, Some(source_id));
            }
            Some((place, payload, before)) => {
                let payload = if payload == UNSEEN { UNSEEN } else { UNKNOWN };
                self.set(place, payload, taken_at.max(before));
            }
        }
    }

    /// The id that the target told for a key.
    pub fn target_id(&self, key: Hash) -> Option<&str> {
        self.find(key)?.1.target_id()
    }

    /// Up to where the target acknowledged records, where a column says so.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// Moves the cursor.
    pub fn set_cursor(&mut self, cursor: Cursor) {
        self.cursor = Some(cursor);
    }

    /// Records that the target has, as far as is known.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Says whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that its entries take.
    pub fn size_bytes(&self) -> u64 {
        self.sorted.size_bytes() + self.added.size_bytes()
    }

    /// Writes the object, in pieces of at least so many bytes but the last.
    pub fn chunks(&self, size_bytes: usize) -> Chunks<'_> {
        Chunks::new(self, size_bytes)
    }

    /// Writes the object in one piece.
    pub fn encode(&self) -> Vec<u8> {
        self.chunks(usize::MAX).next().unwrap_or_default()
    }

    /// Reads the object.
    ///
    /// # Errors
    /// When it is damaged: nothing is guessed, since a lost key would send its record again as new.
    pub fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut decoder = Decoder::new(bytes.len());
        decoder.push(bytes)?;
        decoder.finish()
    }
}

impl PartialEq for State {
    /// Two are the same that are written the same.
    fn eq(&self, other: &Self) -> bool {
        self.encode() == other.encode()
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("len", &self.len).field("cursor", &self.cursor).finish_non_exhaustive()
    }
}
