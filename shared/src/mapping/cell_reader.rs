//! Says of single cells whether a column reads them, for the preview: evidence is what a run would do.

use super::compile::CompiledColumn;
use super::document::Column;
use crate::problem::FieldError;

/// A column, ready to try cells with.
#[derive(Clone, Debug)]
pub(crate) struct CellReader(CompiledColumn);

impl Column {
    /// Makes what tries cells of this column, outside of any key.
    pub(crate) fn reader(&self) -> Result<CellReader, Vec<FieldError>> {
        let mut errors = Vec::new();
        let compiled = CompiledColumn::compile(self, 0, false, &mut errors);
        compiled.filter(|_| errors.is_empty()).map(CellReader).ok_or(errors)
    }
}

impl CellReader {
    /// Returns whether a run would read this cell without an error; `token` is room to work in.
    pub fn reads(&self, cell: &str, token: &mut String) -> bool {
        token.clear();
        self.0.convert(cell, token).is_ok()
    }
}
