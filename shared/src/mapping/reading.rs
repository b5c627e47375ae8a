//! Reads a file's records, one outcome each: header, field counts, flaws, mapping.
//!
//! A file fails as a whole only where no record of it can be trusted: its encoding contradicts the
//! mapping, a column that the mapping names is not there or is there twice, or reading itself fails.
//! All else is the error of one record.

use std::io::Read;

use super::compile::{Compiled, Wanted};
use super::fields::{Fields, Layout, shown};
use super::file_error::FileError;
use super::identity::Identity;
use super::incoming::Incoming;
use super::input::{self, Opened, Rows, raw_record::RawRecord};
use super::map::{Row, Verdict};
use super::outcome::{FilteredRecord, Mapped, Outcome, Reason, RecordError};
use super::recipe::Record;

/// Reads a file as the mapping states: a reader of its bytes from the first, or [`Incoming`] with where they come from.
///
/// A file without a single record, header or not, is read without error. Reading takes some 300 KiB
/// and up to a few times the longest record; the reader needs no buffer.
///
/// # Errors
///
/// See [`FileError`]; those of the header come from here, all others from the iterator.
pub fn records<'r, 'p, R: Read + 'r>(
    file: impl Into<Incoming<'p, R>>,
    mapping: &'r Compiled,
) -> Result<Records<'r>, FileError> {
    let Incoming { reader, provenance } = file.into();
    let Opened { rows, columns } = input::open(&mapping.input, &mapping.named, &mapping.lists, reader)?;
    let layout = match &columns {
        Some(columns) => Layout { given: mapping.given(&provenance)?, ..mapping.find_columns(columns)? },
        None => Layout::default(),
    };
    Ok(Records {
        mapping,
        rows,
        layout,
        row: Row::default(),
        state: if columns.is_some() { State::Reading } else { State::Ended },
        hides_a_key: columns.is_none(),
        raw: RawRecord::default(),
        number: 0,
    })
}

/// The records of one file, in its order.
///
/// After an error the iterator is at its end.
pub struct Records<'r> {
    mapping: &'r Compiled,
    rows: Box<dyn Rows + 'r>,
    raw: RawRecord,
    /// How many were read.
    number: u64,
    layout: Layout,
    row: Row,
    state: State,
    hides_a_key: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Reading,
    Ended,
    Failed,
}

/// What became of a record, before a mapped one is taken out of the row.
pub(super) enum Step {
    Mapped { line: u64 },
    Other(Outcome),
}

impl<'r> Records<'r> {
    /// The mapping that it is read with.
    pub(super) fn mapping(&self) -> &'r Compiled {
        self.mapping
    }

    /// Returns whether all of the file was read and every record's key is known, so that a key that
    /// did not come is really gone.
    ///
    /// False until the end; for a file without a header or record, which says nothing; and once the
    /// key of an erroneous or filtered record could not be read. Without key columns always false.
    pub fn is_complete(&self) -> bool {
        self.state == State::Ended && !self.hides_a_key && self.mapping.has_key()
    }

    /// Reads the next record; one that is mapped is left in the row.
    pub(super) fn step(&mut self) -> Option<Result<Step, FileError>> {
        if self.state != State::Reading {
            return None;
        }
        match self.rows.read(&mut self.raw) {
            Ok(true) => self.number += 1,
            Ok(false) => {
                self.state = State::Ended;
                return None;
            }
            Err(error) => {
                self.state = State::Failed;
                return Some(Err(error.into()));
            }
        }
        let step = self.map();
        if let Step::Other(outcome) = &step {
            self.hides_a_key |= outcome.key().is_none();
        }
        Some(Ok(step))
    }

    /// Tells who the record in the row is, for those that need no more of it.
    pub(super) fn identity(&self, line: u64) -> Identity {
        self.mapping.identity(&self.row, self.mapping.input.place(line, self.number))
    }

    /// The fingerprint of the key of the record in the row; None of one without a key.
    pub(super) fn fingerprint(&self) -> Option<u64> {
        self.mapping.fingerprint(&self.row)
    }

    /// The number of the record that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Gives the record that is in the row for the room of another.
    pub(super) fn swap_row(&mut self, row: &mut Row) {
        std::mem::swap(&mut self.row, row);
    }

    /// Reads on to the next record whose key can be read, mapped or not; returns the key's fingerprint.
    pub(super) fn next_fingerprint(&mut self) -> Result<Option<u64>, FileError> {
        while self.state == State::Reading {
            if !self.rows.read(&mut self.raw)? {
                self.state = State::Ended;
            } else if self.raw.flaw.is_none() {
                let fields = Fields::one_by_one(&self.raw.bytes, &self.raw.spans);
                let record = Record {
                    layout: &self.layout,
                    fields: &fields,
                    children: &self.raw.children,
                    child: None,
                    line: self.raw.line,
                    place: 0,
                };
                let key = self.mapping.fingerprint_of_fields(record, &mut self.row);
                if key.is_some() {
                    return Ok(key);
                }
            }
        }
        Ok(None)
    }

    fn map(&mut self) -> Step {
        let line = self.raw.line;
        let place = self.mapping.input.place(line, self.number);
        if let Some(reason) = self.raw.flaw {
            return Step::Other(Outcome::Error(whole(line, place, reason, self.raw.detail.clone())));
        }
        let fields = Fields::new(&self.raw.bytes, &self.raw.spans);
        let children = &self.raw.children;
        let record = Record { layout: &self.layout, fields: &fields, children, child: None, line, place };
        let who = || self.mapping.identity_of_fields(record);
        let verdict = self.mapping.map(record, &mut self.row);
        match self.explained(verdict) {
            Verdict::Mapped => Step::Mapped { line },
            Verdict::Failed { field, reason, detail } => {
                let Identity { source_id, key, name } = who();
                let field = Some(field);
                Step::Other(Outcome::Error(RecordError {
                    line,
                    place,
                    source_id,
                    key,
                    name,
                    reason,
                    field,
                    detail,
                }))
            }
            Verdict::Filtered(at) => {
                let Identity { source_id, key, name } = who();
                let filter = &self.mapping.filters[at];
                let reason = filter.reason.clone();
                let on = filter.column.as_ref().map(|column| format!(" on {column}")).unwrap_or_default();
                let detail = format!("filter {}{on}", at + 1);
                Step::Other(Outcome::Filtered(FilteredRecord {
                    line,
                    place,
                    source_id,
                    key,
                    name,
                    reason,
                    detail,
                }))
            }
        }
    }
}

