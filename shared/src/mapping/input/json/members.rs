//! Finds the members of a record that a mapping names, in JSON that was checked.
//!
//! Two members of one name, anywhere in a record, are an error: which of them counts would be a guess.

use std::borrow::Cow;
use std::ops::Range;

use crate::mapping::compile::Repeated;
use crate::mapping::input::raw_record::{MAX_RECORD_BYTES, RawRecord};
use crate::mapping::outcome::Reason;

/// The members that are wanted, as a tree of names.
pub(super) struct Members<'r> {
    nodes: Vec<Node>,
    /// How many cells the record itself has.
    columns: usize,
    lists: Vec<List<'r>>,
}

#[derive(Default)]
struct Node {
    children: Vec<(String, usize)>,
    /// The columns that want the value here: its name, and a pointer to it.
    columns: Vec<usize>,
    /// The lists that want the items of the array here.
    lists: Vec<usize>,
}

/// Repeated children.
struct List<'r> {
    /// As the mapping writes it.
    each: &'r str,
    /// What is wanted of a child, as a tree of its own.
    root: usize,
    /// The indexes of its cells.
    cells: Range<usize>,
    /// The lists of children that its children have.
    within: Vec<usize>,
}

/// What is wrong with a record.
type Flaw = (Reason, String);

impl<'r> Members<'r> {
    /// Makes the tree of names and JSON pointers.
    pub fn new(named: &[String], repeated: &'r [Repeated]) -> Self {
        let mut members = Self { nodes: vec![Node::default()], columns: named.len(), lists: Vec::new() };
        members.want(0, named, 0);
        let mut cells = named.len();
        for (at, Repeated { each, within, named, .. }) in repeated.iter().enumerate() {
            // A list within another one comes after it.
            let from = within.map_or(0, |around| members.lists[around].root);
            let node = members.node(from, each);
            members.nodes[node].lists.push(at);
            let root = members.add();
            members.want(root, named, cells);
            let is_within = |inner: &usize| repeated[*inner].within == Some(at);
            let within = (0..repeated.len()).filter(is_within).collect();
            members.lists.push(List { each, root, cells: cells..cells + named.len(), within });
            cells += named.len();
        }
        members
    }

    /// Asks for columns, whose cells begin at an index.
    fn want(&mut self, root: usize, named: &[String], first: usize) {
        for (column, name) in named.iter().enumerate() {
            let node = self.node(root, name);
            self.nodes[node].columns.push(first + column);
        }
    }

    /// Finds or makes the node that a name or JSON pointer leads to.
    fn node(&mut self, root: usize, name: &str) -> usize {
        let mut at = root;
        for token in tokens(name) {
            let known = self.child(Some(at), &token);
            at = known.unwrap_or_else(|| {
                let node = self.add();
                self.nodes[at].children.push((token, node));
                node
            });
        }
        at
    }

    fn add(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    /// Fills a row from a record: compact, checked JSON, but for its bytes' being UTF-8.
    pub fn fill(&self, record: &[u8], row: &mut RawRecord) {
        row.with_lists(self.lists.len());
        let all = self.lists.last().map_or(self.columns, |list| list.cells.end);
        let found = std::str::from_utf8(record)
            .map_err(|_| (Reason::InvalidBytes, "the record is malformed in UTF-8".to_owned()))
            .and_then(|text| {
                let cells = vec![Cow::Borrowed(""); all];
                let mut walk = Walk { members: self, text, at: 0, names: Vec::new(), cells, row: &mut *row };
                walk.value(Some(0)).map(|()| walk.cells)
            });
        match found {
            Ok(cells) if row.flaw.is_none() => {
                for cell in &cells[..self.columns] {
                    row.push(cell.as_bytes());
                    row.end_field();
                }
            }
            Ok(_) => {}
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
struct Walk<'r, 'w> {
    members: &'r Members<'r>,
    text: &'r str,
    at: usize,
    /// The names of all objects that are open.
    names: Vec<Cow<'r, str>>,
    cells: Vec<Cow<'r, str>>,
    /// Where children of lists go at once.
    row: &'w mut RawRecord,
}

impl<'r> Walk<'r, '_> {
    fn value(&mut self, node: Option<usize>) -> Result<(), Flaw> {
        let members = self.members;
        let start = self.at;
        let lists = node.map_or(&[][..], |node| &members.nodes[node].lists);
        for list in lists {
            self.at = start;
            self.children(*list)?;
        }
        self.at = start;
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
        let wanting = node.map_or(&[][..], |node| &members.nodes[node].columns);
        if !wanting.is_empty() {
            let cell = cell(&self.text[start..self.at])?;
            wanting.iter().for_each(|column| self.cells[*column] = cell.clone());
        }
        Ok(())
    }

    /// Writes the children that a list is made of: the objects of an array, or none of null.
    fn children(&mut self, at: usize) -> Result<(), Flaw> {
        let members = self.members;
        let List { each, root, cells, within } = &members.lists[at];
        match self.text.as_bytes()[self.at] {
            b'[' => {}
            b'n' => return Ok(()),
            other => {
                return Err((Reason::NotAList, format!("{each} is {}, and no list of objects", kind(other))));
            }
        }
        let mut child = 0_usize;
        while !self.closes() {
            child += 1;
            let first = self.text.as_bytes()[self.at];
            if first != b'{' {
                return Err((
                    Reason::NotAList,
                    format!("child {child} of {each} is {}, and no object", kind(first)),
                ));
            }
            self.cells[cells.clone()].fill(Cow::Borrowed(""));
            self.object(Some(*root))?;
            for cell in &self.cells[cells.clone()] {
                self.row.push(cell.as_bytes());
                self.row.end_field_of_child(at);
            }
            self.row.end_child(at, within);
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

/// What a value is that begins so.
fn kind(first: u8) -> &'static str {
    match first {
        b'"' => "a text",
        b'{' => "an object",
        b'[' => "a list",
        b't' | b'f' => "a boolean",
        b'n' => "null",
        _ => "a number",
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
