//! Checks a mapping and resolves it, once: encodings, zones, formats, defaults and indexes.
//!
//! Checking is compiling, so what is saved is exactly what can run. All errors are found in one go,
//! each with the path of its field. What only a file can show (missing columns) is found in `reading`.

mod cell_format;
mod column;
mod filter;
mod input;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

pub(super) use column::CompiledColumn;
pub(super) use filter::CompiledFilter;
pub(super) use input::{CompiledCsv, CompiledInput, Marks};

use super::document::{Duplicates, Mapping};
use crate::problem::FieldError;

/// A mapping that is valid and ready to read files with.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(super) input: CompiledInput,
    /// The input columns that are named: each once, in the order of first mention.
    pub(super) named: Vec<String>,
    pub(super) columns: Vec<CompiledColumn>,
    /// Indexes into `columns`.
    pub(super) key: Vec<usize>,
    /// An index into `columns`.
    pub(super) record_name: Option<usize>,
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
        let mut errors = Vec::new();
        if self.name.trim().is_empty() {
            errors.push(FieldError::new("name", "is blank; give the mapping a name"));
        }
        let input = input::compile(&self.input, &mut errors);
        if self.columns.is_empty() {
            errors.push(FieldError::new("columns", "is empty; map at least one column"));
        }
        let mut columns = Vec::with_capacity(self.columns.len());
        let mut names = HashSet::new();
        for (at, document) in self.columns.iter().enumerate() {
            if !names.insert(document.name.as_str()) {
                let detail = format!("{:?} is the name of an earlier column too", document.name);
                errors.push(FieldError::new(format!("columns[{at}].name"), detail));
            }
            input::check_column_name(
                &format!("columns[{at}].from"),
                &document.from,
                &self.input,
                &mut errors,
            );
            columns.extend(CompiledColumn::compile(
                document,
                at,
                self.key.contains(&document.name),
                &mut errors,
            ));
        }
        let key = self.compile_key(&mut errors);
        let record_name =
            self.record_name.as_ref().and_then(|name| self.column("record_name", name, &mut errors));
        if self.key.is_empty() && self.duplicates != Duplicates::Error {
            errors.push(FieldError::new(
                "duplicates",
                "needs key columns; without a key no two records are the same",
            ));
        }
        let mut filters = Vec::with_capacity(self.filters.len());
        for (at, document) in self.filters.iter().enumerate() {
            input::check_column_name(
                &format!("filters[{at}].column"),
                &document.column,
                &self.input,
                &mut errors,
            );
            filters.extend(CompiledFilter::compile(document, at, &mut errors));
        }
        match input {
            Some(input) if errors.is_empty() => {
                let mut named: Vec<String> = Vec::new();
                let all = columns.iter().map(|c| &c.from).chain(filters.iter().map(|f| &f.column));
                for name in all {
                    if !named.contains(name) {
                        named.push(name.clone());
                    }
                }
                let duplicates = self.duplicates;
                Ok(Compiled { input, named, columns, key, record_name, duplicates, filters })
            }
            _ => Err(errors),
        }
    }

    fn compile_key(&self, errors: &mut Vec<FieldError>) -> Vec<usize> {
        let mut key = Vec::with_capacity(self.key.len());
        for (at, name) in self.key.iter().enumerate() {
            let field = format!("key[{at}]");
            if self.key[..at].contains(name) {
                errors.push(FieldError::new(&field, format!("{name:?} is in the key already")));
            }
            key.extend(self.column(&field, name, errors));
        }
        key
    }

    fn column(&self, field: &str, name: &str, errors: &mut Vec<FieldError>) -> Option<usize> {
        let found = self.columns.iter().position(|column| column.name == name);
        if found.is_none() {
            errors
                .push(FieldError::new(field, format!("no column is named {name:?}; name one of `columns`")));
        }
        found
    }
}
