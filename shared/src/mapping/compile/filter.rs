//! Resolves a filter: its condition and its reason.

use super::condition::CompiledCondition;
use super::draft::Draft;
use crate::mapping::document::Filter;
use crate::mapping::outcome::{DUPLICATE_KEY, SUPERSEDED_BY_LATER_FILE};

/// A filter with its condition.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct CompiledFilter {
    pub condition: CompiledCondition,
    /// The input column, where it tests only one.
    pub column: Option<String>,
    pub reason: String,
}

impl CompiledFilter {
    /// Resolves the filter at an index; None where it is wrong.
    pub(super) fn compile(filter: &Filter, at: usize, draft: &mut Draft<'_>) -> Option<Self> {
        let reason = filter.reason.trim();
        let field = format!("filters[{at}]");
        if reason.is_empty() {
            draft.error(format!("{field}.reason"), "is blank; say why records are taken out");
        }
        if reason == DUPLICATE_KEY || reason == SUPERSEDED_BY_LATER_FILE {
            draft.error(format!("{field}.reason"), "is a reason that duplicates have; choose another");
        }
        let condition = CompiledCondition::compile(&filter.condition(), &field, draft)?;
        Some(Self { condition, column: filter.column.clone(), reason: reason.to_owned() })
    }
}
