//! A file that comes in, and what is known of where it comes from.
//!
//! The caller says it; nothing here reads a clock or asks who is running.

use std::io::Read;

use jiff::Timestamp;

use super::compile::{Compiled, Given};
use super::document::RunField;
use super::file_error::FileError;

/// What is known of where a file comes from, for columns that take it from there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Provenance<'p> {
    /// Its path, as reports show it.
    pub file: Option<&'p str>,
    /// The id of the run.
    pub run: Option<&'p str>,
    /// The time that the run's schedule said.
    pub scheduled_for: Option<Timestamp>,
    /// The time at which the run began.
    pub started_at: Option<Timestamp>,
}

/// A file's bytes from the first, and where they come from. A reader alone is one of which nothing is known.
pub struct Incoming<'p, R> {
    /// The bytes; it needs no buffer.
    pub reader: R,
    /// Where they come from.
    pub provenance: Provenance<'p>,
}

impl<R: Read> From<R> for Incoming<'_, R> {
    fn from(reader: R) -> Self {
        Self { reader, provenance: Provenance::default() }
    }
}

impl<'p, R: Read + 'p> Incoming<'p, R> {
    /// The same without the type of its reader.
    pub(super) fn boxed(self) -> Incoming<'p, Box<dyn Read + 'p>> {
        Incoming { reader: Box::new(self.reader), provenance: self.provenance }
    }
}

impl Compiled {
    /// Tells what the mapping takes from a file's surroundings, as texts.
    ///
    /// # Errors
    ///
    /// [`FileError::NoFileNamePart`].
    pub(super) fn given(&self, provenance: &Provenance<'_>) -> Result<Vec<String>, FileError> {
        self.given.iter().map(|given| given.text(provenance)).collect()
    }
}

impl Given {
    /// What is not known is empty, like a cell; but a name that has no such part says that this is another file.
    fn text(&self, provenance: &Provenance<'_>) -> Result<String, FileError> {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let text = match self {
            Self::FileName(regex) => {
                let name = provenance.file.map(|path| path.rsplit('/').next().unwrap_or(path));
                let captures = name.and_then(|name| regex.captures(name));
                let Some(part) = captures.and_then(|captures| captures.get(1)) else {
                    return Err(FileError::NoFileNamePart { name: name.map(str::to_owned) });
                };
                Some(part.as_str().to_owned())
            }
            Self::Run(RunField::Id) => provenance.run.map(str::to_owned),
            Self::Run(RunField::ScheduledFor) => time(provenance.scheduled_for),
            Self::Run(RunField::StartedAt) => time(provenance.started_at),
            Self::Run(RunField::File) => provenance.file.map(str::to_owned),
            // Records have lines, files have not.
            Self::Run(RunField::Line) => None,
        };
        Ok(text.unwrap_or_default())
    }
}
