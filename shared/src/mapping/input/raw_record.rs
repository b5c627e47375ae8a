//! The cells of one record as a format finds them, bounded in size.

use std::ops::Range;

use crate::mapping::outcome::Reason;

/// The longest record, in bytes of its fields and delimiters.
pub(in crate::mapping) const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// The most repeated children that a record may have, in all of its lists.
pub(in crate::mapping) const MOST_CHILDREN: usize = 10_000;

/// The bytes of a cell that the format itself has no text for: no encoding has such a text.
#[cfg(feature = "workbooks")]
pub(in crate::mapping) const NO_TEXT: &[u8] = b"\xFF";

/// The fields of one record, reused from record to record.
#[derive(Default)]
pub(in crate::mapping) struct RawRecord {
    /// The fields' content, one after the other, without quotes; what is between two fields means nothing.
    pub bytes: Vec<u8>,
    /// Where each field begins and ends in `bytes`.
    pub spans: Vec<(u32, u32)>,
    /// Where the field under way begins.
    start: u32,
    /// The line on which the record begins, from 1.
    pub line: u64,
    /// The line on which it ends.
    pub last_line: u64,
    /// Its length so far, with delimiters and quotes.
    size: usize,
    /// What is wrong with the record as a whole.
    pub flaw: Option<Reason>,
    /// The same in words, for people.
    pub detail: String,
    /// What is wrong with single cells, which have no text then, in their order.
    pub cell_flaws: Vec<CellFlaw>,
    /// Of formats whose records have repeated children, those of each list that is asked for.
    pub children: Vec<Children>,
}

/// The repeated children of one list, in their order; reused from record to record.
#[derive(Default)]
pub(in crate::mapping) struct Children {
    /// Where each cell begins and ends in the record's bytes, child by child.
    spans: Vec<(u32, u32)>,
    count: usize,
    /// Of a list within the children of another: how many there were at the end of each of those.
    ends: Vec<usize>,
}

impl Children {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Those of the record, or of the child with this index of the list around.
    pub fn of(&self, around: Option<usize>) -> Range<usize> {
        match around {
            None => 0..self.count,
            Some(0) => 0..self.ends[0],
            Some(at) => self.ends[at - 1]..self.ends[at],
        }
    }

    /// The cells of a child of so many.
    pub fn cells(&self, child: usize, width: usize) -> &[(u32, u32)] {
        &self.spans[child * width..(child + 1) * width]
    }

    fn clear(&mut self) {
        self.spans.clear();
        self.count = 0;
        self.ends.clear();
    }
}

/// A cell that the format itself has no text for.
pub(in crate::mapping) struct CellFlaw {
    /// The index of its column.
    pub at: usize,
    pub reason: Reason,
    /// The same in words, for people.
    pub detail: String,
}

impl RawRecord {
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        self.start = 0;
        self.size = 0;
        self.flaw = None;
        self.detail.clear();
        self.cell_flaws.clear();
        self.children.iter_mut().for_each(Children::clear);
    }

    /// Makes room for the children of so many lists.
    pub fn with_lists(&mut self, lists: usize) {
        self.children.resize_with(lists, Children::default);
    }

    /// Ends the field under way as one of the next child of a list.
    pub fn end_field_of_child(&mut self, list: usize) {
        if self.grow(1) && self.flaw.is_none() {
            let end = self.bytes.len() as u32;
            self.children[list].spans.push((self.start, end));
            self.start = end;
        }
    }

    /// Ends a child of a list, in which are the children of others.
    pub fn end_child(&mut self, list: usize, within: &[usize]) {
        if self.children.iter().map(Children::count).sum::<usize>() == MOST_CHILDREN {
            let detail = format!("the record has over {MOST_CHILDREN} children in its lists");
            self.fail(Reason::TooManyChildren, detail);
        }
        if self.flaw.is_some() {
            return;
        }
        self.children[list].count += 1;
        for inner in within {
            let children = &mut self.children[*inner];
            children.ends.push(children.count);
        }
    }

    /// Says that the record as a whole is wrong.
    pub fn fail(&mut self, reason: Reason, detail: String) {
        self.flaw = Some(reason);
        self.detail = detail;
    }

    /// How many fields it has.
    pub fn width(&self) -> usize {
        self.spans.len()
    }

    /// The cells, as bytes that should be UTF-8.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        self.spans.iter().map(|(start, end)| &self.bytes[*start as usize..*end as usize])
    }

    /// Adds to the field under way.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.grow(bytes.len()) {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Ends the field under way; the next one begins.
    pub fn end_field(&mut self) {
        if self.grow(1) {
            let end = self.bytes.len() as u32;
            self.spans.push((self.start, end));
            self.start = end;
        }
    }

    /// Adds empty fields at the end, up to so many in all.
    pub fn pad(&mut self, width: usize) {
        let end = self.bytes.len() as u32;
        self.spans.resize(self.spans.len().max(width), (end, end));
    }

    /// Adds to the record's length; false once it is too long to be kept.
    pub fn grow(&mut self, bytes: usize) -> bool {
        self.size += bytes;
        let fits = self.size <= MAX_RECORD_BYTES;
        if !fits && self.flaw != Some(Reason::RecordTooLong) {
            self.flaw = Some(Reason::RecordTooLong);
            self.bytes = Vec::new();
            self.spans = Vec::new();
            self.children.iter_mut().for_each(|children| *children = Children::default());
        }
        fits
    }
}
