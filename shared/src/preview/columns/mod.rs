//! What each column is: what its cells fit, how many, and which do not.
//!
//! A type is a candidate where the engine itself reads the cells with it, so the evidence is what a
//! run would do. Text that looks like a number but is a name (leading zeros, long digits, numbers of
//! things) is an identifier and stays text: a number that loses a zero is lost.

mod booleans;
mod candidate;
mod cells;
mod choose;
mod dates;
mod identifiers;
mod keys;
mod numbers;
mod settle;
#[cfg(test)]
mod tests;
mod times;

use schemars::JsonSchema;
use serde::Serialize;

use super::guess::Guess;
use crate::mapping::{ColumnType, Notation, masked};
pub(super) use cells::{Cells, shown};
pub(super) use choose::stated;
pub use keys::CandidateKey;
pub(super) use keys::keys;

/// What the cells of a column seem to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// No cell has anything.
    Empty,
    /// Words.
    Text,
    /// A number or code that names something: text.
    Identifier,
    /// One of a few words.
    Enumeration,
    /// A whole number.
    Integer,
    /// A number with a fraction or grouping.
    Decimal,
    /// True or false.
    Boolean,
    /// A calendar date.
    Date,
    /// A date and a time.
    Timestamp,
    /// A time of day.
    Time,
    /// How long something takes.
    Duration,
}

/// What a column's cells are, as a mapping would state it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CellType {
    /// What they seem to be.
    pub kind: Kind,
    /// The type that a mapping reads them with.
    pub mapped_as: ColumnType,
    /// As a mapping's column states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal_mark: Option<String>,
    /// As a mapping's column states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grouping: Option<String>,
    /// As a mapping's column states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// A suggestion: nothing in a file of two-digit years says their century.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub two_digit_years_from: Option<i16>,
    /// As a mapping's column states it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notations: Vec<Notation>,
    /// A suggestion: nothing in a file of local times says where they are local.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The cells that seem to mean true.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub true_values: Vec<String>,
    /// The cells that seem to mean false.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub false_values: Vec<String>,
    /// The words of an enumeration, the most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
}

/// A column of the sample.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ColumnGuess {
    /// As the header writes it; its number, or letters, where there is none; a member's name or pointer in JSON; a path in
    /// XML.
    pub name: String,
    /// What its cells are.
    #[serde(rename = "type")]
    pub kind: Guess<CellType>,
    /// How many cells have something.
    pub filled: usize,
    /// How many have nothing.
    pub empty: usize,
    /// How many different cells there are, empty ones apart.
    pub distinct: usize,
    /// How many of the filled cells fit the type.
    pub fit: usize,
    /// Cells that do not fit, some of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counterexamples: Vec<Example>,
    /// Cells as they are, the first of them.
    pub examples: Vec<Example>,
}

/// A cell and where it is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Example {
    /// The line on which its record begins, from 1; in JSON the number of its object, in a workbook its row.
    pub line: u64,
    /// Its text, at most 60 characters of it.
    pub cell: String,
}

impl CellType {
    /// Makes a type that needs nothing stated.
    pub(super) fn plain(kind: Kind, mapped_as: ColumnType) -> Self {
        Self {
            kind,
            mapped_as,
            decimal_mark: None,
            grouping: None,
            format: None,
            time_zone: None,
            two_digit_years_from: None,
            notations: Vec::new(),
            true_values: Vec::new(),
            false_values: Vec::new(),
            words: Vec::new(),
        }
    }
}

/// Guesses all columns; `zone` is suggested for local times.
pub(super) fn guess(columns: &[Cells<'_>], zone: &str) -> Vec<ColumnGuess> {
    let mut guesses: Vec<ColumnGuess> = columns.iter().map(|cells| choose::column(cells, zone)).collect();
    settle::by_neighbours(&mut guesses);
    guesses
}

/// Masks the cells of columns that have personal data.
pub(super) fn mask(columns: &mut [ColumnGuess], is_personal: impl Fn(&str) -> bool) {
    for column in columns.iter_mut().filter(|column| is_personal(&column.name)) {
        let examples = column.examples.iter_mut().chain(&mut column.counterexamples);
        examples.for_each(|example| example.cell = masked(&example.cell));
        let rivals = column.kind.rivals.iter_mut().map(|rival| &mut rival.value);
        for cell_type in rivals.chain([&mut column.kind.value]) {
            cell_type.words.iter_mut().for_each(|word| *word = masked(word));
        }
    }
}
