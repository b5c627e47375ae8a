//! Gathers the values of a record's columns while a file's elements come by.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::escape::unescape;
use quick_xml::events::BytesStart;
use quick_xml::name::{NamespaceResolver, ResolveResult};

use super::columns::{Column, List};
use super::path::MAX_DEPTH;
use super::totals::Totals;
use super::tree::{Seen, Target, Tree};
use crate::mapping::compile::{CompiledXml, Repeated};
use crate::mapping::file_error::FileError;
use crate::mapping::input::raw_record::{MAX_RECORD_BYTES, RawRecord};
use crate::mapping::outcome::Reason;

/// How many attributes an element may have.
const MAX_ATTRIBUTES: usize = 256;

pub(super) struct Matching {
    tree: Tree,
    /// Those of the record, then those of the children of each list.
    columns: Vec<Column>,
    /// How many are the record's.
    of_record: usize,
    lists: Vec<List>,
    totals: Option<Totals>,
    /// How many steps from the root records are.
    record_depth: usize,
    /// The elements that are open, from the root.
    open: Vec<Open>,
    /// Frames of elements that were closed, to spare their allocations.
    spare: Vec<Open>,
    captures: Vec<Capture>,
    record: Option<Record>,
    /// Whether an element came that records are in.
    pub has_parent: bool,
}

#[derive(Default)]
struct Open {
    /// What it is in the tree.
    nodes: Vec<usize>,
    seen: Seen,
    /// How many captures were there before it.
    captures: usize,
}

/// A text under way.
struct Capture {
    target: Target,
    text: String,
}

/// The record under way.
struct Record {
    line: u64,
    /// Where it begins in the file, in bytes of UTF-8.
    start: u64,
    is_too_long: bool,
}

impl Matching {
    pub fn new(settings: &CompiledXml, named: &[String], repeated: &[Repeated]) -> Self {
        let mut tree = Tree::new(&settings.record);
        let mut columns = Vec::with_capacity(named.len());
        for (at, name) in named.iter().enumerate() {
            let paths = settings.paths(name).expect("names of columns were checked with the mapping");
            for path in &paths {
                tree.want(path, Target::Column(at));
            }
            let first = paths.into_iter().next().expect("every name has a path");
            columns.push(Column::new(name, first));
        }
        let of_record = columns.len();
        let mut lists = Vec::with_capacity(repeated.len());
        for (list, Repeated { each, named, steps, .. }) in repeated.iter().enumerate() {
            tree.repeat(steps, list);
            let start = columns.len();
            for name in named {
                let path = settings.within(steps, name).expect("names were checked with the mapping");
                tree.want(&path, Target::Column(columns.len()));
                columns.push(Column::new(name, path));
            }
            let is_within = |at: &usize| repeated[*at].within == Some(list);
            let within = (0..repeated.len()).filter(is_within).collect();
            lists.push(List { each: each.clone(), columns: start..columns.len(), within });
        }
        let totals = settings.has_totals().then(|| Totals::new(&mut tree));
        Self {
            tree,
            columns,
            of_record,
            lists,
            totals,
            record_depth: settings.record.len(),
            open: Vec::new(),
            spare: Vec::new(),
            captures: Vec::new(),
            record: None,
            has_parent: false,
        }
    }

    /// How many lists of children there are.
    pub fn lists(&self) -> usize {
        self.lists.len()
    }

    /// Whether no element is open.
    pub fn is_outside(&self) -> bool {
        self.open.is_empty()
    }

    /// Notes how far the file was read.
    pub fn grow(&mut self, position: u64) {
        if let Some(record) = &mut self.record
            && position - record.start > MAX_RECORD_BYTES as u64
        {
            record.is_too_long = true;
        }
    }

    /// Takes the begin of an element: its line, and where it begins in the file.
    pub fn begin(
        &mut self,
        element: &BytesStart<'_>,
        resolver: &NamespaceResolver,
        line: u64,
        start: u64,
    ) -> Result<(), FileError> {
        if self.open.len() == MAX_DEPTH {
            return malformed(line, format!("elements are over {MAX_DEPTH} levels deep"));
        }
        let (namespace, local) = resolver.resolve_element(element.name());
        let namespace = bound(&namespace, line)?;
        let (namespace, local) = (namespace.as_deref(), local.into_inner());
        let mut open = self.spare.pop().unwrap_or_default();
        open.nodes.clear();
        open.seen.clear();
        open.captures = self.captures.len();
        match self.open.last_mut() {
            Some(parent) => {
                self.tree.find(&parent.nodes, &mut parent.seen, namespace, local, &mut open.nodes);
            }
            None => match self.tree.root(namespace, local) {
                Some(root) => open.nodes.push(root),
                None => {
                    let namespace = namespace.unwrap_or("no namespace");
                    return Err(FileError::NoRecords(format!("its root is {local} of {namespace}")));
                }
            },
        }
        let result = self.begin_nodes(&open.nodes, element, resolver, line, start);
        self.open.push(open);
        result
    }

