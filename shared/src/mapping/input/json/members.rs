//! Finds the members of a record that a mapping names, in JSON that was checked.
//!
//! Two members of one name, anywhere in a record, are an error: which of them counts would be a guess.

use std::borrow::Cow;

use crate::mapping::input::raw_record::{MAX_RECORD_BYTES, RawRecord};
use crate::mapping::outcome::Reason;

/// The members that are wanted, as a tree of names.
pub(super) struct Members {
    nodes: Vec<Node>,
    columns: usize,
}

#[derive(Default)]
struct Node {
    children: Vec<(String, usize)>,
    /// The columns that want the value here: its name, and a pointer to it.
    columns: Vec<usize>,
}

/// What is wrong with a record.
type Flaw = (Reason, String);

impl Members {
    /// Makes the tree of names and JSON pointers.
    pub fn new(named: &[String]) -> Self {
        let mut nodes = vec![Node::default()];
        for (column, name) in named.iter().enumerate() {
            let mut at = 0;
            for token in tokens(name) {
                let known = nodes[at].children.iter().find(|(name, _)| *name == token).map(|(_, node)| *node);
                at = known.unwrap_or_else(|| {
                    nodes.push(Node::default());
                    let node = nodes.len() - 1;
                    nodes[at].children.push((token, node));
                    node
                });
            }
            nodes[at].columns.push(column);
        }
        Self { nodes, columns: named.len() }
    }

    /// Fills a row from a record: compact, checked JSON, but for its bytes' being UTF-8.
    pub fn fill(&self, record: &[u8], row: &mut RawRecord) {
        let found = std::str::from_utf8(record)
            .map_err(|_| (Reason::InvalidBytes, "the record is malformed in UTF-8".to_owned()))
            .and_then(|text| {
                let cells = vec![Cow::Borrowed(""); self.columns];
                let mut walk = Walk { members: self, text, at: 0, names: Vec::new(), cells };
                walk.value(Some(0)).map(|()| walk.cells)
            });
        match found {
            Ok(cells) => {
                for cell in cells {
                    row.push(cell.as_bytes());
                    row.end_field();
                }
            }
            Err((reason, detail)) => row.fail(reason, detail),
        }
        if row.flaw == Some(Reason::RecordTooLong) {
            too_long(row);
        }
    }

    fn child(&self, node: Option<usize>, name: &str) -> Option<usize> {
        let children = &self.nodes[node?].children;
        children.iter().find(|(child, _)| child == name).map(|(_, node)| *node)
    }
}

/// Says that a record is too long to be kept.
pub(super) fn too_long(row: &mut RawRecord) {
    row.fail(Reason::RecordTooLong, format!("the record is over {MAX_RECORD_BYTES} bytes"));
}

/// The names on the way to a member: a JSON pointer's tokens (RFC 6901), or the one name that it is.
pub(super) fn tokens(name: &str) -> Vec<String> {
    match name.strip_prefix('/') {
        Some(pointer) => {
            pointer.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
        }
        None => vec![name.to_owned()],
    }
}

/// On its way through a record. It goes as deep as the lexer let arrays and objects go.
struct Walk<'r> {
    members: &'r Members,
    text: &'r str,
    at: usize,
    /// The names of all objects that are open.
    names: Vec<Cow<'r, str>>,
    cells: Vec<Cow<'r, str>>,
}

impl<'r> Walk<'r> {
    fn value(&mut self, node: Option<usize>) -> Result<(), Flaw> {
        let start = self.at;
        match self.text.as_bytes()[start] {
            b'{' => self.object(node)?,
            b'[' => self.array(node)?,
            b'"' => self.at = self.end_of_string(),
            _ => {
                let rest = &self.text.as_bytes()[start..];
                let length = rest.iter().position(|byte| matches!(byte, b',' | b']' | b'}'));
                self.at = start + length.unwrap_or(rest.len());
            }
        }
        let members = self.members;
        let wanting = node.map_or(&[][..], |node| &members.nodes[node].columns);
        if !wanting.is_empty() {
            let cell = cell(&self.text[start..self.at])?;
            wanting.iter().for_each(|column| self.cells[*column] = cell.clone());
        }
        Ok(())
    }

    fn object(&mut self, node: Option<usize>) -> Result<(), Flaw> {
        let first = self.names.len();
        while !self.closes() {
            let start = self.at;
            self.at = self.end_of_string();
            let name = decoded(&self.text[start..self.at])?;
            self.at += 1;
            let child = self.members.child(node, &name);
            self.names.push(name);
            self.value(child)?;
        }
        let names = &mut self.names[first..];
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let detail =
                format!("an object has more than one member {:?}; which counts is unclear", twice[0]);
            return Err((Reason::RepeatedMember, detail));
        }
        self.names.truncate(first);
        Ok(())
    }

    fn array(&mut self, node: Option<usize>) -> Result<(), Flaw> {
        let members = self.members;
        let has_wanted = node.is_some_and(|node| !members.nodes[node].children.is_empty());
        let mut index = 0_usize;
        while !self.closes() {
            let child = if has_wanted { members.child(node, &index.to_string()) } else { None };
            self.value(child)?;
            index += 1;
        }
        Ok(())
    }

    /// Takes what is before the next item: a bracket that opens, or a comma; true behind the last.
    fn closes(&mut self) -> bool {
        self.at += 1;
        let before = self.text.as_bytes()[self.at - 1];
        if matches!(before, b'{' | b'[') && matches!(self.text.as_bytes()[self.at], b'}' | b']') {
            self.at += 1;
            return true;
        }
        matches!(before, b'}' | b']')
    }

    fn end_of_string(&self) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        while bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        at + 1
    }
}

/// A value as a cell: the content of a text, nothing for null, and anything else as it is written.
fn cell(token: &str) -> Result<Cow<'_, str>, Flaw> {
    match token.as_bytes()[0] {
        b'"' => decoded(token),
        b'n' => Ok(Cow::Borrowed("")),
        _ => Ok(Cow::Borrowed(token)),
    }
}

/// The content of a text. Checked JSON can only fail by half of a surrogate pair.
fn decoded(token: &str) -> Result<Cow<'_, str>, Flaw> {
    if !token.contains('\\') {
        return Ok(Cow::Borrowed(&token[1..token.len() - 1]));
    }
    serde_json::from_str(token).map(Cow::Owned).map_err(|_| {
        (Reason::NotJson, "a text has half of a surrogate pair, which is no character".to_owned())
    })
}
