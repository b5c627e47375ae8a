//! The columns of a record as paths, as a mapping writes them, and what they may be called.

use std::collections::{BTreeMap, HashMap};

use super::survey::{Name, Survey};

/// Paths of columns and what is left out of them.
#[derive(Debug, Default)]
pub(super) struct Paths {
    pub columns: Vec<String>,
    /// Elements that come again within a record and have elements in them: records of their own.
    pub inner: Vec<String>,
}

/// What stands between the values of an element that comes again.
const BETWEEN: &str = "[join:;]";

/// The prefixes of a mapping, by namespace: those of the file as far as they can be.
pub(super) struct Prefixes(BTreeMap<String, String>);

impl Prefixes {
    pub fn of(survey: &Survey) -> Self {
        let mut by_namespace: BTreeMap<String, String> = BTreeMap::new();
        let attributes = survey.nodes.iter().flat_map(|node| &node.attributes);
        for name in survey.nodes.iter().map(|node| &node.name).chain(attributes) {
            let Some(namespace) = name.namespace.as_ref() else { continue };
            if by_namespace.contains_key(namespace) || namespace == XML {
                continue;
            }
            let of_file = survey.prefixes.iter().find(|(_, known)| known == namespace);
            let wanted = of_file.map(|(prefix, _)| prefix.as_str()).filter(|prefix| !prefix.is_empty());
            let free =
                |prefix: &String| prefix != "xml" && !by_namespace.values().any(|known| known == prefix);
            let numbered = (2..).map(|number| format!("n{number}"));
            let prefix =
                wanted.map(str::to_owned).into_iter().chain(["n".to_owned()]).chain(numbered).find(free);
            by_namespace.extend(prefix.map(|prefix| (namespace.clone(), prefix)));
        }
        Self(by_namespace)
    }

    /// As a mapping states them: the namespaces of those that paths use.
    pub fn used(&self, paths: &[&str]) -> BTreeMap<String, String> {
        let is_used = |prefix: &str| {
            let names = paths.iter().flat_map(|path| path.split(['/', '@']));
            names.filter_map(|name| name.split_once(':')).any(|(used, _)| used == prefix)
        };
        let used = self.0.iter().filter(|(_, prefix)| is_used(prefix));
        used.map(|(namespace, prefix)| (prefix.clone(), namespace.clone())).collect()
    }

    fn shown(&self, name: &Name) -> String {
        match &name.namespace {
            None => name.local.clone(),
            Some(namespace) if namespace == XML => format!("xml:{}", name.local),
            Some(namespace) => match self.0.get(namespace) {
                Some(prefix) => format!("{prefix}:{}", name.local),
                None => name.local.clone(),
            },
        }
    }

    /// The path from the root to an element.
    pub fn path(&self, survey: &Survey, node: usize) -> String {
        survey.way(node).into_iter().map(|at| format!("/{}", self.shown(&survey.nodes[at].name))).collect()
    }
}

/// The namespace of the prefix `xml`, which needs no declaration.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

impl Paths {
    /// The columns of a record: what is around it first, where that comes again too.
    pub fn of(survey: &Survey, record: usize, prefixes: &Prefixes) -> Self {
        let mut paths = Self::default();
        let way = survey.way(record);
        for (up, pair) in way.windows(2).rev().enumerate() {
            let (outer, inner) = (pair[0], pair[1]);
            if survey.nodes[outer].most > 1 {
                paths.around(survey, prefixes, outer, inner, &"../".repeat(up + 1));
            }
        }
        for attribute in &survey.nodes[record].attributes {
            paths.columns.push(format!("@{}", prefixes.shown(attribute)));
        }
        let element = &survey.nodes[record];
        if survey.is_leaf(record) && (element.has_text || element.attributes.is_empty()) {
            paths.columns.push(".".into());
        }
        paths.below(survey, prefixes, record, "");
        if paths.columns.is_empty() {
            // All that it has are records of their own: what is left is its text, which is theirs.
            paths.columns.push(".".into());
        }
        paths
    }

    /// What an element around the record has, where it comes before the record: what comes behind would fail a run.
    fn around(&mut self, survey: &Survey, prefixes: &Prefixes, outer: usize, inner: usize, up: &str) {
        for attribute in &survey.nodes[outer].attributes {
            self.columns.push(format!("{up}@{}", prefixes.shown(attribute)));
        }
        for child in &survey.nodes[outer].children {
            let is_plain = survey.is_leaf(*child) && survey.nodes[*child].most == 1;
            if *child != inner && is_plain && !survey.came_after(*child, inner) {
                self.columns.push(format!("{up}{}", prefixes.shown(&survey.nodes[*child].name)));
            }
        }
    }

    fn below(&mut self, survey: &Survey, prefixes: &Prefixes, node: usize, above: &str) {
        for child in &survey.nodes[node].children {
            let element = &survey.nodes[*child];
            let path = format!("{above}{}", prefixes.shown(&element.name));
            match (element.most > 1, survey.is_leaf(*child)) {
                (true, true) => self.columns.push(format!("{path}{BETWEEN}")),
                (true, false) => self.inner.push(path),
                (false, is_leaf) => {
                    if is_leaf && (element.has_text || element.attributes.is_empty()) {
                        self.columns.push(path.clone());
                    }
                    for attribute in &element.attributes {
                        self.columns.push(format!("{path}/@{}", prefixes.shown(attribute)));
                    }
                    self.below(survey, prefixes, *child, &format!("{path}/"));
                }
            }
        }
    }
}

/// What columns may be called that go out: the last name of each path, and more of it where that is another's too.
pub(super) fn names(paths: &[String], record: &str) -> HashMap<String, String> {
    let parts: Vec<Vec<&str>> = paths.iter().map(|path| parts(path, record)).collect();
    let name = |parts: &[&str], count: usize| parts[parts.len().saturating_sub(count)..].join("_");
    let mut named: HashMap<String, String> = HashMap::new();
    for (path, own) in paths.iter().zip(&parts) {
        let is_only = |count: &usize| {
            let wanted = name(own, *count);
            parts.iter().filter(|other| name(other, *count) == wanted).count() == 1
        };
        let short = (1..=own.len()).find(is_only).map(|count| name(own, count));
        let free = |name: &String| !named.values().any(|known| known == name);
        let whole = name(own, own.len());
        let numbered = (2..).map(|number| format!("{whole}_{number}"));
        let name = short.into_iter().chain([whole.clone()]).chain(numbered).find(free);
        named.extend(name.map(|name| (path.clone(), name)));
    }
    named
}

/// The names in a path, without prefixes.
fn parts<'p>(path: &'p str, record: &'p str) -> Vec<&'p str> {
    let plain = path.split('[').next().unwrap_or(path);
    let names = plain.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
    let mut parts: Vec<&str> = names
        .map(|name| name.trim_start_matches('@'))
        .map(|name| name.split_once(':').map_or(name, |(_, local)| local))
        .collect();
    if parts.is_empty() {
        parts.push(record);
    }
    parts
}
