//! Says of single cells whether a column reads them, for the preview: evidence is what a run would do.

use super::compile::CompiledColumn;
use super::document::{Column, Duplicates, Input, Mapping};
use super::formats::NdjsonInput;
use crate::problem::FieldError;

/// A column, ready to try cells with.
#[derive(Clone, Debug)]
pub(crate) struct CellReader(CompiledColumn);

impl Column {
    /// Makes what tries cells of this column, outside of any key.
    ///
    /// # Errors
    /// What is wrong with the column.
    pub(crate) fn reader(&self) -> Result<CellReader, Vec<FieldError>> {
        let mapping = Mapping {
            name: "reader".into(),
            input: Input::Ndjson(NdjsonInput {}), // columns of any name
            columns: vec![self.clone()],
            key: Vec::new(),
            record_name: None,
            duplicates: Duplicates::Error,
            filters: Vec::new(),
            tests: Vec::new(),
        };
        mapping.compile()?.columns.pop().map(CellReader).ok_or_else(Vec::new)
    }
}

impl CellReader {
    /// Returns whether a run would read this cell without an error; `token` is room to work in.
    pub fn reads(&self, cell: &str, token: &mut String) -> bool {
        token.clear();
        self.0.convert(cell, token).is_ok()
    }
}
