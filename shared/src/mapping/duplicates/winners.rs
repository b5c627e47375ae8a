//! Which records count: asked of each record as it is read.

use std::{collections::HashMap, io};

use super::{
    block::{Block, Read, What},
    contested::{Contested, contested},
    key_hasher::ByOwnBits,
    new_keys::NewKeys,
};
use crate::mapping::{
    compile::Compiled,
    document::Duplicates,
    file_error::FileError,
    incoming::Incoming,
    map::Row,
    outcome::{
        DUPLICATE_KEY, FilteredRecord, Mapped, Outcome, Reason, RecordError, RecordKey,
        SUPERSEDED_BY_LATER_FILE,
    },
    reading::{Records, Step, records},
};

/// Knows of each record whether it counts.
pub struct Winners<'o> {
    state: State<'o>,
    block: Block,
}

/// Opens the file once more.
pub(super) type Reopen<'o> = Box<dyn FnMut() -> io::Result<Incoming<'o, Box<dyn io::Read + 'o>>> + 'o>;

enum State<'o> {
    /// All do.
    All,
    /// All that were read have keys of their own.
    AllNew { policy: Duplicates, bytes: u64, keys: NewKeys, reopen: Reopen<'o> },
    /// The first one with a key does.
    First { policy: Duplicates, contested: Contested, seen: HashMap<RecordKey, Place, ByOwnBits> },
    /// All but these, sorted by place.
    Settled { losers: Vec<(Place, Loss)> },
}

/// What a record came to.
pub enum Settled<'a> {
    /// It was mapped, and counts.
    Mapped(InPlace<'a>),
    /// It was filtered, is in error, or does not count.
    Other(Outcome),
}

/// A mapped record where it was made, until the next one is read.
pub struct InPlace<'a> {
    mapping: &'a Compiled,
    row: &'a mut Row,
    line: u64,
    number: u64,
}

impl InPlace<'_> {
    /// The line of the file on which it begins, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// A compact JSON object with the columns in the mapping's order.
    pub fn data(&self) -> &str {
        &self.row.data
    }

    /// Takes it away, with who it is and its hash.
    pub fn take(self) -> Mapped {
        self.mapping.take(self.row, self.line, self.number)
    }
}

/// A record's key, and where it is.
pub(super) type Seen = (RecordKey, Place);

/// Where a record is. Records of some formats share lines, so that only their number tells them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The file's index in the run.
    file: u32,
    /// The record's number in the file.
    number: u64,
    /// The line on which it begins.
    line: u64,
}

/// Why a record does not count, and which does.
#[derive(Clone, Copy)]
enum Loss {
    /// Another record of its file.
    InFile(Place, Duplicates),
    /// A record of a later file.
    ToLaterFile(Place),
}

impl<'o> Winners<'o> {
    fn new(state: State<'o>) -> Self {
        Self { state, block: Block::default() }
    }

    /// Where no two records can have one key.
    pub(super) fn all() -> Self {
        Self::new(State::All)
    }

    /// Where the first of a key counts, in one file of about so many bytes.
    pub(super) fn while_reading(policy: Duplicates, bytes: u64, reopen: Reopen<'o>) -> Self {
        Self::new(State::AllNew { policy, bytes, keys: NewKeys::for_file(bytes), reopen })
    }

    /// Where these records have the keys that may be there again.
    pub(super) fn of(policy: Duplicates, mut seen: Vec<Seen>) -> Self {
        seen.sort_unstable();
        let by_file = |left: &Seen, right: &Seen| left.1.file == right.1.file;
        let winner_of = |file: &[Seen]| match policy {
            Duplicates::Last => file[file.len() - 1].1,
            Duplicates::Error | Duplicates::First => file[0].1,
        };
        let mut losers = Vec::new();
        for same_key in seen.chunk_by(|left, right| left.0 == right.0).filter(|group| group.len() > 1) {
            let last = same_key.chunk_by(by_file).next_back().map(winner_of);
            for file in same_key.chunk_by(by_file) {
                let winner = winner_of(file);
                losers.extend(file.iter().filter_map(|(_, place)| match last {
                    _ if *place != winner => Some((*place, Loss::InFile(winner, policy))),
                    Some(last) if last != winner => Some((*place, Loss::ToLaterFile(last))),
                    _ => None,
                }));
            }
        }
        losers.sort_unstable_by_key(|(place, _)| *place);
        Self::new(State::Settled { losers })
    }

