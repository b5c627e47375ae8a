//! Decides between records with one key, before anything is sent.
//!
//! Within a file the mapping's policy decides; between the files of a run, which come in their order,
//! a record of a later file supersedes those of earlier files. Only records that were mapped take
//! part: one that is filtered or in error neither displaces another nor is displaced.
//!
//! One file of which the first counts is settled as it is read: a table of 32 bits a key tells those that are new, and
//! at the first that may not be, or when the table is full, the file's keys are read by themselves. All else begins with that pass. So
//! memory does not grow with the files; what is kept of records is of those whose keys may be there again.

mod block;
mod contested;
mod filter;
mod key_hasher;
mod new_keys;
mod winners;

use std::{
    error::Error,
    io::{self, Read},
};

use contested::{Contested, contested};
pub use winners::{InPlace, Settled, Winners};
use winners::{Place, Seen};

use super::compile::Compiled;
use super::document::Duplicates;
use super::file_error::FileError;
use super::incoming::Incoming;
use super::reading::{Step, records};

/// Finds out which records of a run's files count.
///
/// `sizes` are the files' sizes, in bytes and unpacked, about; `open` opens one by its index, several times. Where
/// reading a file fails, `failed` says whether to go on without it: it then displaces nothing.
///
/// # Errors
/// Those of `open` and `failed`.
pub fn settle<'o, R: Read + 'o, F: Into<Incoming<'o, R>>, E: Into<Box<dyn Error + Send + Sync>>>(
    mapping: &Compiled,
    sizes: &[u64],
    mut open: impl FnMut(usize) -> Result<F, E> + 'o,
    mut failed: impl FnMut(usize, FileError) -> Result<(), E>,
) -> Result<Winners<'o>, E> {
    let bytes: u64 = sizes.iter().sum();
    let policy = mapping.duplicates;
    if !mapping.has_key() {
        return Ok(Winners::all());
    }
    if sizes.len() <= 1 && policy != Duplicates::Last {
        let open = move || open(0).map(|file| file.into().boxed()).map_err(io::Error::other);
        return Ok(Winners::while_reading(policy, bytes, Box::new(open)));
    }
    let mut each = |use_file: &mut dyn FnMut(usize, Incoming<'o, R>) -> Result<(), FileError>| {
        for file in 0..sizes.len() {
            if let Err(error) = use_file(file, open(file)?.into()) {
                failed(file, error)?;
            }
        }
        Ok(())
    };
    let contested = contested(mapping, bytes, &mut each)?;
    if contested.is_empty() {
        return Ok(Winners::all());
    }
    let mut seen = Vec::new();
    each(&mut |file, reader| {
        let before = seen.len();
        let read = gather(reader, mapping, &contested, file, &mut seen);
        if read.is_err() {
            seen.truncate(before);
        }
        read
    })?;
    Ok(Winners::of(policy, seen))
}

/// Reads a file's contested keys.
fn gather<R: Read>(
    reader: Incoming<'_, R>,
    mapping: &Compiled,
    contested: &Contested,
    file: usize,
    seen: &mut Vec<Seen>,
) -> Result<(), FileError> {
    let mut records = records(reader, mapping)?;
    while let Some(step) = records.step() {
        if let Step::Mapped { line } = step?
            && contested.has(records.fingerprint())
            && let Some(key) = records.identity(line).key
        {
            seen.push((key, Place::of(file, line, &records)));
        }
    }
    Ok(())
}

impl Contested {
    /// Whether a key may be there again, by its fingerprint.
    fn has(&self, key: Option<u64>) -> bool {
        key.is_some_and(|key| self.0.contains(&key))
    }
}
