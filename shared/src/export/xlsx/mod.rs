//! How workbooks are written, as an administrator states it: one sheet, a record a row.
//!
//! A cell is text unless its column says otherwise, so that identifiers stay what they are; there never is a formula.
//! Written here and not by a crate: a file is made as a stream of pieces, and the one there is for workbooks needs all
//! of them, on disk or in memory, before the first byte.

mod parts;
mod row;

use std::collections::HashSet;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::FieldError;

pub(super) use parts::{SHEET, parts};
pub(super) use row::Sheet;

/// Most columns of a workbook that is written.
const MOST_COLUMNS: usize = 1000;

/// Longest name of a sheet, in characters.
const MOST_NAME: usize = 31;

/// Most rows of a sheet, the header's too.
const MOST_ROWS: u64 = 1_048_576;

/// How a workbook is written: nothing of it is guessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XlsxOutput {
    /// The sheet's name.
    pub sheet: String,
    /// The members of a record that become its cells, in this order; a member that is absent or null is an empty cell.
    pub columns: Vec<SheetColumn>,
    /// Whether the first row names the columns.
    pub header: bool,
}

/// A column of a sheet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SheetColumn {
    /// The name of the member.
    pub name: String,
    /// What the header row has in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What its cells are.
    #[serde(rename = "type", default)]
    pub kind: CellType,
    /// Of dates and timestamps: the IANA time zone in which timestamps are written, since a sheet knows of none. Without
    /// it they stay in the offset that they came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellType {
    /// Text, exactly: `0042` stays, and what looks like a formula is none.
    #[default]
    Text,
    /// A number of up to 15 digits, which is what a spreadsheet keeps. A record with another value is not sent.
    Number,
    /// A date, from 1900-03-01 on. A record with another value is not sent.
    Date,
    /// A date and time, to the millisecond. The member must be a timestamp of RFC 3339: a record with another value is not
    /// sent.
    Timestamp,
}

impl SheetColumn {
    fn title(&self) -> &str {
        self.header.as_ref().unwrap_or(&self.name)
    }

    fn zone(&self) -> Result<Option<TimeZone>, (&'static str, String)> {
        let Some(name) = &self.time_zone else { return Ok(None) };
        if !matches!(self.kind, CellType::Date | CellType::Timestamp) {
            return Err(("time_zone", "is for columns of type date and timestamp only".into()));
        }
        let zone = TimeZone::get(name).map_err(|_| ("time_zone", "is not an IANA time zone".to_string()))?;
        Ok(Some(zone))
    }
}

impl XlsxOutput {
    pub(super) fn check(&self, errors: &mut Vec<FieldError>) {
        let mut wrong = |field: &str, detail: String| {
            errors.push(FieldError::new(format!("export.xlsx.{field}"), detail));
        };
        let name = &self.sheet;
        let is_name = (1..=MOST_NAME).contains(&name.encode_utf16().count())
            && !name.contains(['[', ']', ':', '*', '?', '/', '\\'])
            && !name.chars().any(|c| c.is_control() || !super::xml::is_character(c))
            && !name.starts_with('\'')
            && !name.ends_with('\'');
        if !is_name {
            let detail =
                format!("must have 1 to {MOST_NAME} characters without [ ] : * ? / \\, and no ' at its ends");
            wrong("sheet", detail);
        }
        if self.columns.is_empty() || self.columns.len() > MOST_COLUMNS {
            wrong("columns", format!("must be 1 to {MOST_COLUMNS} columns"));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.columns.iter().find(|column| !seen.insert(&column.name)) {
            wrong("columns", format!("has '{}' twice", twice.name));
        }
        for (i, column) in self.columns.iter().enumerate() {
            if let Err((field, detail)) = column.zone() {
                wrong(&format!("columns[{i}].{field}"), detail);
            }
            if self.header && !row::fits_a_cell(column.title()) {
                wrong(&format!("columns[{i}].header"), "is longer than a cell can be".into());
            }
        }
    }
}

#[cfg(test)]
mod tests;
