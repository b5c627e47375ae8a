//! What elements a sample of XML has, and how often: a tree of the paths in it.

use std::collections::{BTreeSet, HashMap};

use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};

/// Most different paths that are told apart.
const MOST_NODES: usize = 5000;
/// Deepest path that a mapping can have.
const DEEPEST: usize = 64;
/// Of so many different children it is told which come before which.
const ORDERED: usize = 64;
/// What says how a file is to be read, and no data.
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A name with its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Name {
    pub namespace: Option<String>,
    pub local: String,
}

/// All elements that are at one path.
#[derive(Debug)]
pub(super) struct Node {
    pub name: Name,
    pub parent: Option<usize>,
    pub children: Vec<usize>,
    /// How many are whole.
    pub ended: usize,
    /// The most that one parent has.
    pub most: usize,
    /// Whether one has text of its own.
    pub has_text: bool,
    pub attributes: Vec<Name>,
    /// Pairs of children, of which the first came behind the second in one of these.
    after: BTreeSet<(usize, usize)>,
}

/// The paths of a sample.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub nodes: Vec<Node>,
    /// The prefix that the file has for each namespace; empty for the default.
    pub prefixes: Vec<(String, String)>,
    /// Whether there were more paths, or deeper ones, than are told apart.
    pub has_more: bool,
}

struct Open {
    node: usize,
    counts: HashMap<usize, usize>,
}

impl Survey {
    /// Surveys decoded XML as far as it can be read.
    pub fn of(decoded: &[u8]) -> Self {
        let mut survey = Self::default();
        let mut reader = NsReader::from_reader(decoded);
        reader.config_mut().expand_empty_elements = true;
        let (mut buffer, mut open) = (Vec::new(), Vec::<Open>::new());
        loop {
            buffer.clear();
            let Ok(event) = reader.read_event_into(&mut buffer) else { break };
            match event {
                Event::Start(start) => {
                    survey.note_prefixes(&start);
                    let (namespace, local) = reader.resolver().resolve_element(start.name());
                    let Some(name) = name(&namespace, local.into_inner()) else { break };
                    let Some(node) = survey.begin(&mut open, name) else { break };
                    for attribute in start.attributes().with_checks(false).flatten() {
                        if attribute.key.as_namespace_binding().is_some() {
                            continue;
                        }
                        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
                        let Some(name) = self::name(&namespace, local.into_inner()) else { continue };
                        let attributes = &mut survey.nodes[node].attributes;
                        let is_data = name.namespace.as_deref() != Some(INSTANCE);
                        if is_data && !attributes.contains(&name) && attributes.len() < DEEPEST {
                            attributes.push(name);
                        }
                    }
                    open.push(Open { node, counts: HashMap::new() });
                }
                Event::End(_) => {
                    let Some(closed) = open.pop() else { break };
                    survey.nodes[closed.node].ended += 1;
                }
                Event::Text(text) => survey.text(&open, text.bytes().all(|byte| byte.is_ascii_whitespace())),
                Event::CData(_) | Event::GeneralRef(_) => survey.text(&open, false),
                Event::Eof => break,
                _ => {}
            }
        }
        survey
    }

    fn text(&mut self, open: &[Open], is_blank: bool) {
        if let Some(open) = open.last().filter(|_| !is_blank) {
            self.nodes[open.node].has_text = true;
        }
    }

    fn note_prefixes(&mut self, start: &BytesStart<'_>) {
        for attribute in start.attributes().with_checks(false).flatten() {
            let Some(binding) = attribute.key.as_namespace_binding() else { continue };
            let prefix = match binding {
                quick_xml::name::PrefixDeclaration::Default => "",
                quick_xml::name::PrefixDeclaration::Named(prefix) => prefix,
            };
            let Ok(namespace) = attribute.normalized_value(XmlVersion::Explicit1_0) else { continue };
            if self.prefixes.len() < DEEPEST && !self.prefixes.iter().any(|(_, known)| *known == namespace) {
                self.prefixes.push((prefix.to_owned(), namespace.into_owned()));
            }
        }
    }

    /// Takes the begin of an element; None where it is not told apart any more.
    fn begin(&mut self, open: &mut [Open], name: Name) -> Option<usize> {
        let parent = open.last().map(|open| open.node);
        let known = match parent {
            Some(parent) => {
                self.nodes[parent].children.iter().copied().find(|at| self.nodes[*at].name == name)
            }
            None => (!self.nodes.is_empty()).then_some(0).filter(|root| self.nodes[*root].name == name),
        };
        let is_second_root = parent.is_none() && !self.nodes.is_empty();
        let is_more = self.nodes.len() == MOST_NODES || open.len() == DEEPEST;
        if known.is_none() && (is_second_root || is_more) {
            self.has_more = is_more;
            return None;
        }
        let node = known.unwrap_or_else(|| {
            self.nodes.push(Node {
                name,
                parent,
                children: Vec::new(),
                ended: 0,
                most: 1,
                has_text: false,
                attributes: Vec::new(),
                after: BTreeSet::new(),
            });
            self.nodes.len() - 1
        });
        let Some(above) = open.last_mut() else { return Some(node) };
        let count = above.counts.entry(node).or_insert(0);
        *count += 1;
        self.nodes[node].most = self.nodes[node].most.max(*count);
        let parent = &mut self.nodes[above.node];
        if known.is_none() {
            parent.children.push(node);
        }
        if parent.children.len() <= ORDERED {
            parent
                .after
                .extend(above.counts.keys().filter(|other| **other != node).map(|other| (node, *other)));
        }
        Some(node)
    }

    pub fn is_leaf(&self, node: usize) -> bool {
        self.nodes[node].children.is_empty()
    }

    /// Whether a child came behind another one in one of their parents; where that is not known, it may have.
    pub fn came_after(&self, child: usize, other: usize) -> bool {
        let Some(parent) = self.nodes[child].parent else { return true };
        let parent = &self.nodes[parent];
        parent.children.len() > ORDERED || parent.after.contains(&(child, other))
    }

    /// The nodes from the root down to one, both included.
    pub fn way(&self, node: usize) -> Vec<usize> {
        let mut way: Vec<usize> = std::iter::successors(Some(node), |at| self.nodes[*at].parent).collect();
        way.reverse();
        way
    }

    /// Finds a node by the local names from the root, all in one namespace.
    pub fn find(&self, namespace: &str, locals: &[String]) -> Option<usize> {
        let is = |at: usize, local: &str| {
            let name = &self.nodes[at].name;
            name.local == local && name.namespace.as_deref() == Some(namespace)
        };
        let (first, rest) = locals.split_first()?;
        let root = (!self.nodes.is_empty()).then_some(0).filter(|root| is(*root, first))?;
        rest.iter().try_fold(root, |at, local| {
            self.nodes[at].children.iter().copied().find(|child| is(*child, local))
        })
    }
}

fn name(namespace: &ResolveResult<'_>, local: &str) -> Option<Name> {
    let namespace = match namespace {
        ResolveResult::Bound(namespace) => Some(unescape(namespace.0).ok()?.into_owned()),
        ResolveResult::Unbound => None,
        ResolveResult::Unknown(_) => return None,
    };
    Some(Name { namespace, local: local.to_owned() })
}
