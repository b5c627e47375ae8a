//! A column as users save it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, Source, Transform, is_false};

/// One column that goes out: a value with its source and type, a group of columns, or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The member's name in the JSON record; items of a list have none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The input column, exactly as the header writes it, or another source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Source>,
    /// What the cells are.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnType>,
    /// Whether an empty cell is an error; key columns always are required.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// What an empty cell stands for, written as a cell of this column and put through neither `values` nor
    /// `transforms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// What each cell stands for; a cell that is not listed is an error. Keys are the file's text,
    /// values are written as cells of this column's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<BTreeMap<String, String>>,
    /// What is done to the text, and then to the number, date or timestamp, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transforms: Vec<Transform>,
    /// Where it is not met, the cell is not read, and `else` says what goes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What goes out where `when` is not met: `null`, unless it says `default`.
    #[serde(rename = "else", default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Otherwise>,
    /// Whether cells are personal data, which errors, names in reports, and previews show masked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub pii: bool,
    /// Decimals, and durations in decimal hours: `,` or `.` before the fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal_mark: Option<String>,
    /// Decimals only: what may stand between groups of three digits, a space (any of the space
    /// characters that spreadsheets write), `.`, `,` or `'`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grouping: Option<String>,
    /// Decimals only: how cells say that a number is negative. Default `leading`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<SignStyle>,
    /// Decimals only: texts such as `kr`, one of which may stand before the number and is taken off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
    /// Decimals only: texts such as `NOK` or `%`, one of which may stand after the number and is taken off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suffixes: Vec<String>,
    /// Decimals only: how many decimals go out, 0 to 38; as many as came in where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<u32>,
    /// With `scale`: how numbers with more decimals are rounded; they are errors where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Rounding>,
    /// Dates, times, timestamps, and durations between two times: how they are written, in strptime directives such as
    /// `%d.%m.%Y %H:%M`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Formats with `%y`: the first of the hundred years that two digits mean, such as 1950.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_digit_years_from: Option<i16>,
    /// Timestamps whose format has no offset, and durations between two dates with times: the IANA zone of the file's
    /// local times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// With a zone: which instant a local time means that autumn repeats. Default `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ambiguous: Option<Ambiguous>,
    /// Booleans only: the cells that mean true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub true_values: Vec<String>,
    /// Booleans only: the cells that mean false.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub false_values: Vec<String>,
    /// Durations in one cell: the ways in which they may be written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notations: Vec<Notation>,
    /// Durations between two times: whether an end before the start is one of the next day. Otherwise it is an error.
    #[serde(default, skip_serializing_if = "is_false")]
    pub overnight: bool,
    /// With `overnight`: what an end means that is the start's time. Default `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_time: Option<SameTime>,
    /// Makes this a group: its columns, as members of an object, which is null where all of them are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// Makes this a list with an object of `columns` for each child that this leads to, in their order: a path of XML from
    /// the record, or a member's name or JSON pointer in it. `from` of the columns is from the child. Only inputs of
    /// format `xml`, `json` and `ndjson` have children.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
    /// Makes this a list: columns without a name, as items of an array, without those that are null.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Column>,
}

/// What the cells of a column are, and what they become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text, kept exactly: nothing is trimmed and `0042` stays `0042`.
    Text,
    /// Text that identifies something: kept exactly, but refused where a spreadsheet has made a number of it.
    Identifier,
    /// A whole number within 64 bits, as a JSON number.
    Integer,
    /// An exact number of up to 38 digits, as a JSON string such as `"7.50"` that keeps its scale.
    Decimal,
    /// A calendar date, as `"2026-10-25"`.
    Date,
    /// A time of day, as `"06:30:00"`.
    Time,
    /// An instant, as RFC 3339 text in UTC.
    Timestamp,
    /// A length of time, as `"PT7H30M"`.
    Duration,
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

/// What goes out where a column's condition is not met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// Null.
    #[default]
    Null,
    /// The column's default.
    Default,
}

/// How cells say that a number is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignStyle {
    /// `-7,50`; `+7,50` is positive.
    #[default]
    Leading,
    /// `7,50-`; `7,50+` is positive.
    Trailing,
    /// `(7,50)`.
    Parentheses,
    /// `7,50 CR` is negative and `7,50 DR` positive; every number has one of the two, in any case.
    CrNegative,
    /// `7,50 DR` is negative and `7,50 CR` positive; every number has one of the two, in any case.
    DrNegative,
}

/// How a number is rounded that has more decimals than are stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To the nearest; halves away from zero.
    HalfUp,
    /// To the nearest; halves to the even digit.
    HalfEven,
}

/// How a length of time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Notation {
    /// Hours and two digits of minutes: `7:30`, `112:05`.
    #[serde(rename = "h:mm")]
    HoursMinutes,
    /// Hours and two digits each of minutes and seconds: `7:30:00`.
    #[serde(rename = "h:mm:ss")]
    HoursMinutesSeconds,
    /// Hours as a number with the column's `decimal_mark`: `7,5`.
    #[serde(rename = "decimal_hours")]
    DecimalHours,
    /// Minutes as a whole number: `450`.
    #[serde(rename = "minutes")]
    Minutes,
}

/// What a shift is that ends at the time of day at which it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SameTime {
    /// No time at all.
    Zero,
    /// One day.
    Day,
    /// Neither: the record is an error.
    #[default]
    Error,
}
