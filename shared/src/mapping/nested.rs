//! Writes records whose columns are in groups and lists.

use super::compile::{Compiled, Node, Repeated};
use super::input::raw_record::MAX_RECORD_BYTES;
use super::map::{Row, Verdict};
use super::outcome::Reason;
use super::recipe::Record;

const NULL: &str = "null";

impl Compiled {
    /// Maps a record into `row`, which is cleared.
    pub(super) fn map_nested(
        &self,
        nodes: &[Node],
        record: Record<'_, '_>,
        row: &mut Row,
    ) -> Result<(), Verdict> {
        row.tokens.resize(self.columns.len(), (0, 0));
        self.object(nodes, record, row).map(|_| ())
    }

    /// Appends an object; returns whether it says nothing of the record.
    fn object(&self, nodes: &[Node], record: Record<'_, '_>, row: &mut Row) -> Result<bool, Verdict> {
        let mut is_empty = true;
        for node in nodes {
            row.data.push_str(self.lead(node));
            is_empty &= self.node(node, record, row)?;
        }
        row.data.push('}');
        Ok(is_empty)
    }

    /// Appends a value, an object or null, or an array; returns whether it says nothing of the record.
    fn node(&self, node: &Node, record: Record<'_, '_>, row: &mut Row) -> Result<bool, Verdict> {
        let start = row.data.len();
        match node {
            Node::Value(at) => {
                let column = &self.columns[*at];
                let written = self.token(*at, record, &mut row.data);
                written.map_err(|failed| match &column.path_in_list {
                    Some(path) => failed.of_column(path),
                    None => failed,
                })?;
                row.tokens[*at] = (start, row.data.len());
                Ok(self.columns[*at].is_circumstantial() || row.data[start..] == *NULL)
            }
            Node::Group { nodes, .. } => {
                let is_empty = self.object(nodes, record, row)?;
                if is_empty {
                    row.data.truncate(start);
                    row.data.push_str(NULL);
                    self.forget(nodes, start, row);
                }
                Ok(is_empty)
            }
            Node::List { nodes, .. } => {
                row.data.push('[');
                let first = row.data.len();
                for node in nodes {
                    let before = row.data.len();
                    if before > first {
                        row.data.push(',');
                    }
                    if self.node(node, record, row)? {
                        row.data.truncate(before);
                        self.forget(std::slice::from_ref(node), start, row);
                    }
                }
                let is_empty = row.data.len() == first;
                row.data.push(']');
                Ok(is_empty)
            }
            Node::Each { list, path, nodes, .. } => self.each((*list, path), nodes, record, row),
        }
    }

    /// Appends an array with an object for each child of a list.
    fn each(
        &self,
        (list, path): (usize, &str),
        nodes: &[Node],
        record: Record<'_, '_>,
        row: &mut Row,
    ) -> Result<bool, Verdict> {
        let Repeated { each, named, .. } = &self.lists[list];
        let children = &record.children[list];
        let range = children.of(record.child);
        let is_empty = range.is_empty();
        row.data.push('[');
        for (at, child) in range.enumerate() {
            if at > 0 {
                row.data.push(',');
            }
            let fields = record.fields.within(children.cells(child, named.len()));
            let within = Record { fields: &fields, child: Some(child), ..record };
            self.object(nodes, within, row).map_err(|failed| failed.in_child(path, at, each))?;
            if row.data.len() > MAX_RECORD_BYTES {
                let detail = format!("what goes out of it is over {MAX_RECORD_BYTES} bytes");
                return Err(Verdict::Failed { field: path.into(), reason: Reason::RecordTooLong, detail });
            }
        }
        row.data.push(']');
        Ok(is_empty)
    }

    /// What comes before a node's value.
    pub(super) fn lead<'n>(&'n self, node: &'n Node) -> &'n str {
        match node {
            Node::Value(at) => &self.columns[*at].lead,
            Node::Group { lead, .. } | Node::List { lead, .. } | Node::Each { lead, .. } => lead,
        }
    }

    /// Leaves no trace of columns whose tokens are no longer in the row.
    fn forget(&self, nodes: &[Node], start: usize, row: &mut Row) {
        for node in nodes {
            match node {
                Node::Value(at) => row.tokens[*at] = (start, start),
                Node::Group { nodes, .. } | Node::List { nodes, .. } | Node::Each { nodes, .. } => {
                    self.forget(nodes, start, row);
                }
            }
        }
    }
}

impl Verdict {
    /// Names the column of a list that failed by its path from the item, and the input column in words.
    fn of_column(self, path: &str) -> Self {
        match self {
            Self::Failed { field, reason, detail } => {
                Self::Failed { field: path.into(), reason, detail: format!("{field}: {detail}") }
            }
            other => other,
        }
    }

    /// Says in which child it failed: its index in the list, from 0, and its number, from 1, in words.
    fn in_child(self, list: &str, at: usize, each: &str) -> Self {
        match self {
            Self::Failed { field, reason, detail } => Self::Failed {
                field: format!("{list}[{at}].{field}"),
                reason,
                detail: format!("{detail}, in child {} of {each}", at + 1),
            },
            other => other,
        }
    }
}