    /// Reads the next record. `file` is the file's index in the run, from 0; each is read once, from its begin to its
    /// end.
    pub fn read<'a>(
        &'a mut self,
        file: usize,
        records: &'a mut Records<'_>,
    ) -> Option<Result<Settled<'a>, FileError>> {
        if self.block.is_over() {
            self.block.fill(records);
            if let State::AllNew { keys, .. } = &mut self.state {
                self.block.look_up(keys);
            }
        }
        let mapping = records.mapping();
        let read = self.block.next()?;
        if !matches!(read.what, What::Mapped) {
            return match std::mem::take(&mut read.what) {
                What::Other(outcome) => Some(Ok(Settled::Other(outcome))),
                What::Failed(error) => Some(Err(error)),
                What::Mapped | What::Taken => None,
            };
        }
        Some(self.state.loss(file, read, mapping).map(|loss| match loss {
            None => {
                let (line, number) = (read.line, read.number);
                Settled::Mapped(InPlace { mapping, row: &mut read.row, line, number })
            }
            Some(loss) => {
                let record = mapping.take(&mut read.row, read.line, read.number);
                Settled::Other(lost(record, loss, mapping))
            }
        }))
    }
}

impl State<'_> {
    fn loss(&mut self, file: usize, read: &Read, mapping: &Compiled) -> Result<Option<Loss>, FileError> {
        let place = Place { file: file as u32, number: read.number, line: read.line };
        if let State::AllNew { policy, bytes, reopen, .. } = self {
            if read.is_new {
                return Ok(None);
            }
            *self = first(*policy, *bytes, mapping, place, reopen)?;
        }
        Ok(match self {
            State::First { policy, contested, seen } if contested.has(read.key) => {
                mapping.identity(&read.row, place.number).key.and_then(|key| {
                    let first = *seen.entry(key).or_insert(place);
                    (first != place).then_some(Loss::InFile(first, *policy))
                })
            }
            State::Settled { losers } => {
                losers.binary_search_by_key(&place, |(place, _)| *place).ok().map(|at| losers[at].1)
            }
            _ => None,
        })
    }
}

/// Reads the file's keys, and then once more the records before a place whose keys may be there again.
fn first<'o>(
    policy: Duplicates,
    bytes: u64,
    mapping: &Compiled,
    before: Place,
    reopen: &mut Reopen<'o>,
) -> Result<State<'o>, FileError> {
    let contested = contested(mapping, bytes, &mut |use_file| use_file(0, reopen()?))?;
    let mut seen: HashMap<_, _, ByOwnBits> = HashMap::default();
    let mut records = records(reopen()?, mapping)?;
    while let Some(step) = records.step() {
        let Step::Mapped { line } = step? else { continue };
        let place = Place::of(0, line, &records);
        if place.number >= before.number {
            break;
        }
        if contested.has(records.fingerprint())
            && let Some(key) = records.identity(line).key
        {
            seen.entry(key).or_insert(place);
        }
    }
    Ok(State::First { policy, contested, seen })
}

fn lost(record: Mapped, loss: Loss, mapping: &Compiled) -> Outcome {
    let at = |winner: Place| mapping.input.at(winner.line, winner.number);
    let Mapped { line, place, source_id, key, name, .. } = record;
    let source_id = Some(source_id);
    let (reason, detail) = match loss {
        Loss::InFile(winner, Duplicates::Error) => {
            let detail = format!("the record {} has the same key and counts", at(winner));
            let reason = Reason::DuplicateKey;
            let field = None;
            return Outcome::Error(RecordError { line, place, source_id, key, name, reason, field, detail });
        }
        Loss::InFile(winner, _) => {
            (DUPLICATE_KEY, format!("the record {} has the same key and counts", at(winner)))
        }
        Loss::ToLaterFile(winner) => (
            SUPERSEDED_BY_LATER_FILE,
            format!("file {} of the run has the same key {}", winner.file + 1, at(winner)),
        ),
    };
    Outcome::Filtered(FilteredRecord { line, place, source_id, key, name, reason: reason.into(), detail })
}

impl Place {
    /// Where the record is that was read last.
    pub fn of(file: usize, line: u64, records: &Records<'_>) -> Self {
        Self { file: file as u32, number: records.number(), line }
    }
}
