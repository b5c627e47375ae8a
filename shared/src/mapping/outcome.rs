//! What became of one record: mapped, filtered, or an error.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Reason of a record that another record of its file with the same key displaced.
pub const DUPLICATE_KEY: &str = "duplicate_key";
/// Reason of a record whose key a later file of the run has too.
pub const SUPERSEDED_BY_LATER_FILE: &str = "superseded_by_later_file";

/// A record's identity: the first 128 bits of the SHA-256 of its key columns' values, in the key's
/// order, each as its length in bytes (4 bytes, big-endian) and its UTF-8 text.
pub type RecordKey = [u8; 16];

/// What became of one record. Every record of a file becomes exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was mapped.
    Record(Mapped),
    /// It was taken out, on purpose.
    Filtered(FilteredRecord),
    /// It could not be mapped.
    Error(RecordError),
}

/// A record as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// The line of the file on which it begins, from 1.
    pub line: u64,
    /// What tells it from all other records of its file: its line, or its number (from 1) in formats
    /// that may have several records on a line.
    pub place: u64,
    /// The key column's text; several are joined by `|`, with `\` before `|` and `\`. `line N`, or
    /// `record N` where lines may have several, where the mapping has no key.
    pub source_id: String,
    /// Its identity, where the mapping has a key.
    pub key: Option<RecordKey>,
    /// The text of the column that names records; masked where that is personal data.
    pub name: Option<String>,
    /// A compact JSON object with the columns in the mapping's order.
    pub data: String,
    /// The first 128 bits of the SHA-256 of `data`, without the values of columns that come from the run.
    pub hash: [u8; 16],
}

/// A record that was taken out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilteredRecord {
    /// The line of the file on which it begins, from 1.
    pub line: u64,
    /// What tells it from all other records of its file: its line, or its number (from 1) in formats
    /// that may have several records on a line.
    pub place: u64,
    /// As in [`Mapped`]; None where the key columns could not be read.
    pub source_id: Option<String>,
    /// As in [`Mapped`]; also None where the key columns could not be read.
    pub key: Option<RecordKey>,
    /// As in [`Mapped`]; also None where the column could not be read.
    pub name: Option<String>,
    /// The filter's reason, [`DUPLICATE_KEY`] or [`SUPERSEDED_BY_LATER_FILE`].
    pub reason: String,
    /// What it met, in words.
    pub detail: String,
}

/// A record that could not be mapped, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// The line of the file on which it begins, from 1.
    pub line: u64,
    /// What tells it from all other records of its file: its line, or its number (from 1) in formats
    /// that may have several records on a line.
    pub place: u64,
    /// As in [`Mapped`]; None where the key columns could not be read.
    pub source_id: Option<String>,
    /// As in [`Mapped`]; also None where the key columns could not be read.
    pub key: Option<RecordKey>,
    /// As in [`Mapped`]; also None where the column could not be read.
    pub name: Option<String>,
    /// What is wrong, as a code.
    pub reason: Reason,
    /// The input column that is at fault, where one is.
    pub field: Option<String>,
    /// What was found and what would be right.
    pub detail: String,
}

impl Outcome {
    /// Returns the line of the file on which the record begins, from 1.
    pub fn line(&self) -> u64 {
        match self {
            Self::Record(record) => record.line,
            Self::Filtered(record) => record.line,
            Self::Error(record) => record.line,
        }
    }

    /// Returns what tells the record from all others of its file.
    pub fn place(&self) -> u64 {
        match self {
            Self::Record(record) => record.place,
            Self::Filtered(record) => record.place,
            Self::Error(record) => record.place,
        }
    }

    /// Returns the record's identity, where it has one that could be read.
    pub fn key(&self) -> Option<&RecordKey> {
        match self {
            Self::Record(record) => record.key.as_ref(),
            Self::Filtered(record) => record.key.as_ref(),
            Self::Error(record) => record.key.as_ref(),
        }
    }
}

