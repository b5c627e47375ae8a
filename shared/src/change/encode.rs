//! Writes the object piece by piece: what was read and what came since, merged by key.

use super::{
    DELETED, Header, MAGIC, State,
    entry::{self, Entry},
};

/// The object's pieces, in order.
pub struct Chunks<'a> {
    head: Option<Vec<u8>>,
    sorted: std::iter::Peekable<Box<dyn Iterator<Item = Entry<'a>> + Send + 'a>>,
    added: std::iter::Peekable<Box<dyn Iterator<Item = Entry<'a>> + Send + 'a>>,
    size_bytes: usize,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(state: &'a State, size_bytes: usize) -> Self {
        let entries = state.sorted.iter().count() + state.added.iter().count();
        let header = Header { entries: entries as u64, cursor: state.cursor.clone() };
        let header = serde_json::to_vec(&header).expect("a header is plain JSON");
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&(header.len() as u32).to_be_bytes());
        head.extend_from_slice(&header);
        let added = state.added.by_key().into_iter();
        let added: Box<dyn Iterator<Item = Entry<'a>> + Send + 'a> =
            Box::new(added.map(|at| state.added.entry(at as usize)));
        let sorted: Box<dyn Iterator<Item = Entry<'a>> + Send + 'a> =
            Box::new(state.sorted.iter().map(|(_, entry)| entry));
        Self { head: Some(head), sorted: sorted.peekable(), added: added.peekable(), size_bytes }
    }

    fn next_entry(&mut self) -> Option<Entry<'a>> {
        match (self.sorted.peek(), self.added.peek()) {
            (Some(sorted), Some(added)) if sorted.key() > added.key() => self.added.next(),
            (Some(_), _) => self.sorted.next(),
            (None, _) => self.added.next(),
        }
    }
}

impl Iterator for Chunks<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut out = self.head.take().unwrap_or_default();
        // Where pieces have a size, all of it is needed at once.
        out.reserve(if self.size_bytes == usize::MAX { 0 } else { self.size_bytes + 3 * entry::MOST_ID });
        while out.len() < self.size_bytes {
            let Some(entry) = self.next_entry() else { break };
            if entry.payload() == DELETED {
                entry::push(&mut out, entry.key(), DELETED, entry.taken_at(), None, None);
            } else {
                let at = out.len();
                out.extend_from_slice(entry.bytes());
                entry::unmark(&mut out, at);
            }
        }
        (!out.is_empty()).then_some(out)
    }
}
