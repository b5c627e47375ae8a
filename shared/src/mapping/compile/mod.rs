//! Checks a mapping and resolves it, once: encodings, zones, formats, defaults and indexes.
//!
//! Checking is compiling, so what is saved is exactly what can run. All errors are found in one go,
//! each with the path of its field. What only a file can show (missing columns) is found in `reading`.

mod cell_format;
mod column;
mod condition;
mod draft;
mod duration;
mod filter;
mod input;
mod number;
mod regex;
mod repeated;
mod shape;
mod source;
#[cfg(test)]
mod tests;
mod transform;
mod workbook;

pub(super) use column::CompiledColumn;
pub(super) use condition::{Comparison, CompiledCondition, Order, Test};
pub(super) use draft::Wanted;
pub(super) use filter::CompiledFilter;
pub(super) use input::{CompiledCsv, CompiledFixed, CompiledInput, CompiledXml, Marks};
pub(super) use repeated::Repeated;
pub(super) use shape::Node;
pub(super) use source::{CompiledSource, Given, Recipe};
pub(super) use workbook::CompiledWorkbook;
#[cfg(feature = "workbooks")]
pub(super) use workbook::{ColumnUse, column_index};

use self::draft::Draft;
use super::document::{Duplicates, Mapping};
use crate::problem::FieldError;

/// A mapping that is valid and ready to read files with.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(super) input: CompiledInput,
    /// The input columns that are named: each once, in the order of first mention.
    pub(super) named: Vec<String>,
    /// The same, but one for each of several columns of one name.
    pub(super) wanted: Vec<Wanted>,
    /// The lists of repeated children.
    pub(super) lists: Vec<Repeated>,
    /// What has to be known of a file's surroundings.
    pub(super) given: Vec<Given>,
    /// The columns with values, in the order in which they go out.
    pub(super) columns: Vec<CompiledColumn>,
    /// Where the columns go; None where each is a member of the record itself.
    pub(super) shape: Option<Vec<Node>>,
    /// Indexes into `columns`.
    pub(super) key: Vec<usize>,
    /// An index into `columns`.
    pub(super) record_name: Option<usize>,
    /// Indexes of the columns that tell how a record came, by which records are not compared.
    pub(super) circumstantial: Vec<usize>,
    pub(super) duplicates: Duplicates,
    pub(super) filters: Vec<CompiledFilter>,
}

impl Compiled {
    /// Returns whether records have an identity: without one nothing can be compared or deleted.
    pub fn has_key(&self) -> bool {
        !self.key.is_empty()
    }
}

impl Mapping {
    /// Finds everything that is wrong with the mapping, or the tests that do not hold; nothing where it can run.
    pub fn validate(&self) -> Vec<FieldError> {
        match self.compile() {
            Ok(compiled) => self.check_cases(&compiled),
            Err(errors) => errors,
        }
    }

    /// Makes the form that files are read with.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each with its field, for example `columns[2].format`.
    pub fn compile(&self) -> Result<Compiled, Vec<FieldError>> {
        let mut draft = Draft::new(self);
        if self.name.trim().is_empty() {
            draft.error("name", "is blank; give the mapping a name");
        }
        let mut input = input::compile(&self.input, &mut draft.errors);
        if self.columns.is_empty() {
            draft.error("columns", "is empty; map at least one column");
        }
        let nodes = draft.members("columns", "", &self.columns, 0);
        if let Some(CompiledInput::Workbook(workbook)) = &mut input {
            workbook.uses = workbook::uses(&draft);
        }
        let key = self.compile_key(&mut draft);
        let record_name = self.record_name.as_ref().and_then(|name| draft.column("record_name", name));
        if self.key.is_empty() && self.duplicates != Duplicates::Error {
            draft.error("duplicates", "needs key columns; without a key no two records are the same");
        }
        let mut filters = Vec::with_capacity(self.filters.len());
        for (at, document) in self.filters.iter().enumerate() {
            filters.extend(CompiledFilter::compile(document, at, &mut draft));
        }
        draft.mask();
        match input {
            Some(input) if draft.errors.is_empty() => {
                let mut named: Vec<String> = Vec::new();
                for Wanted { name, .. } in draft.wanted.iter().filter(|wanted| wanted.list.is_none()) {
                    if !named.contains(name) {
                        named.push(name.clone());
                    }
                }
                let is_flat = nodes.iter().all(|node| matches!(node, Node::Value(_)));
                let Draft { wanted, given, columns, lists, .. } = draft;
                let lists = lists.into_iter().map(|list| list.repeated).collect();
                let circumstantial =
                    (0..columns.len()).filter(|at| columns[*at].is_circumstantial()).collect();
                Ok(Compiled {
                    input,
                    named,
                    wanted,
                    lists,
                    given,
                    columns,
                    shape: (!is_flat).then_some(nodes),
                    key,
                    record_name,
                    circumstantial,
                    duplicates: self.duplicates,
                    filters,
                })
            }
            _ => Err(draft.errors),
        }
    }

    fn compile_key(&self, draft: &mut Draft<'_>) -> Vec<usize> {
        let mut key = Vec::with_capacity(self.key.len());
        for (at, name) in self.key.iter().enumerate() {
            let field = format!("key[{at}]");
            if self.key[..at].contains(name) {
                draft.error(&field, format!("{name:?} is in the key already"));
            }
            key.extend(draft.column(&field, name));
        }
        key
    }
}
