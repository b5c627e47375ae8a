//! Conditions on a record's input, and the filters that take records out by them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ReadAs;

/// A test of one cell's raw text, or of other conditions; it has exactly one of the tests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The input column that is tested, as the header writes it; it need not be mapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The cell's raw text is exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// The cell's raw text is anything but this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_equals: Option<String>,
    /// The cell's raw text is exactly one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
    /// True: the cell has nothing but spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty: Option<bool>,
    /// True: the cell has something other than spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_empty: Option<bool>,
    /// The cell's raw text has a part that this regular expression matches; `^` and `$` make it all of the cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// The cell, read as `as` says, is less, earlier or shorter than this, which is written as such a cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less_than: Option<String>,
    /// The cell, read as `as` says, is this, less, earlier or shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<String>,
    /// The cell, read as `as` says, is more, later or longer than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_than: Option<String>,
    /// The cell, read as `as` says, is this, more, later or longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<String>,
    /// With one of these four: how the cell is read. One that does not read so, or is empty, is the record's error.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub read_as: Option<ReadAs>,
    /// All of these are met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<Condition>>,
    /// At least one of these is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<Condition>>,
    /// This is not met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Condition>>,
}

/// A condition that takes records out; it has exactly one of the tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The input column that is tested, as the header writes it; it need not be mapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The cell's raw text is exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// The cell's raw text is anything but this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_equals: Option<String>,
    /// The cell's raw text is exactly one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
    /// True: the cell has nothing but spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty: Option<bool>,
    /// True: the cell has something other than spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_empty: Option<bool>,
    /// The cell's raw text has a part that this regular expression matches; `^` and `$` make it all of the cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// The cell, read as `as` says, is less, earlier or shorter than this, which is written as such a cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less_than: Option<String>,
    /// The cell, read as `as` says, is this, less, earlier or shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<String>,
    /// The cell, read as `as` says, is more, later or longer than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_than: Option<String>,
    /// The cell, read as `as` says, is this, more, later or longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<String>,
    /// With one of these four: how the cell is read. One that does not read so, or is empty, is the record's error.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub read_as: Option<ReadAs>,
    /// All of these are met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<Condition>>,
    /// At least one of these is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<Condition>>,
    /// This is not met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<Condition>>,
    /// The reason that reports give, for example `not_payroll`.
    pub reason: String,
}

impl Filter {
    /// Returns what the filter tests. Its fields stand beside the reason, where `serde` could not flatten them and
    /// still refuse unknown ones.
    pub(in crate::mapping) fn condition(&self) -> Condition {
        Condition {
            column: self.column.clone(),
            equals: self.equals.clone(),
            not_equals: self.not_equals.clone(),
            one_of: self.one_of.clone(),
            empty: self.empty,
            not_empty: self.not_empty,
            matches: self.matches.clone(),
            less_than: self.less_than.clone(),
            at_most: self.at_most.clone(),
            more_than: self.more_than.clone(),
            at_least: self.at_least.clone(),
            read_as: self.read_as.clone(),
            all: self.all.clone(),
            any: self.any.clone(),
            not: self.not.clone(),
        }
    }
}
