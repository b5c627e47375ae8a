//! The mapping as users save it: input format, columns, key, filters.
//!
//! Every field that would otherwise be guessed is stated here. Options that only some column types
//! take are flat and optional, so that [`Mapping::validate`] can name the field that is missing;
//! this module only holds the shape and checks nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cases::Case;

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
    /// Names of the columns that together identify a record; none means records have no identity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Name of the column that reports show for a record.
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
}

/// What there is to say of JSON: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonInput {}

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

/// One column that goes out, and the input column that it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The member's name in the JSON record.
    pub name: String,
    /// The input column, exactly as the header writes it.
    pub from: String,
    /// What the cells are.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether an empty cell is an error; key columns always are required.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// What an empty cell stands for, written as a cell of this column and not put through `values`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// What each cell stands for; a cell that is not listed is an error. Keys are the file's text,
    /// values are written as cells of this column's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<BTreeMap<String, String>>,
    /// Decimals only: `,` or `.` before the fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal_mark: Option<String>,
    /// Decimals only: what may stand between groups of three digits, a space (any of the space
    /// characters that spreadsheets write), `.`, `,` or `'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grouping: Option<String>,
    /// Dates and timestamps: how they are written, in strptime directives such as `%d.%m.%Y %H:%M`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Timestamps whose format has no offset: the IANA zone of the file's local times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Timestamps with a zone: which instant a local time means that autumn repeats. Default `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ambiguous: Option<Ambiguous>,
    /// Booleans only: the cells that mean true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub true_values: Vec<String>,
    /// Booleans only: the cells that mean false.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub false_values: Vec<String>,
}

/// What the cells of a column are, and what they become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text, kept exactly: nothing is trimmed and `0042` stays `0042`.
    Text,
    /// A whole number within 64 bits, as a JSON number.
    Integer,
    /// An exact number of up to 38 digits, as a JSON string such as `"7.50"` that keeps its scale.
    Decimal,
    /// A calendar date, as `"2026-10-25"`.
    Date,
    /// An instant, as RFC 3339 text in UTC.
    Timestamp,
    /// True or false.
    Boolean,
}

/// Which instant a local time means that occurs twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ambiguous {
    /// The first occurrence, in summer time.
    Earliest,
    /// The second occurrence, in winter time.
    Latest,
    /// Neither: the record is an error.
    #[default]
    Error,
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

/// A test that takes records out; it has exactly one of the tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The input column that is tested, as the header writes it; it need not be mapped.
    pub column: String,
    /// The cell's raw text is exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// The cell's raw text is anything but this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_equals: Option<String>,
    /// The cell's raw text is exactly one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
    /// True: the cell has nothing but spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty: Option<bool>,
    /// True: the cell has something other than spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_empty: Option<bool>,
    /// The reason that reports give, for example `not_payroll`.
    pub reason: String,
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
