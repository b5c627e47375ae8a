//! A mapping under check: what has been resolved so far, and what is wrong.

use super::column::CompiledColumn;
use super::input::{check_column_name, may_repeat_names};
use super::repeated::List;
use super::source::Given;
use crate::mapping::document::{Input, Mapping};
use crate::problem::FieldError;

/// An input column that the mapping names.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::mapping) struct Wanted {
    pub name: String,
    /// Which of several with this name, from 1; None where there must be only one.
    pub nth: Option<u32>,
    /// The list whose children have it; None where the record has it.
    pub list: Option<usize>,
}

/// What has been resolved so far, and what is wrong.
pub(super) struct Draft<'m> {
    pub input: &'m Input,
    pub key: &'m [String],
    pub wanted: Vec<Wanted>,
    pub given: Vec<Given>,
    /// The lists of repeated children.
    pub lists: Vec<List>,
    /// That of them whose columns are at hand.
    pub list: Option<usize>,
    /// Those that could be resolved; as many as `paths` where nothing is wrong.
    pub columns: Vec<CompiledColumn>,
    /// The path of every column with a value.
    pub paths: Vec<Path>,
    pub errors: Vec<FieldError>,
}

/// What a column with a value is called within the record.
pub(super) struct Path {
    /// The names down to it, with points between them.
    pub text: String,
    /// Whether it is within a list, where nothing tells it from its neighbours.
    pub is_item: bool,
}

impl<'m> Draft<'m> {
    pub fn new(mapping: &'m Mapping) -> Self {
        Self {
            input: &mapping.input,
            key: &mapping.key,
            wanted: Vec::new(),
            given: Vec::new(),
            lists: Vec::new(),
            list: None,
            columns: Vec::new(),
            paths: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub fn error(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        self.errors.push(FieldError::new(field, detail));
    }

    /// Notes an input column, and returns its index.
    pub fn want(&mut self, field: &str, name: &str, nth: Option<u32>) -> usize {
        match self.list {
            Some(list) => self.want_of_child(field, name, list),
            None => check_column_name(field, name, self.input, &mut self.errors),
        }
        if nth == Some(0) {
            self.error(format!("{field}.nth"), "is 0, but the first column of a name is 1");
        } else if nth.is_some() && !may_repeat_names(self.input) {
            let detail =
                "is only for files with a header, where several columns can have one name; leave it out";
            self.error(format!("{field}.nth"), detail);
        }
        let wanted = Wanted { name: name.into(), nth, list: self.list };
        self.wanted.iter().position(|known| *known == wanted).unwrap_or_else(|| {
            self.wanted.push(wanted);
            self.wanted.len() - 1
        })
    }

    /// Notes something of a file's surroundings, and returns its index.
    pub fn give(&mut self, given: Given) -> usize {
        self.given.push(given);
        self.given.len() - 1
    }

    /// Finds a column by its path, for the key and the name.
    pub fn column(&mut self, field: &str, path: &str) -> Option<usize> {
        let found = self.paths.iter().position(|known| known.text == path && !known.is_item);
        if found.is_none() {
            let detail = if self.paths.iter().any(|known| known.text == path) {
                format!("{path:?} is within a list; name a column outside of it")
            } else {
                format!("no column is named {path:?}; name one of `columns`")
            };
            self.error(field, detail);
        }
        found
    }

    /// Masks every column that reads what a column with personal data reads.
    pub fn mask(&mut self) {
        let names = |column: &CompiledColumn| -> Vec<(&String, Option<usize>)> {
            column.inputs().into_iter().map(|at| (&self.wanted[at].name, self.wanted[at].list)).collect()
        };
        let personal: Vec<(&String, Option<usize>)> =
            self.columns.iter().filter(|column| column.is_personal).flat_map(&names).collect();
        let masked: Vec<bool> = self
            .columns
            .iter()
            .map(|column| names(column).iter().any(|name| personal.contains(name)))
            .collect();
        for (column, is_masked) in self.columns.iter_mut().zip(masked) {
            column.is_masked |= is_masked;
        }
    }
}
