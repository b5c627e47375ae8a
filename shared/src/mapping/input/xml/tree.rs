//! All paths of a mapping as one tree, so that a file is matched in one pass.

use super::path::{Name, Path, Step};

/// What a value is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    /// A cell of the row.
    Column(usize),
    /// One of the control totals.
    Total(usize),
}

/// An element that is looked for.
#[derive(Debug)]
pub(super) struct Node {
    step: Step,
    children: Vec<usize>,
    /// Who wants the element's text.
    pub text: Vec<Target>,
    pub attributes: Vec<(Name, Target)>,
    /// Who counts such elements.
    pub counted: Vec<usize>,
    /// The lists of whose children it is one.
    pub lists: Vec<usize>,
    /// How many steps from the root it is, where it is on the way to the record.
    pub on_way: Option<usize>,
}

/// The elements that are looked for. Nodes of one name and another index are apart.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    root: Option<usize>,
}

/// Which children of an open element came so far, where that matters.
pub(super) type Seen = Vec<(usize, u32)>;

impl Tree {
    /// Begins with the way to the record.
    pub fn new(record: &[Name]) -> Self {
        let mut tree = Self::default();
        let steps: Vec<Step> = record.iter().map(|name| Step { name: name.clone(), index: None }).collect();
        for depth in 1..=steps.len() {
            let node = tree.node(&steps[..depth]);
            tree.nodes[node].on_way = Some(depth);
        }
        tree
    }

    pub fn want(&mut self, path: &Path, target: Target) {
        let node = self.node(&path.steps);
        match &path.attribute {
            Some(name) => self.nodes[node].attributes.push((name.clone(), target)),
            None => self.nodes[node].text.push(target),
        }
    }

    pub fn count(&mut self, path: &Path, total: usize) {
        let node = self.node(&path.steps);
        self.nodes[node].counted.push(total);
    }

    /// Asks for the children of a list.
    pub fn repeat(&mut self, steps: &[Step], list: usize) {
        let node = self.node(steps);
        self.nodes[node].lists.push(list);
    }

    pub fn get(&self, node: usize) -> &Node {
        &self.nodes[node]
    }

    /// The root, where it is the one that is looked for.
    pub fn root(&self, namespace: Option<&str>, local: &str) -> Option<usize> {
        self.root.filter(|root| self.nodes[*root].is(namespace, local))
    }

    /// Adds those of a parent's children that an element is.
    pub fn find(
        &self,
        parents: &[usize],
        seen: &mut Seen,
        namespace: Option<&str>,
        local: &str,
        found: &mut Vec<usize>,
    ) {
        for child in parents.iter().flat_map(|parent| &self.nodes[*parent].children) {
            let node = &self.nodes[*child];
            if !node.is(namespace, local) {
                continue;
            }
            let Some(index) = node.step.index else {
                found.push(*child);
                continue;
            };
            let at = seen.iter().position(|(node, _)| node == child).unwrap_or_else(|| {
                seen.push((*child, 0));
                seen.len() - 1
            });
            seen[at].1 = seen[at].1.saturating_add(1);
            if seen[at].1 == index {
                found.push(*child);
            }
        }
    }

    /// Finds or makes the node that steps lead to.
    fn node(&mut self, steps: &[Step]) -> usize {
        let mut at: Option<usize> = None;
        for step in steps {
            let siblings = match at {
                Some(parent) => &self.nodes[parent].children[..],
                None => self.root.as_slice(),
            };
            let known = siblings.iter().copied().find(|node| self.nodes[*node].step == *step);
            at = Some(known.unwrap_or_else(|| self.add(at, step)));
        }
        at.expect("a path has at least the root")
    }

    fn add(&mut self, parent: Option<usize>, step: &Step) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node {
            step: step.clone(),
            children: Vec::new(),
            text: Vec::new(),
            attributes: Vec::new(),
            counted: Vec::new(),
            lists: Vec::new(),
            on_way: None,
        });
        match parent {
            Some(parent) => self.nodes[parent].children.push(node),
            // All paths have the record's root: a path with another is refused when it is compiled.
            None => self.root = Some(node),
        }
        node
    }
}

impl Node {
    fn is(&self, namespace: Option<&str>, local: &str) -> bool {
        let name = &self.step.name;
        name.local == local && name.namespace.as_deref() == namespace
    }
}
