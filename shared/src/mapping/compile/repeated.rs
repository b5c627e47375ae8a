//! Resolves lists whose items come from repeated children of a record.

use super::draft::Draft;
use super::input::{check_child_column_name, children};
use super::shape::Node;
use crate::mapping::document::Column;
use crate::mapping::input::xml::path::Step;

/// Children that a record, or a child of another list, may have several of.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct Repeated {
    /// Where they are, as the mapping writes it.
    pub each: String,
    /// The list whose children have them; None where the record has them.
    pub within: Option<usize>,
    /// The input columns that are named, each once, from a child.
    pub named: Vec<String>,
    /// Of XML: the elements from the root.
    pub steps: Vec<Step>,
}

/// A list under check.
pub(super) struct List {
    pub repeated: Repeated,
    /// What the paths of its columns begin with.
    pub prefix: String,
}

impl Draft<'_> {
    /// Resolves the children that a list is made of, and its columns.
    pub(super) fn each(
        &mut self,
        field: &str,
        path: &str,
        lead: String,
        column: &Column,
        level: usize,
    ) -> Node {
        let each = column.each.clone().unwrap_or_default();
        let outer = self.list;
        let base = outer.map(|at| self.lists[at].repeated.steps.as_slice());
        let steps = match children(&each, self.input, base) {
            Ok(steps) => steps,
            Err(detail) => {
                self.error(format!("{field}.each"), detail);
                return Node::List { lead, nodes: Vec::new() };
            }
        };
        let relative = self.within_list(path);
        let prefix = format!("{path}.");
        let repeated = Repeated { each, within: outer, named: Vec::new(), steps };
        self.lists.push(List { repeated, prefix: prefix.clone() });
        let list = self.lists.len() - 1;
        self.list = Some(list);
        let before = self.paths.len();
        let nodes = self.members(&format!("{field}.columns"), &prefix, &column.columns, level + 1);
        self.paths[before..].iter_mut().for_each(|within| within.is_item = true);
        self.list = outer;
        Node::Each { lead, list, path: relative, nodes }
    }

    /// The path of what is within the list at hand, from its item.
    pub(super) fn within_list(&self, path: &str) -> String {
        let prefix = self.list.map_or("", |at| self.lists[at].prefix.as_str());
        path.strip_prefix(prefix).unwrap_or(path).to_owned()
    }

    /// Notes an input column of a child, unless it was noted before.
    pub(super) fn want_of_child(&mut self, field: &str, name: &str, list: usize) {
        let List { repeated, .. } = &mut self.lists[list];
        check_child_column_name(field, name, self.input, &repeated.steps, &mut self.errors);
        if !repeated.named.iter().any(|known| known == name) {
            repeated.named.push(name.to_owned());
        }
    }
}
