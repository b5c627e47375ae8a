//! How a condition reads a cell that it compares.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Ambiguous, Column, ColumnType, Notation, SignStyle};

/// How a condition reads the cell that it compares, and the text that it compares it with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadAs {
    /// What the cell is: `integer`, `decimal`, `date`, `time`, `timestamp` or `duration`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ColumnType>,
    /// As in a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal_mark: Option<String>,
    /// As in a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grouping: Option<String>,
    /// As in a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<SignStyle>,
    /// As in a column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<String>,
    /// As in a column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suffixes: Vec<String>,
    /// As in a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// As in a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub two_digit_years_from: Option<i16>,
    /// As in a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// As in a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ambiguous: Option<Ambiguous>,
    /// As in a column.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notations: Vec<Notation>,
}

impl ReadAs {
    /// Returns a column that reads its cells so.
    pub(in crate::mapping) fn column(&self) -> Column {
        Column {
            kind: self.kind,
            decimal_mark: self.decimal_mark.clone(),
            grouping: self.grouping.clone(),
            sign: self.sign,
            prefixes: self.prefixes.clone(),
            suffixes: self.suffixes.clone(),
            format: self.format.clone(),
            two_digit_years_from: self.two_digit_years_from,
            time_zone: self.time_zone.clone(),
            ambiguous: self.ambiguous,
            notations: self.notations.clone(),
            ..Column::default()
        }
    }
}
