//! Resolves a condition: which one test it has.

use ::regex::Regex;

use super::column::Check;
use super::draft::Draft;
use super::regex::regex;
use crate::mapping::cell::{Exact, Ordered};
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
    Compare(Box<Comparison>),
}

/// What a cell is compared with.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct Comparison {
    /// As what the cell is read.
    pub ordered: Ordered,
    pub order: Order,
    pub bound: Exact,
}

/// On which side of the bound a cell has to be.
#[derive(Clone, Copy, Debug)]
pub(in crate::mapping) enum Order {
    LessThan,
    AtMost,
    MoreThan,
    AtLeast,
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
            condition.less_than.is_some(),
            condition.at_most.is_some(),
            condition.more_than.is_some(),
            condition.at_least.is_some(),
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
            let detail = "needs exactly one test: equals, not_equals, one_of, empty, not_empty, matches, less_than, \
                at_most, more_than, at_least, all, any or not";
            draft.error(field, detail);
            return None;
        }
        if level == MOST_LEVELS {
            draft.error(field, format!("is more than {MOST_LEVELS} conditions deep"));
            return None;
        }
        if condition.read_as.is_some() && Bound::of(condition).is_none() {
            draft.error(path("as"), "is only for less_than, at_most, more_than and at_least; leave it out");
            is_sound = false;
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
        if let Some(bound) = Bound::of(condition) {
            return Comparison::compile(condition, bound, field, draft).map(|it| Self::Compare(it.into()));
        }
        Some(if condition.empty.is_some() { Self::Empty } else { Self::NotEmpty })
    }
}

/// A bound as it is stated.
struct Bound<'c> {
    member: &'static str,
    order: Order,
    text: &'c str,
}

impl<'c> Bound<'c> {
    fn of(condition: &'c Condition) -> Option<Self> {
        let bounds = [
            ("less_than", Order::LessThan, &condition.less_than),
            ("at_most", Order::AtMost, &condition.at_most),
            ("more_than", Order::MoreThan, &condition.more_than),
            ("at_least", Order::AtLeast, &condition.at_least),
        ];
        let stated = |(member, order, text): (_, _, &'c Option<String>)| {
            text.as_deref().map(|text| Bound { member, order, text })
        };
        bounds.into_iter().find_map(stated)
    }
}

impl Comparison {
    fn compile(condition: &Condition, bound: Bound<'_>, field: &str, draft: &mut Draft<'_>) -> Option<Self> {
        let Bound { member, order, text } = bound;
        let path = format!("{field}.as");
        let Some(read_as) = &condition.read_as else {
            let detail = r#"is missing; state as what the cell is read, such as {"type": "date", "format": "%d.%m.%Y"}"#;
            draft.error(path, detail);
            return None;
        };
        let Some(kind) = read_as.kind else {
            draft.error(format!("{path}.type"), "is missing; state what the cell is");
            return None;
        };
        let column = read_as.column();
        let mut check = Check { column: &column, field: &path, is_key: false, draft };
        check.refuse_what_the_type_does_not_take(kind);
        let format = check.format_as_stated(kind)?;
        let text = format.trim(text);
        let Some(ordered) = Ordered::of(format.clone()) else {
            let detail = "has no order; compare integers, decimals, dates, times, timestamps or durations";
            check.error("type", detail);
            return None;
        };
        if text.is_empty() {
            draft.error(format!("{field}.{member}"), "is empty; write it as a cell of this type");
            return None;
        }
        match ordered.read(text) {
            Ok(bound) => Some(Self { ordered, order, bound }),
            Err(unfit) => {
                let detail = format!("{text:?} does not read so; expected {}", unfit.expected);
                draft.error(format!("{field}.{member}"), detail);
                None
            }
        }
    }
}