    fn begin_nodes(
        &mut self,
        nodes: &[usize],
        element: &BytesStart<'_>,
        resolver: &NamespaceResolver,
        line: u64,
        start: u64,
    ) -> Result<(), FileError> {
        for node in nodes {
            if let Some(depth) = self.tree.get(*node).on_way {
                for column in self.of_record().filter(|column| column.anchor == depth) {
                    column.clear();
                }
                self.has_parent |= depth + 1 == self.record_depth || self.record_depth == 1;
                if depth == self.record_depth {
                    self.record = Some(Record { line, start, is_too_long: false });
                    self.of_record().for_each(|column| column.is_used = column.anchor < depth);
                }
            }
            for list in &self.tree.get(*node).lists {
                self.columns[self.lists[*list].columns.clone()].iter_mut().for_each(Column::clear);
            }
        }
        self.attributes(nodes, element, resolver, line)?;
        for node in nodes {
            for at in 0..self.tree.get(*node).text.len() {
                let target = self.tree.get(*node).text[at];
                self.check_in_time(target, line)?;
                self.captures.push(Capture { target, text: String::new() });
            }
        }
        Ok(())
    }

    fn attributes(
        &mut self,
        nodes: &[usize],
        element: &BytesStart<'_>,
        resolver: &NamespaceResolver,
        line: u64,
    ) -> Result<(), FileError> {
        for (at, attribute) in element.attributes().enumerate() {
            if at == MAX_ATTRIBUTES {
                return malformed(line, format!("an element has over {MAX_ATTRIBUTES} attributes"));
            }
            let attribute = attribute.or_else(|error| malformed(line, error.to_string()))?;
            if nodes.iter().all(|node| self.tree.get(*node).attributes.is_empty())
                || attribute.key.as_namespace_binding().is_some()
            {
                continue;
            }
            let (namespace, local) = resolver.resolve_attribute(attribute.key);
            let (namespace, local) = (bound(&namespace, line)?, local.into_inner());
            let is = |name: &super::path::Name| {
                name.local == local && name.namespace.as_deref() == namespace.as_deref()
            };
            let wanted: Vec<Target> = nodes
                .iter()
                .flat_map(|node| &self.tree.get(*node).attributes)
                .filter(|(name, _)| is(name))
                .map(|(_, target)| *target)
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .or_else(|error| malformed(line, error.to_string()))?;
            check_characters(&value, line)?;
            for target in wanted {
                self.check_in_time(target, line)?;
                self.deliver(target, &value, line)?;
            }
        }
        Ok(())
    }

    /// Takes a piece of text.
    pub fn text(&mut self, text: &str, line: u64) -> Result<(), FileError> {
        check_characters(text, line)?;
        for at in 0..self.captures.len() {
            let length = self.captures[at].text.len() + text.len();
            if self.fits(self.captures[at].target, length, line)? {
                self.captures[at].text.push_str(text);
            }
        }
        Ok(())
    }

    /// Takes the end of an element; true of a record's. Children of lists go into the record's row at once.
    pub fn end(&mut self, row: &mut RawRecord) -> Result<bool, FileError> {
        let open = self.open.pop().expect("the parser refuses an end without a begin");
        while self.captures.len() > open.captures {
            let Capture { target, text } = self.captures.pop().expect("there are more than that");
            let line = self.record.as_ref().map_or(0, |record| record.line);
            self.deliver(target, &text, line)?;
        }
        let mut is_record = false;
        for node in &open.nodes {
            let node = self.tree.get(*node);
            if let Some(totals) = &mut self.totals {
                node.counted.iter().for_each(|total| totals.count(*total));
            }
            is_record |= node.on_way == Some(self.record_depth);
        }
        for list in open.nodes.iter().flat_map(|node| &self.tree.get(*node).lists) {
            self.end_child(*list, row);
        }
        self.spare.push(open);
        Ok(is_record)
    }

