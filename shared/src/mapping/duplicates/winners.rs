//! Which records count: asked of each record as it is read.

use std::collections::HashMap;

use super::{contested::Contested, key_hasher::ByOwnBits};
use crate::mapping::{
    document::Duplicates,
    file_error::FileError,
    outcome::{
        DUPLICATE_KEY, FilteredRecord, Mapped, Outcome, Reason, RecordError, RecordKey,
        SUPERSEDED_BY_LATER_FILE,
    },
    reading::{Records, Step},
};

/// Knows of each record whether it counts.
pub struct Winners(State);

enum State {
    /// All do.
    All,
    /// The first one with a key does.
    WhileReading { policy: Duplicates, contested: Contested, seen: HashMap<RecordKey, Line, ByOwnBits> },
    /// All but these, sorted by place.
    Settled { losers: Vec<(Place, Loss)> },
}

/// What a record came to.
pub enum Settled<'a, 'r> {
    /// It was mapped, and counts.
    Mapped(InPlace<'a, 'r>),
    /// It was filtered, is in error, or does not count.
    Other(Outcome),
}

/// A mapped record where it was made, until the next one is read.
pub struct InPlace<'a, 'r> {
    records: &'a mut Records<'r>,
    line: u64,
}

impl InPlace<'_, '_> {
    /// The line of the file on which it begins, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// A compact JSON object with the columns in the mapping's order.
    pub fn data(&self) -> &str {
        self.records.data()
    }

    /// Takes it away, with who it is and its hash.
    pub fn take(self) -> Mapped {
        self.records.take(self.line)
    }
}

/// A record's key, and where it is.
pub(super) type Seen = (RecordKey, Place);

/// A file's index in the run and a line, in 8 bytes: 24 bits and 40 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

/// A line in 5 bytes, so that millions of them stay small beside their keys.
type Line = [u8; 5];

/// Why a record does not count, and which does.
#[derive(Clone, Copy)]
enum Loss {
    /// Another record of its file, on this line.
    ToLine(Line, Duplicates),
    /// The record at this place.
    ToLaterFile(Place),
}

impl Winners {
    /// Where no two records can have one key.
    pub(super) fn all() -> Self {
        Self(State::All)
    }

    /// Where the first of a key counts, in one file.
    pub(super) fn while_reading(policy: Duplicates, contested: Contested) -> Self {
        Self(State::WhileReading { policy, contested, seen: HashMap::default() })
    }

    /// Where these records have the keys that may be there again.
    pub(super) fn of(policy: Duplicates, mut seen: Vec<Seen>) -> Self {
        seen.sort_unstable();
        let by_file = |left: &Seen, right: &Seen| left.1.file() == right.1.file();
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
                    _ if *place != winner => Some((*place, Loss::ToLine(pack(winner.line()), policy))),
                    Some(last) if last != winner => Some((*place, Loss::ToLaterFile(last))),
                    _ => None,
                }));
            }
        }
        losers.sort_unstable_by_key(|(place, _)| *place);
        Self(State::Settled { losers })
    }

    /// Reads the next record. `file` is the file's index in the run, from 0; each is read once, from its begin.
    pub fn read<'a, 'r>(
        &mut self,
        file: usize,
        records: &'a mut Records<'r>,
    ) -> Option<Result<Settled<'a, 'r>, FileError>> {
        let line = match records.step()? {
            Ok(Step::Mapped { line }) => line,
            Ok(Step::Other(outcome)) => return Some(Ok(Settled::Other(outcome))),
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(match self.loss(file, line, records) {
            None => Settled::Mapped(InPlace { records, line }),
            Some(loss) => Settled::Other(lost(records.take(line), loss)),
        }))
    }

    fn loss(&mut self, file: usize, line: u64, records: &Records<'_>) -> Option<Loss> {
        match &mut self.0 {
            State::All => None,
            State::WhileReading { policy, contested, seen } => {
                let key = contested.has(records).then(|| records.identity(line).key)??;
                let first = *seen.entry(key).or_insert_with(|| pack(line));
                (first != pack(line)).then_some(Loss::ToLine(first, *policy))
            }
            State::Settled { losers } => {
                let place = Place::new(file, line);
                losers.binary_search_by_key(&place, |(place, _)| *place).ok().map(|at| losers[at].1)
            }
        }
    }
}

fn lost(record: Mapped, loss: Loss) -> Outcome {
    let Mapped { line, source_id, key, name, .. } = record;
    let source_id = Some(source_id);
    let (reason, detail) = match loss {
        Loss::ToLine(winner, Duplicates::Error) => {
            let detail = format!("the record on line {} has the same key and counts", unpack(winner));
            let reason = Reason::DuplicateKey;
            return Outcome::Error(RecordError { line, source_id, key, name, reason, field: None, detail });
        }
        Loss::ToLine(winner, _) => {
            (DUPLICATE_KEY, format!("the record on line {} has the same key and counts", unpack(winner)))
        }
        Loss::ToLaterFile(winner) => {
            let (file, line) = (winner.file() + 1, winner.line());
            (SUPERSEDED_BY_LATER_FILE, format!("file {file} of the run has the same key on line {line}"))
        }
    };
    Outcome::Filtered(FilteredRecord { line, source_id, key, name, reason: reason.into(), detail })
}

impl Place {
    pub fn new(file: usize, line: u64) -> Self {
        Self(((file as u64) << 40) | (line & ((1 << 40) - 1)))
    }

    fn file(self) -> u64 {
        self.0 >> 40
    }

    fn line(self) -> u64 {
        self.0 & ((1 << 40) - 1)
    }
}

fn pack(line: u64) -> Line {
    let [_, _, _, line @ ..] = line.to_be_bytes();
    line
}

fn unpack(line: Line) -> u64 {
    line.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}
