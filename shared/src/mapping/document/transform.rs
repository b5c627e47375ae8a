//! The closed list of what can be done to a column's text or value.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Rounding;

/// One thing that is done to a column's text, or to the number, date or timestamp that it became. An empty text stays
/// empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Transform {
    /// Text: takes off outer spaces, of all kinds, and line ends.
    Trim,
    /// Text: makes every run of spaces, of all kinds, and line ends one space.
    CollapseSpaces,
    /// Text: makes letters capital.
    Upper,
    /// Text: makes letters small.
    Lower,
    /// Text: puts a character in front until the text has so many characters; longer texts stay.
    PadLeft {
        /// How many characters, 1 to 1000.
        to: u32,
        /// The one character.
        with: String,
    },
    /// Text: takes this off the front, as often as it is there, but leaves the last one of a text that is nothing else.
    StripLeft(String),
    /// Text: puts one text in the place of another, everywhere.
    Replace {
        /// The text that goes.
        find: String,
        /// What comes in its place.
        with: String,
    },
    /// Text: keeps what the one group of this regular expression matches, at its first match; without one, the record is
    /// an error.
    Capture(String),
    /// Text: keeps one of the parts between a separator; a part that is not there is an error.
    Split {
        /// The separator.
        by: String,
        /// Which part, from 1; -1 is the last.
        part: i32,
    },
    /// Text: what each text stands for.
    Lookup {
        /// What each text stands for.
        table: BTreeMap<String, String>,
        /// What becomes of a text that is not in the table.
        otherwise: NotListed,
    },
    /// Text: keeps so many characters at an end; shorter texts stay.
    Take(Part),
    /// Decimals: adds this, written like `-1.25`.
    Add(String),
    /// Decimals: subtracts this, written like `-1.25`.
    Subtract(String),
    /// Decimals: multiplies with this, written like `-1.25`; decimals add up.
    Multiply(String),
    /// Decimals: divides by this.
    Divide {
        /// The divisor, written like `-1.25`.
        by: String,
        /// How many decimals the result has, 0 to 38.
        scale: u32,
        /// How results with more decimals are rounded; they are errors where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        round: Option<Rounding>,
    },
    /// Dates and timestamps: moves by months and days of the calendar, then by minutes.
    Shift(Shift),
    /// Dates and timestamps: the beginning of the year, month, week, day, hour or minute, in local time.
    Truncate(Unit),
}

/// What becomes of a text that is not in a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotListed {
    /// The record is an error.
    Error,
    /// The text stays.
    Keep,
    /// It becomes this text.
    Text(String),
}

/// An end of a text, and how many of its characters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The first characters.
    First(u32),
    /// The last characters.
    Last(u32),
}

/// How far a date or timestamp is moved; back where a number is negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Months of the calendar, first; a day that the month does not have becomes its last.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub months: i32,
    /// Days of the calendar.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub days: i32,
    /// Timestamps only: minutes that pass, whatever clocks do meanwhile.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub minutes: i32,
}

/// A part of the calendar or the day, at whose beginning a truncated value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The 1st of January.
    Year,
    /// The 1st of the month.
    Month,
    /// The Monday.
    Week,
    /// Midnight; timestamps only.
    Day,
    /// The whole hour; timestamps only.
    Hour,
    /// The whole minute; timestamps only.
    Minute,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}
