//! Resolves a condition: which one test it has.

use ::regex::Regex;

use super::draft::Draft;
use super::regex::regex;
use crate::mapping::document::Condition;

/// How many conditions there can be within each other.
const MOST_LEVELS: usize = 16;

/// A condition, resolved.
#[derive(Clone, Debug)]
pub(in crate::mapping) enum CompiledCondition {
    /// The cell of the wanted column with this index.
    Cell(usize, Test),
    All(Vec<CompiledCondition>),
    Any(Vec<CompiledCondition>),
    Not(Box<CompiledCondition>),
}

/// What is asked of a cell's raw text.
#[derive(Clone, Debug)]
pub(in crate::mapping) enum Test {
    Equals(String),
    NotEquals(String),
    OneOf(Vec<String>),
    Empty,
    NotEmpty,
    Matches(Regex),
}

impl CompiledCondition {
    /// Resolves a condition; None, and errors, where it is wrong.
    pub(super) fn compile(condition: &Condition, field: &str, draft: &mut Draft<'_>) -> Option<Self> {
        Self::compile_at(condition, field, draft, 0)
    }

    fn compile_at(condition: &Condition, field: &str, draft: &mut Draft<'_>, level: usize) -> Option<Self> {
        let path = |member: &str| format!("{field}.{member}");
        let tests = [
            condition.equals.is_some(),
            condition.not_equals.is_some(),
            condition.one_of.is_some(),
            condition.empty.is_some(),
            condition.not_empty.is_some(),
            condition.matches.is_some(),
            condition.all.is_some(),
            condition.any.is_some(),
            condition.not.is_some(),
        ];
        let mut is_sound = true;
        for (member, value) in [("empty", condition.empty), ("not_empty", condition.not_empty)] {
            if value == Some(false) {
                draft.error(path(member), "can only be true; use the other of empty and not_empty");
                is_sound = false;
            }
        }
        if tests.iter().filter(|is_given| **is_given).count() != 1 {
            let detail = "needs exactly one test: equals, not_equals, one_of, empty, not_empty, matches, all, any or not";
            draft.error(field, detail);
            return None;
        }
        if level == MOST_LEVELS {
            draft.error(field, format!("is more than {MOST_LEVELS} conditions deep"));
            return None;
        }
        let is_combined = condition.all.is_some() || condition.any.is_some() || condition.not.is_some();
        if is_combined {
            if condition.column.is_some() {
                draft.error(path("column"), "is only for tests of a cell; leave it out");
            }
            return Self::combined(condition, field, draft, level + 1);
        }
        let column = match &condition.column {
            Some(name) => Some(draft.want(&path("column"), name, None)),
            None => {
                draft.error(path("column"), "is missing; name the input column");
                None
            }
        };
        let test = Test::compile(condition, field, draft)?;
        is_sound.then_some(Self::Cell(column?, test))
    }

    fn combined(condition: &Condition, field: &str, draft: &mut Draft<'_>, level: usize) -> Option<Self> {
        if let Some(not) = &condition.not {
            let not = Self::compile_at(not, &format!("{field}.not"), draft, level)?;
            return Some(Self::Not(not.into()));
        }
        let (member, parts) = match (&condition.all, &condition.any) {
            (Some(all), _) => ("all", all),
            (_, any) => ("any", any.as_ref()?),
        };
        if parts.is_empty() {
            draft.error(format!("{field}.{member}"), "is empty; list at least one condition");
        }
        let mut compiled = Vec::with_capacity(parts.len());
        for (at, part) in parts.iter().enumerate() {
            compiled.extend(Self::compile_at(part, &format!("{field}.{member}[{at}]"), draft, level));
        }
        Some(if member == "all" { Self::All(compiled) } else { Self::Any(compiled) })
    }
}

impl Test {
    fn compile(condition: &Condition, field: &str, draft: &mut Draft<'_>) -> Option<Self> {
        if let Some(text) = &condition.equals {
            return Some(Self::Equals(text.clone()));
        }
        if let Some(text) = &condition.not_equals {
            return Some(Self::NotEquals(text.clone()));
        }
        if let Some(texts) = &condition.one_of {
            if texts.is_empty() {
                draft.error(format!("{field}.one_of"), "is empty; list at least one text");
            }
            return Some(Self::OneOf(texts.clone()));
        }
        if let Some(text) = &condition.matches {
            let regex = regex(text).map_err(|detail| draft.error(format!("{field}.matches"), detail));
            return regex.ok().map(Self::Matches);
        }
        Some(if condition.empty.is_some() { Self::Empty } else { Self::NotEmpty })
    }
}
