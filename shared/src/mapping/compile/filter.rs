//! Resolves a filter: which one test it has.

use crate::mapping::cell::trim_spaces;
use crate::mapping::document::Filter;
use crate::mapping::outcome::{DUPLICATE_KEY, SUPERSEDED_BY_LATER_FILE};
use crate::problem::FieldError;

/// A filter with its test.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct CompiledFilter {
    /// The input column.
    pub column: String,
    pub test: Test,
    pub reason: String,
}

/// What a filter asks of a cell's raw text.
#[derive(Clone, Debug)]
pub(in crate::mapping) enum Test {
    Equals(String),
    NotEquals(String),
    OneOf(Vec<String>),
    Empty,
    NotEmpty,
}

impl CompiledFilter {
    /// Resolves the filter at an index; None where it is wrong.
    pub fn compile(filter: &Filter, at: usize, errors: &mut Vec<FieldError>) -> Option<Self> {
        let path = |field: &str| format!("filters[{at}].{field}");
        let reason = filter.reason.trim();
        if reason.is_empty() {
            errors.push(FieldError::new(path("reason"), "is blank; say why records are taken out"));
        }
        if reason == DUPLICATE_KEY || reason == SUPERSEDED_BY_LATER_FILE {
            errors.push(FieldError::new(path("reason"), "is a reason that duplicates have; choose another"));
        }
        for (field, value) in [("empty", filter.empty), ("not_empty", filter.not_empty)] {
            if value == Some(false) {
                errors.push(FieldError::new(
                    path(field),
                    "can only be true; use the other of empty and not_empty",
                ));
            }
        }
        if filter.one_of.as_ref().is_some_and(Vec::is_empty) {
            errors.push(FieldError::new(path("one_of"), "is empty; list at least one text"));
        }
        let mut tests = [
            filter.equals.clone().map(Test::Equals),
            filter.not_equals.clone().map(Test::NotEquals),
            filter.one_of.clone().map(Test::OneOf),
            filter.empty.map(|_| Test::Empty),
            filter.not_empty.map(|_| Test::NotEmpty),
        ]
        .into_iter()
        .flatten();
        let (Some(test), None) = (tests.next(), tests.next()) else {
            let detail = "needs exactly one test: equals, not_equals, one_of, empty or not_empty";
            errors.push(FieldError::new(format!("filters[{at}]"), detail));
            return None;
        };
        Some(Self { column: filter.column.clone(), test, reason: reason.to_owned() })
    }
}

impl Test {
    /// Returns whether a cell meets the test.
    pub fn meets(&self, cell: &str) -> bool {
        match self {
            Self::Equals(text) => cell == text,
            Self::NotEquals(text) => cell != text,
            Self::OneOf(texts) => texts.iter().any(|text| text == cell),
            Self::Empty => trim_spaces(cell).is_empty(),
            Self::NotEmpty => !trim_spaces(cell).is_empty(),
        }
    }
}
