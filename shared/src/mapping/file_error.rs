//! Why a file as a whole cannot be read.

use std::io;

use thiserror::Error;

use super::input::{decode::WrongEncoding, workbook::WorkbookError};
use super::outcome::Reason;
use crate::compression::Unpackable;

/// Why a file cannot be read as the mapping states.
#[derive(Debug, Error)]
pub enum FileError {
    /// It begins with the byte order mark of another encoding.
    #[error(transparent)]
    WrongEncoding(#[from] WrongEncoding),
    /// It is packed, and cannot be unpacked.
    #[error(transparent)]
    Unpackable(#[from] Unpackable),
    /// Columns that the mapping names are not there.
    #[error("the file has no column {}; it has {}", missing.join(", "), found.join(", "))]
    MissingColumns {
        /// The columns that the mapping names.
        missing: Vec<String>,
        /// The first 50 columns of the file, shortened to 60 characters.
        found: Vec<String>,
    },
    /// A column that the mapping names is there more than once.
    #[error("the file has more than one column {column}; which of them is meant cannot be told")]
    RepeatedColumn {
        /// The column's name.
        column: String,
    },
    /// It is a workbook that cannot be read, or none.
    #[error(transparent)]
    Workbook(#[from] WorkbookError),
    /// It is not JSON, or not JSON with records in it.
    #[error("the file is not JSON that can be mapped: {0}")]
    NotJson(String),
    /// What the mapping says holds the records is not there.
    #[error("the file has no records where the mapping says: {0}")]
    NoRecords(String),
    /// It is not XML, or not XML as it is read.
    #[error("the file is not XML that can be mapped: {what} on line {line}")]
    NotXml {
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        what: String,
    },
    /// It declares another encoding than the mapping states, or one that cannot be read.
    #[error("the file declares its encoding as {declared}, but {instead}")]
    DeclaredEncoding {
        /// What it declares.
        declared: String,
        /// What was expected.
        instead: String,
    },
    /// A record without line ends is malformed, so that where the next begins is unclear.
    #[error(
        "record {record} of the file is malformed in the stated encoding, so where it ends cannot be counted"
    )]
    UncountableRecord {
        /// Which, from 1.
        record: u64,
    },
    /// The file's own totals are not those of what is in it.
    #[error("the file states {what} {stated}, but what is in it comes to {found}")]
    ControlTotals {
        /// Which of the totals.
        what: &'static str,
        /// What the file states.
        stated: String,
        /// What was found.
        found: String,
    },
    /// The first line, which tells the columns, cannot be read.
    #[error("the first record, on line {line}, cannot be read: {reason}")]
    UnreadableHeader {
        /// The line on which it begins, from 1.
        line: u64,
        /// What is wrong with it.
        reason: Reason,
    },
    /// Its name does not have the part that a column takes from it.
    #[error("the file{} has no name as the mapping states it, which takes a column from it", name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default())]
    NoFileNamePart {
        /// The file's name, where it has one.
        name: Option<String>,
    },
    /// Reading failed.
    #[error("the file could not be read to its end")]
    Read(#[source] io::Error),
}

impl FileError {
    /// Returns a stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongEncoding(_) => "wrong_encoding",
            Self::Unpackable(why) => why.code(),
            Self::Workbook(why) => why.code(),
            Self::MissingColumns { .. } => "missing_columns",
            Self::RepeatedColumn { .. } => "repeated_column",
            Self::UnreadableHeader { .. } => "unreadable_header",
            Self::NotJson(_) => "not_json",
            Self::NoFileNamePart { .. } => "no_file_name_part",
            Self::NoRecords(_) => "no_records",
            Self::NotXml { .. } => "not_xml",
            Self::DeclaredEncoding { .. } => "wrong_encoding",
            Self::UncountableRecord { .. } => "uncountable_record",
            Self::ControlTotals { .. } => "control_totals",
            Self::Read(_) => "read_failed",
        }
    }

    /// Puts the error through a reader's.
    pub(super) fn into_io(self) -> io::Error {
        match self {
            Self::Read(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidData, other),
        }
    }

    /// Returns whether reading the same file again can succeed.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Read(_))
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(error) => return error,
            Err(error) => error,
        };
        let error = match error.downcast::<WrongEncoding>() {
            Ok(wrong) => return Self::WrongEncoding(wrong),
            Err(error) => error,
        };
        let error = match error.downcast::<WorkbookError>() {
            Ok(why) => return Self::Workbook(why),
            Err(error) => error,
        };
        match error.downcast::<Unpackable>() {
            Ok(why) => Self::Unpackable(why),
            Err(error) => Self::Read(error),
        }
    }
}
