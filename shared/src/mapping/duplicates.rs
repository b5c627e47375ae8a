//! Decides between records with one key, before anything is sent.
//!
//! Within a file the mapping's policy decides; between the files of a run, which come in their order,
//! a record of a later file supersedes those of earlier files. Only records that were mapped take
//! part: one that is filtered or in error neither displaces another nor is displaced.
//!
//! One file of which the first counts is settled as it is read. All else needs all keys first: a
//! [`KeyPass`] keeps 24 bytes a record, and what [`Winners`] keep of it is the losers only.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::Read;

use super::compile::Compiled;
use super::document::Duplicates;
use super::file_error::FileError;
use super::outcome::{
    DUPLICATE_KEY, FilteredRecord, Mapped, Outcome, Reason, RecordError, RecordKey, SUPERSEDED_BY_LATER_FILE,
};
use super::reading::{Step, records};

/// How the duplicates of one run are settled.
pub enum Settling {
    /// As the one file is read.
    WhileReading(Winners),
    /// Once the keys of all files are known.
    KeysFirst(KeyPass),
}

impl Settling {
    /// Chooses for a run of so many files.
    pub fn of(mapping: &Compiled, files: usize) -> Self {
        let needs_all_keys = mapping.has_key() && (files > 1 || mapping.duplicates == Duplicates::Last);
        if needs_all_keys {
            Self::KeysFirst(KeyPass { policy: mapping.duplicates, file: 0, seen: Vec::new() })
        } else {
            Self::WhileReading(Winners(State::Streaming {
                policy: mapping.duplicates,
                seen: HashMap::default(),
            }))
        }
    }

    /// Returns whether every file has to be read twice.
    pub fn needs_key_pass(&self) -> bool {
        matches!(self, Self::KeysFirst(_))
    }
}

/// The keys of all files, gathered before the records are read.
pub struct KeyPass {
    policy: Duplicates,
    file: u32,
    seen: Vec<Seen>,
}

/// A record's key, and where it is.
type Seen = (RecordKey, Place);

/// A file's index in the run and a line, in 8 bytes: 24 bits and 40 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place(u64);

/// Knows of each record whether it counts.
pub struct Winners(State);

enum State {
    Streaming {
        policy: Duplicates,
        seen: HashMap<RecordKey, Line, BuildHasherDefault<KeyHasher>>,
    },
    /// Sorted by place.
    Settled {
        losers: Vec<(Place, Loss)>,
    },
}

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

impl KeyPass {
    /// Reads the next file's keys.
    ///
    /// # Errors
    ///
    /// As [`records`]; the file then counts as read, with no keys, so that it displaces nothing.
    pub fn read(&mut self, reader: impl Read, mapping: &Compiled) -> Result<(), FileError> {
        let before = self.seen.len();
        let result = self.gather(reader, mapping);
        if result.is_err() {
            self.seen.truncate(before);
        }
        self.file += 1;
        result
    }

    /// Settles which records count.
    pub fn finish(mut self) -> Winners {
        self.seen.sort_unstable();
        let by_file = |left: &Seen, right: &Seen| left.1.file() == right.1.file();
        let winner_of = |file: &[Seen]| match self.policy {
            Duplicates::Last => file[file.len() - 1].1,
            Duplicates::Error | Duplicates::First => file[0].1,
        };
        let mut losers = Vec::new();
        for same_key in self.seen.chunk_by(|left, right| left.0 == right.0).filter(|group| group.len() > 1) {
            let last = same_key.chunk_by(by_file).next_back().map(winner_of);
            for file in same_key.chunk_by(by_file) {
                let winner = winner_of(file);
                losers.extend(file.iter().filter_map(|(_, place)| match last {
                    _ if *place != winner => Some((*place, Loss::ToLine(pack(winner.line()), self.policy))),
                    Some(last) if last != winner => Some((*place, Loss::ToLaterFile(last))),
                    _ => None,
                }));
            }
        }
        losers.sort_unstable_by_key(|(place, _)| *place);
        Winners(State::Settled { losers })
    }

    fn gather(&mut self, reader: impl Read, mapping: &Compiled) -> Result<(), FileError> {
        let mut records = records(reader, mapping)?;
        while let Some(step) = records.step() {
            if let Step::Mapped { line } = step?
                && let Some(key) = records.identity(line).key
            {
                self.seen.push((key, Place::new(self.file, line)));
            }
        }
        Ok(())
    }
}

impl Winners {
    /// Passes an outcome through, or replaces a record that does not count. `file` is the file's
    /// index in the run, from 0; records of a file come in its order, each once.
    pub fn settle(&mut self, file: usize, outcome: Outcome) -> Outcome {
        let Outcome::Record(Mapped { key: Some(key), line, .. }) = &outcome else {
            return outcome;
        };
        let loss = match &mut self.0 {
            State::Streaming { policy, seen } => {
                let first = *seen.entry(*key).or_insert_with(|| pack(*line));
                (first != pack(*line)).then_some(Loss::ToLine(first, *policy))
            }
            State::Settled { losers } => {
                let place = Place::new(file as u32, *line);
                losers.binary_search_by_key(&place, |(place, _)| *place).ok().map(|at| losers[at].1)
            }
        };
        match (outcome, loss) {
            (Outcome::Record(record), Some(loss)) => lost(record, loss),
            (outcome, _) => outcome,
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
    fn new(file: u32, line: u64) -> Self {
        Self((u64::from(file) << 40) | (line & ((1 << 40) - 1)))
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

/// Takes a key's own bits: they are those of a cryptographic hash already.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
