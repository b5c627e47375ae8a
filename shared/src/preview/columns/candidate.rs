//! A type that a column could have, and what tells which cells it reads.

use super::CellType;
use crate::mapping::{CellReader, Column, Source};

/// How a candidate tells which cells it reads.
pub(super) enum Test {
    /// As the engine does.
    Engine(Box<CellReader>),
    /// By a rule of the preview, for what the engine has no type for.
    Rule(fn(&str) -> bool),
}

/// A type that a column could have.
pub(super) struct Candidate {
    pub cell_type: CellType,
    pub test: Test,
    /// How likely it is where all cells fit it and rivals too; they share by it.
    pub weight: f64,
    /// What speaks for it, or against it, beside the count.
    pub remark: Option<String>,
}

impl Candidate {
    /// Makes one whose cells the engine reads; None of a type that lacks something.
    pub fn engine(cell_type: CellType, weight: f64) -> Option<Self> {
        let test = Test::Engine(Box::new(reader(&cell_type)?));
        Some(Self { cell_type, test, weight, remark: None })
    }

    /// Adds what is to be said of it.
    pub fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remark = Some(remark.into());
        self
    }
}

impl Test {
    /// Returns whether it reads a cell; `token` is room to work in.
    pub fn passes(&self, cell: &str, token: &mut String) -> bool {
        match self {
            Self::Engine(reader) => reader.reads(cell, token),
            Self::Rule(rule) => rule(cell),
        }
    }
}

/// Makes the engine's reader of a type; None of one that lacks something.
pub(super) fn reader(cell_type: &CellType) -> Option<CellReader> {
    cell_type.column("column", "column").reader().ok()
}

impl CellType {
    /// Writes the type as a column of a mapping.
    pub(in crate::preview) fn column(&self, name: &str, from: &str) -> Column {
        Column {
            name: name.into(),
            from: Some(Source::Column(from.into())),
            kind: Some(self.mapped_as),
            decimal_mark: self.decimal_mark.clone(),
            grouping: self.grouping.clone(),
            format: self.format.clone(),
            two_digit_years_from: self.two_digit_years_from,
            time_zone: self.time_zone.clone(),
            true_values: self.true_values.clone(),
            false_values: self.false_values.clone(),
            notations: self.notations.clone(),
            ..Column::default()
        }
    }
}
