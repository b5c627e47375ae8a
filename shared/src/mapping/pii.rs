//! Masks personal data wherever it is shown: in errors, in the names of records, and in previews.
//!
//! A record's source id is never masked: without it no one could tell which record a report is about.

use serde_json::Value;

use super::compile::{Compiled, CompiledColumn, Node, Wanted};
use super::fields::shown;

/// What stands for the characters that are not shown, however many they are.
const HIDDEN: &str = "•••";
/// Texts with fewer characters than this show nothing.
const LEAST_CHARACTERS: usize = 6;
/// How many of the first characters of others are shown.
const SHOWN_CHARACTERS: usize = 2;

/// Masks a text: the first two characters of one with at least six, and nothing of others.
pub fn masked(text: &str) -> String {
    if text.chars().count() < LEAST_CHARACTERS {
        return HIDDEN.into();
    }
    text.chars().take(SHOWN_CHARACTERS).chain(HIDDEN.chars()).collect()
}

impl Compiled {
    /// Returns whether an input column has personal data: whether a column that is tagged so reads it.
    pub fn is_personal(&self, input_column: &str) -> bool {
        self.is_personal_in(None, input_column)
    }

    /// The same of the input column with this index.
    pub(super) fn is_personal_wanted(&self, wanted: usize) -> bool {
        self.is_personal_in(self.wanted[wanted].list, &self.wanted[wanted].name)
    }

    fn is_personal_in(&self, list: Option<usize>, input_column: &str) -> bool {
        let is_it = |wanted: &Wanted| wanted.name == input_column && wanted.list == list;
        let reads_it =
            |column: &CompiledColumn| column.inputs().into_iter().any(|wanted| is_it(&self.wanted[wanted]));
        self.columns.iter().any(|column| column.is_personal && reads_it(column))
    }

    /// Returns a mapped record as previews show it: without the personal data in it.
    pub fn masked_record(&self, data: &str) -> String {
        let Ok(mut record) = serde_json::from_str::<Value>(data) else { return HIDDEN.into() };
        match &self.shape {
            Some(nodes) => self.mask_members(nodes, &mut record),
            None => (0..self.columns.len()).for_each(|at| self.mask_member(&Node::Value(at), &mut record)),
        }
        record.to_string()
    }

    fn mask_members(&self, nodes: &[Node], object: &mut Value) {
        nodes.iter().for_each(|node| self.mask_member(node, object));
    }

    fn mask_member(&self, node: &Node, object: &mut Value) {
        let member = self.lead(node).trim_start_matches(['{', ',']).trim_end_matches(':');
        let name = serde_json::from_str::<String>(member).unwrap_or_default();
        let Some(value) = object.get_mut(&name) else { return };
        match node {
            Node::Value(at) if self.columns[*at].is_masked => mask_all(value),
            Node::Value(_) => {}
            Node::Group { nodes, .. } => self.mask_members(nodes, value),
            Node::Each { nodes, .. } => {
                value.as_array_mut().into_iter().flatten().for_each(|item| self.mask_members(nodes, item));
            }
            // Which item came from which column cannot be seen any more, since empty ones are left out.
            Node::List { nodes, .. } if self.has_personal(nodes) => mask_all(value),
            Node::List { .. } => {}
        }
    }

    fn has_personal(&self, nodes: &[Node]) -> bool {
        nodes.iter().any(|node| match node {
            Node::Value(at) => self.columns[*at].is_masked,
            Node::Group { nodes, .. } | Node::List { nodes, .. } | Node::Each { nodes, .. } => {
                self.has_personal(nodes)
            }
        })
    }
}

impl CompiledColumn {
    /// Shows a text of the column in an error.
    pub(super) fn shown(&self, text: &str) -> String {
        show(self.is_masked, text)
    }
}

/// Shows a text in an error.
pub(super) fn show(is_masked: bool, text: &str) -> String {
    if is_masked && !text.is_empty() { format!("{:?}", masked(text)) } else { shown(text) }
}

fn mask_all(value: &mut Value) {
    match value {
        Value::Null => {}
        Value::String(text) => *text = masked(text),
        Value::Array(items) => items.iter_mut().for_each(mask_all),
        Value::Object(members) => members.values_mut().for_each(mask_all),
        Value::Bool(_) | Value::Number(_) => *value = Value::String(HIDDEN.into()),
    }
}
