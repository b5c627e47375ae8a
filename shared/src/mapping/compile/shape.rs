//! Resolves where columns go: into the record itself, into groups, and into lists.

use std::collections::HashSet;

use super::column::CompiledColumn;
use super::draft::{Draft, Path};
use crate::mapping::document::Column;
use crate::mapping::json::push_string;

/// How many groups and lists there can be within each other.
const MOST_LEVELS: usize = 8;

/// A column's place.
#[derive(Clone, Debug)]
pub(in crate::mapping) enum Node {
    /// The value of the column with this index.
    Value(usize),
    /// An object with what comes before it, null where all of its members are that do not only tell how the record came.
    Group { lead: String, nodes: Vec<Node> },
    /// An array with what comes before it, without items that are null.
    List { lead: String, nodes: Vec<Node> },
    /// An array with an object for each child of the list with this index; `path` is its own, from the child around it.
    Each { lead: String, list: usize, path: String, nodes: Vec<Node> },
}

impl Draft<'_> {
    /// Resolves the columns of the record or of a group; `prefix` is the path of the group and a point.
    pub fn members(&mut self, field: &str, prefix: &str, columns: &[Column], level: usize) -> Vec<Node> {
        let mut names = HashSet::new();
        let mut nodes = Vec::with_capacity(columns.len());
        for (at, column) in columns.iter().enumerate() {
            let field = format!("{field}[{at}]");
            if !names.insert(column.name.as_str()) {
                let detail = format!("{:?} is the name of an earlier column too", column.name);
                self.error(format!("{field}.name"), detail);
            }
            if column.name.is_empty() {
                self.error(format!("{field}.name"), "is empty; name the member of the JSON record");
            }
            let path = Path { text: format!("{prefix}{}", column.name), is_item: false };
            nodes.push(self.node(&field, path, lead(at, &column.name), column, level));
        }
        nodes
    }

    fn items(&mut self, field: &str, path: &Path, columns: &[Column], level: usize) -> Vec<Node> {
        let mut nodes = Vec::with_capacity(columns.len());
        for (at, column) in columns.iter().enumerate() {
            let field = format!("{field}[{at}]");
            if !column.name.is_empty() {
                self.error(format!("{field}.name"), "is not for items of a list; leave it out");
            }
            let path = Path { text: format!("{}[{at}]", path.text), is_item: true };
            nodes.push(self.node(&field, path, String::new(), column, level));
        }
        nodes
    }

    fn node(&mut self, field: &str, path: Path, lead: String, column: &Column, level: usize) -> Node {
        if column.each.is_some() && column.columns.is_empty() {
            self.error(format!("{field}.columns"), "is missing; list what goes out of each child");
            return Node::List { lead, nodes: Vec::new() };
        }
        if column.columns.is_empty() && column.items.is_empty() {
            return self.value(field, path, lead, column);
        }
        if level == MOST_LEVELS {
            self.error(field, format!("is more than {MOST_LEVELS} groups and lists deep"));
            return Node::Group { lead, nodes: Vec::new() };
        }
        let bare = Column {
            name: column.name.clone(),
            columns: column.columns.clone(),
            items: column.items.clone(),
            each: column.each.clone(),
            ..Column::default()
        };
        if bare != *column {
            self.error(
                field,
                "is a group or a list, which has nothing but a name beside its columns; leave the rest out",
            );
        }
        if !column.columns.is_empty() && !column.items.is_empty() {
            self.error(format!("{field}.items"), "contradicts `columns`; a column is a group or a list");
        }
        if column.each.is_some() && column.items.is_empty() {
            self.each(field, &path.text, lead, column, level)
        } else if column.items.is_empty() {
            let before = self.paths.len();
            let prefix = format!("{}.", path.text);
            let nodes = self.members(&format!("{field}.columns"), &prefix, &column.columns, level + 1);
            self.paths[before..].iter_mut().for_each(|within| within.is_item |= path.is_item);
            Node::Group { lead, nodes }
        } else {
            let before = self.paths.len();
            let nodes = self.items(&format!("{field}.items"), &path, &column.items, level + 1);
            self.paths[before..].iter_mut().for_each(|within| within.is_item = true);
            Node::List { lead, nodes }
        }
    }

    fn value(&mut self, field: &str, path: Path, lead: String, column: &Column) -> Node {
        let is_known = self.errors.last().is_some_and(|error| error.field == format!("{field}.name"));
        if !is_known && path.text.contains('.') && self.paths.iter().any(|known| known.text == path.text) {
            let detail = format!("makes the path {:?}, which an earlier column has too", path.text);
            self.error(format!("{field}.name"), detail);
        }
        let is_key = !path.is_item && self.list.is_none() && self.key.contains(&path.text);
        let path_in_list = self.list.is_some().then(|| self.within_list(&path.text));
        self.paths.push(path);
        let mut compiled = CompiledColumn::compile(column, field, lead, is_key, self);
        compiled.iter_mut().for_each(|compiled| compiled.path_in_list = path_in_list.clone());
        self.columns.extend(compiled);
        Node::Value(self.paths.len() - 1)
    }
}

/// What comes before the member at an index of its object: `{` or `,`, its name as a JSON string, and the colon.
fn lead(at: usize, name: &str) -> String {
    let mut lead = String::from(if at == 0 { '{' } else { ',' });
    push_string(&mut lead, name);
    lead.push(':');
    lead
}