impl Records<'_> {
    /// What a record came to: of a cell that has no text, why it has none.
    fn explained(&self, verdict: Verdict) -> Verdict {
        let Verdict::Failed { field, reason: Reason::InvalidBytes, detail } = verdict else { return verdict };
        let named =
            self.mapping.wanted.iter().zip(&self.layout.wanted).filter(|(wanted, _)| wanted.name == field);
        let flaws = || self.raw.cell_flaws.iter();
        match named.filter_map(|(_, at)| flaws().find(|flaw| flaw.at == *at)).next() {
            Some(flaw) => Verdict::Failed { field, reason: flaw.reason, detail: flaw.detail.clone() },
            None => Verdict::Failed { field, reason: Reason::InvalidBytes, detail },
        }
    }
}

impl Compiled {
    /// Takes the record that is in the row.
    pub(super) fn take(&self, row: &mut Row, line: u64, number: u64) -> Mapped {
        let place = self.input.place(line, number);
        let Identity { source_id, key, name } = self.identity(row, place);
        // Records of a file are about as long as each other; not as long as the longest so far.
        let room = String::with_capacity(row.data.len() + row.data.len() / 8);
        let hash = self.hash(row);
        let data = std::mem::replace(&mut row.data, room);
        let source_id = source_id.expect("a record with an empty key column is never mapped");
        Mapped { line, place, source_id, key, name, data, hash }
    }

    /// Finds the columns that the mapping names among those of a file.
    fn find_columns(&self, names: &[String]) -> Result<Layout, FileError> {
        let mut missing = Vec::new();
        let mut wanted = Vec::with_capacity(self.wanted.len());
        for Wanted { name, nth, list } in &self.wanted {
            if let Some(list) = list {
                let of_child = self.lists[*list].named.iter().position(|named| named == name);
                wanted.push(of_child.expect("what is wanted of a child is named"));
                continue;
            }
            let mut found = names.iter().enumerate().filter(|(_, column)| *column == name);
            match (found.nth(nth.map_or(0, |nth| nth as usize - 1)), found.next()) {
                (Some(_), Some(_)) if nth.is_none() => {
                    return Err(FileError::RepeatedColumn { column: name.clone() });
                }
                (Some((at, _)), _) => wanted.push(at),
                (None, _) => {
                    let name = nth.map_or_else(|| name.clone(), |nth| format!("{name} ({nth})"));
                    if !missing.contains(&name) {
                        missing.push(name);
                    }
                }
            }
        }
        if missing.is_empty() {
            let columns =
                self.columns.iter().map(|column| column.wanted.map_or(0, |at| wanted[at])).collect();
            return Ok(Layout { columns, wanted, given: Vec::new() });
        }
        let found = names.iter().take(50).map(|name| shown(name)).collect();
        Err(FileError::MissingColumns { missing, found })
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Outcome, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.step()? {
            Ok(Step::Mapped { line }) => {
                Ok(Outcome::Record(self.mapping.take(&mut self.row, line, self.number)))
            }
            Ok(Step::Other(outcome)) => Ok(outcome),
            Err(error) => Err(error),
        })
    }
}

/// An error of a record whose fields cannot be told apart.
fn whole(line: u64, place: u64, reason: Reason, detail: String) -> RecordError {
    RecordError { line, place, source_id: None, key: None, name: None, reason, field: None, detail }
}
