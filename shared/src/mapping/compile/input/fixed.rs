//! Resolves fixed width: where the columns are.

use std::collections::HashSet;

use super::encoding;
use crate::mapping::encoding::Encoding;
use crate::mapping::formats::{FixedWidthInput, ShortRecords};
use crate::problem::FieldError;

/// The longest record, in characters: it fits into the limit of a record with four bytes each.
const MAX_CHARACTERS: u32 = 256 * 1024;

/// How a file of fixed widths is written, resolved.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct CompiledFixed {
    pub encoding: Encoding,
    pub columns: Vec<Place>,
    pub skip_rows: u32,
    fill: Option<String>,
    pub short_is_empty: bool,
    pub record_length: Option<usize>,
}

/// Where a column is, in characters from 0.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct Place {
    pub name: String,
    pub start: usize,
    pub end: usize,
}

impl CompiledFixed {
    /// How many characters a record has at least.
    pub fn longest(&self) -> usize {
        self.columns.iter().map(|column| column.end).max().unwrap_or(0)
    }

    /// Takes what only fills a cell off its end.
    pub fn without_fill<'c>(&self, mut cell: &'c [u8]) -> &'c [u8] {
        if let Some(fill) = &self.fill {
            while let Some(rest) = cell.strip_suffix(fill.as_bytes()) {
                cell = rest;
            }
        }
        cell
    }
}

pub(super) fn compile(input: &FixedWidthInput, errors: &mut Vec<FieldError>) -> Option<CompiledFixed> {
    let before = errors.len();
    let encoding = encoding(&input.encoding, errors);
    if input.columns.is_empty() {
        errors.push(FieldError::new("input.columns", "is empty; say where at least one column is"));
    }
    if input.fill.as_ref().is_some_and(|fill| fill.chars().count() != 1) {
        errors.push(FieldError::new("input.fill", "is not one character; leave it out where nothing fills"));
    }
    let stated = input.record_length.unwrap_or(MAX_CHARACTERS);
    let most = if stated == 0 { MAX_CHARACTERS } else { stated.min(MAX_CHARACTERS) };
    if most != stated {
        let detail = format!("is {stated}; a record has 1 to {MAX_CHARACTERS} characters");
        errors.push(FieldError::new("input.record_length", detail));
    }
    let mut names = HashSet::new();
    let mut columns = Vec::with_capacity(input.columns.len());
    for (at, column) in input.columns.iter().enumerate() {
        let mut error = |field: &str, detail: String| {
            errors.push(FieldError::new(format!("input.columns[{at}].{field}"), detail));
        };
        if column.name.is_empty() {
            error("name", "is empty; name the column".into());
        } else if !names.insert(&column.name) {
            error("name", format!("{:?} is the name of an earlier column too", column.name));
        }
        if column.start == 0 {
            error("start", "is 0, but characters count from 1".into());
        }
        if column.width == 0 {
            error("width", "is 0; a column has at least one character".into());
        }
        let end = (u64::from(column.start) + u64::from(column.width)).saturating_sub(1);
        if column.start > 0 && column.width > 0 && end > u64::from(most) {
            error("width", format!("goes to character {end}, but a record has at most {most}"));
        }
        let start = column.start.saturating_sub(1) as usize;
        columns.push(Place { name: column.name.clone(), start, end: start + column.width as usize });
    }
    (errors.len() == before).then_some(CompiledFixed {
        encoding: encoding?,
        columns,
        skip_rows: input.skip_rows,
        fill: input.fill.clone(),
        short_is_empty: input.ragged == ShortRecords::ShortIsEmpty,
        record_length: input.record_length.map(|length| length as usize),
    })
}

pub(super) fn check_name(name: &str, input: &FixedWidthInput) -> Result<(), String> {
    if input.columns.iter().any(|column| column.name == name) {
        return Ok(());
    }
    Err(format!("{name:?} is none of the columns that `input.columns` names"))
}
