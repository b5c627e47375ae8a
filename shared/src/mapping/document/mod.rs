//! The mapping as users save it: input format, columns, key, filters.
//!
//! Every field that would otherwise be guessed is stated here. Options that only some column types
//! take are flat and optional, so that [`Mapping::validate`] can name the field that is missing;
//! this module only holds the shape and checks nothing.

mod column;
mod condition;
mod read_as;
mod source;
mod transform;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cases::Case;
use super::formats::{FixedWidthInput, JsonInput, NdjsonInput, SaftInput, XmlInput};
pub use column::{Ambiguous, Column, ColumnType, Notation, Otherwise, Rounding, SameTime, SignStyle};
pub use condition::{Condition, Filter};
pub use read_as::ReadAs;
pub use source::{RunField, Source, SourceParts};
pub use transform::{NotListed, Part, Shift, Transform, Unit};

/// How the records of one format become JSON records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// What people call it.
    pub name: String,
    /// The format that comes in.
    pub input: Input,
    /// The columns that go out, in this order.
    pub columns: Vec<Column>,
    /// Names of the columns that together identify a record; none means records have no identity. A column within a
    /// group goes by its path, such as `address.city`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Name, or path, of the column that reports show for a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_name: Option<String>,
    /// Which of several records with one key counts, within one file.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// Tests on the input; the first that a record meets takes it out, with that filter's reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// Samples, and what has to come of each; a mapping is only saved if they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<Case>,
}

/// The format that comes in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum Input {
    /// Text with one record a line and fields between delimiters.
    Csv(CsvInput),
    /// A JSON object, or an array of objects, in UTF-8: the payload of a notification. `from` of a column is a member's
    /// name, or a JSON pointer.
    Json(JsonInput),
    /// A sheet of a workbook: XLSX, XLS of Excel 97 or later, or ODS. Only files can be workbooks.
    Workbook(WorkbookInput),
    /// One JSON object a line, in UTF-8. `from` of a column is as with `json`.
    Ndjson(NdjsonInput),
    /// Text with one record a line, or of a fixed length, and cells at fixed positions.
    FixedWidth(FixedWidthInput),
    /// XML. `from` of a column is a path from the record's element, for example `n:Name/@lang`, `../n:Id` or `.`.
    Xml(XmlInput),
    /// SAF-T Financial of Norway, versions 1.10 to 1.30. `from` of a column is a name of the entity's.
    Saft(SaftInput),
}

/// How a CSV file is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvInput {
    /// For example `utf-8`, `utf-16le`, `iso-8859-1` or `windows-1252`; see [`Encoding`](super::Encoding).
    pub encoding: String,
    /// One ASCII character between fields.
    pub delimiter: String,
    /// One ASCII character around fields that hold delimiters or line ends, doubled inside them;
    /// null where the file has no quoting. Default `"`.
    #[serde(default = "double_quote")]
    pub quote: Option<String>,
    /// Whether the first line names the columns; where it does not they are called 1, 2, 3 and so on.
    #[serde(default = "yes")]
    pub header: bool,
    /// One ASCII character before one that has no meaning then but itself, within quotes and without; quotes may be
    /// doubled all the same. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escape: Option<String>,
    /// One ASCII character with which lines begin that are passed over. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Lines before the header, or before the first record, whatever is in them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip_lines: u32,
    /// What becomes of a record with fewer or more fields than the header, or than the first record without one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ragged: Ragged,
    /// Whether lines of nothing but delimiters, quotes and spaces are no records. Lines without a character never are.
    #[serde(default, skip_serializing_if = "is_false")]
    pub skip_empty: bool,
}

/// What becomes of a record that is shorter or longer than it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ragged {
    /// It is an error.
    #[default]
    Error,
    /// What is missing at its end is empty; what is too much must be empty.
    Pad,
}

/// Where in a workbook the records are.
///
/// What cells are as text: text as it is, also `0042`; a number as plain decimal of up to 15 digits, such as `7.5`, and
/// percentages as the number behind them; a date `2026-10-25`, with a time of day `2026-10-25T06:00:00`, and always with
/// it in columns of type `timestamp`; a time of day `06:00:00`; a duration `31:30:00`; a boolean `true` or `false`. A
/// formula is the value that it had when the workbook was saved. Hidden sheets, rows and columns are read as others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkbookInput {
    /// The sheet's name, or its number from 1, in the order of the tabs.
    pub sheet: SheetChoice,
    /// The row that names the columns, from 1. Without it columns are called A, B, C and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_row: Option<u32>,
    /// The first row of records, from 1. Default: the one after the header, or the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_row: Option<u32>,
    /// What merged cells are.
    #[serde(default)]
    pub merged: Merged,
    /// What rows without a cell are.
    #[serde(default)]
    pub empty_rows: EmptyRows,
}

/// A sheet of a workbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a sheet is its name, or its number from 1")]
pub enum SheetChoice {
    /// By its number, from 1.
    Number(u32),
    /// By its name, exactly.
    Name(String),
}

impl fmt::Display for SheetChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "number {number}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// What merged cells are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Merged {
    /// The first of them has the value, and the others are empty, as the file has it.
    #[default]
    First,
    /// Each of them that has no value of its own has the first one's.
    Fill,
}

/// What rows without a cell are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmptyRows {
    /// They are no records.
    #[default]
    Skip,
    /// They are records with empty cells, up to the last row that has any.
    Read,
}

/// Which of several records with one key counts, within one file.
///
/// Between the files of one run a later file always supersedes an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// The first counts, and later ones are errors.
    #[default]
    Error,
    /// The first counts, and later ones are filtered.
    First,
    /// The last counts, and earlier ones are filtered.
    Last,
}

fn double_quote() -> Option<String> {
    Some("\"".into())
}

fn yes() -> bool {
    true
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