    /// Writes a child that ended.
    fn end_child(&self, at: usize, row: &mut RawRecord) {
        let List { each, columns, within } = &self.lists[at];
        if row.flaw.is_some() || self.record.as_ref().is_none_or(|record| record.is_too_long) {
            return;
        }
        let columns = &self.columns[columns.clone()];
        if let Some(Column { name, found, .. }) = columns.iter().find(|column| column.is_repeated()) {
            let child = row.children[at].count() + 1;
            let detail = format!(
                "{name} is there {found} times in child {child} of {each}; say which with [1], or put them together \
                with [join:;]"
            );
            row.fail(Reason::RepeatedElement, detail);
            return;
        }
        for column in columns {
            row.push(column.value.as_bytes());
            row.end_field_of_child(at);
        }
        row.end_child(at, within);
    }

    fn of_record(&mut self) -> impl Iterator<Item = &mut Column> {
        self.columns[..self.of_record].iter_mut()
    }

    /// Writes the record that ended.
    pub fn fill(&mut self, row: &mut RawRecord) {
        let Some(record) = self.record.take() else { return };
        row.line = record.line;
        let columns = &self.columns[..self.of_record];
        if row.flaw.is_none()
            && let Some(column) = columns.iter().find(|column| column.is_repeated())
        {
            let (found, name) = (column.found, &column.name);
            let detail = format!(
                "{name} is there {found} times; say which with [1], or put them together with [join:;]"
            );
            row.fail(Reason::RepeatedElement, detail);
        }
        if row.flaw.is_none() && !record.is_too_long {
            for column in columns {
                row.push(column.value.as_bytes());
                row.end_field();
            }
        }
        if record.is_too_long || row.flaw == Some(Reason::RecordTooLong) {
            row.fail(Reason::RecordTooLong, format!("the record is over {MAX_RECORD_BYTES} bytes"));
        }
    }

    /// Compares the control totals with what came, at the end of the file.
    pub fn check_totals(&self) -> Result<(), FileError> {
        self.totals.as_ref().map_or(Ok(()), Totals::check)
    }

    /// Refuses a value that comes behind a record that went out without it.
    fn check_in_time(&self, target: Target, line: u64) -> Result<(), FileError> {
        match target {
            Target::Column(at) if self.columns[at].is_used => {
                let name = &self.columns[at].name;
                malformed(
                    line,
                    format!("{name} comes behind a record that it belongs to, and must come before"),
                )
            }
            _ => Ok(()),
        }
    }

    /// Whether a value of this length may be kept. Around records there is no one to blame but the file.
    fn fits(&mut self, target: Target, length: usize, line: u64) -> Result<bool, FileError> {
        match &mut self.record {
            Some(record) => {
                record.is_too_long |= length > MAX_RECORD_BYTES;
                Ok(!record.is_too_long || matches!(target, Target::Total(_)) && length <= MAX_RECORD_BYTES)
            }
            None if length > MAX_RECORD_BYTES => {
                malformed(line, format!("the text of an element is over {MAX_RECORD_BYTES} bytes"))
            }
            None => Ok(true),
        }
    }

    fn deliver(&mut self, target: Target, text: &str, line: u64) -> Result<(), FileError> {
        let at = match target {
            Target::Column(at) => at,
            Target::Total(total) => {
                if let Some(totals) = &mut self.totals {
                    totals.text(total, text);
                }
                return Ok(());
            }
        };
        let between = self.columns[at].join.as_deref().map_or(0, str::len);
        if !self.fits(target, self.columns[at].value.len() + between + text.len(), line)? {
            return Ok(());
        }
        let column = &mut self.columns[at];
        column.found += 1;
        match &column.join {
            _ if column.found == 1 => column.value.push_str(text),
            Some(between) => {
                column.value.push_str(between);
                column.value.push_str(text);
            }
            // The record fails, or the path says which is meant.
            None => {}
        }
        Ok(())
    }
}

fn bound<'n>(resolved: &ResolveResult<'n>, line: u64) -> Result<Option<Cow<'n, str>>, FileError> {
    match resolved {
        // A namespace is the value of an attribute, which the parser gives as it is written.
        ResolveResult::Bound(namespace) => {
            unescape(namespace.0).map(Some).or_else(|error| malformed(line, error.to_string()))
        }
        ResolveResult::Unbound => Ok(None),
        ResolveResult::Unknown(prefix) => malformed(line, format!("the prefix {prefix:?} is not declared")),
    }
}

/// Refuses what no XML may have, however it is written.
fn check_characters(text: &str, line: u64) -> Result<(), FileError> {
    let is_control = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    if text.as_bytes().iter().any(is_control) || text.contains(['\u{fffe}', '\u{ffff}']) {
        return malformed(line, "there is a character that XML may not have".into());
    }
    Ok(())
}

fn malformed<T>(line: u64, what: String) -> Result<T, FileError> {
    Err(FileError::NotXml { line, what })
}