/// Why a record could not be mapped, as a stable code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A cell is malformed in the stated encoding.
    InvalidBytes,
    /// The record has more or fewer fields than the header, or than the first record where there is none.
    RaggedLine,
    /// Text follows the quote that closes a field, so where the field ends is unclear.
    StrayQuote,
    /// A quote never closes: everything from this record to the end of the file is unread.
    UnclosedQuote,
    /// The record is over 1 MiB.
    RecordTooLong,
    /// A required cell is empty.
    Required,
    /// A key cell is empty.
    EmptyKey,
    /// The cell is none that the column's `values` list.
    UnmappedValue,
    /// The cell is not a whole number.
    NotAnInteger,
    /// The cell is not a number as the mapping states it.
    NotADecimal,
    /// The number or instant is outside of what can be represented.
    OutOfRange,
    /// The cell is not a date of the stated format, or no such day exists.
    NotADate,
    /// The cell is not a date and time of the stated format.
    NotATimestamp,
    /// The local time does not exist: clocks skip it in spring.
    TimeInGap,
    /// The local time occurs twice, and the mapping does not say which is meant.
    AmbiguousTime,
    /// The cell is in neither list of the column.
    NotABoolean,
    /// The cell is not a time of day of the stated format.
    NotATime,
    /// The cell is not a length of time as the mapping states it, or only one of start and end is there.
    NotADuration,
    /// The end of a duration is before its start, and the mapping does not say that it passes midnight.
    EndBeforeStart,
    /// The end of a duration is at the time of its start, which the mapping takes neither for no time nor for a day.
    AmbiguousDuration,
    /// The identifier was made a number by a spreadsheet or another tool: what it was is lost.
    SpreadsheetNumber,
    /// The number has more decimals than the mapping states, which does not say how to round.
    Inexact,
    /// A transform does not apply to the cell: nothing is captured, or there is no such part.
    TransformFailed,
    /// The line is not a JSON object, or a text of it is malformed.
    NotJson,
    /// A JSON object has two members of one name.
    RepeatedMember,
    /// An XML element or attribute of which one is expected is there more than once.
    RepeatedElement,
    /// What should be a list of JSON objects, of which a list goes out, is something else.
    NotAList,
    /// The record has more repeated children than are read.
    TooManyChildren,
    /// An earlier record of the file has the same key.
    DuplicateKey,
    /// The cell of a workbook is an error value, such as `#N/A`.
    ErrorCell,
    /// The cell of a workbook is a formula that was saved without a value.
    FormulaWithoutValue,
    /// The cell of a workbook is a number of more digits than a spreadsheet keeps: the rest is made up.
    ExcelLostDigits,
    /// The cell of a workbook is something else than it says.
    UnreadableCell,
}

impl Reason {
    /// Returns the code, as it is serialized.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidBytes => "invalid_bytes",
            Self::RaggedLine => "ragged_line",
            Self::StrayQuote => "stray_quote",
            Self::UnclosedQuote => "unclosed_quote",
            Self::RecordTooLong => "record_too_long",
            Self::Required => "required",
            Self::EmptyKey => "empty_key",
            Self::UnmappedValue => "unmapped_value",
            Self::NotAnInteger => "not_an_integer",
            Self::NotADecimal => "not_a_decimal",
            Self::OutOfRange => "out_of_range",
            Self::NotADate => "not_a_date",
            Self::NotATimestamp => "not_a_timestamp",
            Self::TimeInGap => "time_in_gap",
            Self::AmbiguousTime => "ambiguous_time",
            Self::NotABoolean => "not_a_boolean",
            Self::NotATime => "not_a_time",
            Self::NotADuration => "not_a_duration",
            Self::EndBeforeStart => "end_before_start",
            Self::AmbiguousDuration => "ambiguous_duration",
            Self::SpreadsheetNumber => "spreadsheet_number",
            Self::Inexact => "inexact",
            Self::TransformFailed => "transform_failed",
            Self::NotJson => "not_json",
            Self::RepeatedMember => "repeated_member",
            Self::RepeatedElement => "repeated_element",
            Self::NotAList => "not_a_list",
            Self::TooManyChildren => "too_many_children",
            Self::DuplicateKey => DUPLICATE_KEY,
            Self::ErrorCell => "error_cell",
            Self::FormulaWithoutValue => "formula_without_value",
            Self::ExcelLostDigits => "excel_lost_digits",
            Self::UnreadableCell => "unreadable_cell",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
