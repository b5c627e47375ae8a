//! Writes records whose columns are in groups and lists.

use super::compile::{Compiled, Node};
use super::map::{Row, Verdict};
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
                self.token(*at, record, &mut row.data)?;
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
        }
    }

    /// What comes before a node's value.
    pub(super) fn lead<'n>(&'n self, node: &'n Node) -> &'n str {
        match node {
            Node::Value(at) => &self.columns[*at].lead,
            Node::Group { lead, .. } | Node::List { lead, .. } => lead,
        }
    }

    /// Leaves no trace of columns whose tokens are no longer in the row.
    fn forget(&self, nodes: &[Node], start: usize, row: &mut Row) {
        for node in nodes {
            match node {
                Node::Value(at) => row.tokens[*at] = (start, start),
                Node::Group { nodes, .. } | Node::List { nodes, .. } => self.forget(nodes, start, row),
            }
        }
    }
}
