//! Whether a record's cells meet a condition.
//!
//! Parts are looked at in their order, up to the one that decides. A cell that is compared has to read as the condition
//! states, and to be there: otherwise there is no answer, and that is the record's error.

use std::cmp::Ordering;

use super::cell::{Unfit, trim_spaces};
use super::compile::{Comparison, Compiled, CompiledCondition, Order, Test};
use super::fields::{Fields, Layout};
use super::map::Verdict;
use super::outcome::Reason;
use super::pii::show;

/// Why a condition has no answer: the index of the wanted column, and its cell.
pub(super) enum Unanswered<'r> {
    /// The cell is malformed.
    Malformed(usize, &'r [u8]),
    /// The cell cannot be compared.
    Unread(usize, Box<(&'r str, Unfit)>),
}

impl Compiled {
    /// The verdict on a record of which a condition cannot be told.
    pub(super) fn unanswered(&self, why: Unanswered<'_>) -> Verdict {
        match why {
            Unanswered::Malformed(wanted, bytes) => self.malformed(wanted, bytes),
            Unanswered::Unread(wanted, unread) => {
                let (cell, Unfit { reason, expected }) = *unread;
                let field = self.wanted[wanted].name.clone();
                let found = show(self.is_personal_wanted(wanted), cell);
                let detail = format!("found {found}, which a condition compares; expected {expected}");
                Verdict::Failed { field, reason, detail }
            }
        }
    }
}

impl CompiledCondition {
    /// Returns whether a record meets the condition.
    pub fn meets<'r>(&self, layout: &Layout, fields: &Fields<'r>) -> Result<bool, Unanswered<'r>> {
        match self {
            Self::Cell(wanted, test) => {
                let cell = fields.get(layout.wanted[*wanted]);
                let cell = cell.map_err(|bytes| Unanswered::Malformed(*wanted, bytes))?;
                test.meets(cell).map_err(|unfit| Unanswered::Unread(*wanted, Box::new((cell, unfit))))
            }
            Self::Not(other) => Ok(!other.meets(layout, fields)?),
            Self::All(all) => {
                for condition in all {
                    if !condition.meets(layout, fields)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(any) => {
                for condition in any {
                    if condition.meets(layout, fields)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

impl Test {
    fn meets(&self, cell: &str) -> Result<bool, Unfit> {
        Ok(match self {
            Self::Equals(text) => cell == text,
            Self::NotEquals(text) => cell != text,
            Self::OneOf(texts) => texts.iter().any(|text| text == cell),
            Self::Empty => trim_spaces(cell).is_empty(),
            Self::NotEmpty => !trim_spaces(cell).is_empty(),
            Self::Matches(regex) => regex.is_match(cell),
            Self::Compare(comparison) => return comparison.meets(cell),
        })
    }
}

impl Comparison {
    fn meets(&self, cell: &str) -> Result<bool, Unfit> {
        let cell = trim_spaces(cell);
        if cell.is_empty() {
            return Err(Unfit { reason: Reason::Required, expected: "a value".into() });
        }
        let order = self.ordered.read(cell)?.compare(self.bound);
        Ok(match self.order {
            Order::LessThan => order == Ordering::Less,
            Order::AtMost => order != Ordering::Greater,
            Order::MoreThan => order == Ordering::Greater,
            Order::AtLeast => order != Ordering::Less,
        })
    }
}
