//! Whether a record's cells meet a condition.

use super::cell::trim_spaces;
use super::compile::{CompiledCondition, Test};
use super::fields::{Fields, Layout};

/// The index of the wanted column whose cell is malformed, and its bytes.
pub(super) type Malformed<'r> = (usize, &'r [u8]);

impl CompiledCondition {
    /// Returns whether a record meets the condition.
    pub fn meets<'r>(&self, layout: &Layout, fields: &Fields<'r>) -> Result<bool, Malformed<'r>> {
        match self {
            Self::Cell(wanted, test) => {
                let cell = fields.get(layout.wanted[*wanted]).map_err(|bytes| (*wanted, bytes))?;
                Ok(test.meets(cell))
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
    fn meets(&self, cell: &str) -> bool {
        match self {
            Self::Equals(text) => cell == text,
            Self::NotEquals(text) => cell != text,
            Self::OneOf(texts) => texts.iter().any(|text| text == cell),
            Self::Empty => trim_spaces(cell).is_empty(),
            Self::NotEmpty => !trim_spaces(cell).is_empty(),
            Self::Matches(regex) => regex.is_match(cell),
        }
    }
}
