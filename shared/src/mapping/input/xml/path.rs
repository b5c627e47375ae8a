//! Paths of XML elements, as mappings write them.
//!
//! ```text
//! n:Name          a child of the record            @id              an attribute of the record
//! n:Name/@lang    an attribute of a child          .                the record's own text
//! ../n:JournalID  a child of its parent            /n:File/n:Date   from the root
//! n:Line[1]       the first of several             n:Code[join:;]   all of several, with ; between
//! ```
//!
//! This is a small part of XPath with its meaning, but for `[join:…]`. A path outside of the record
//! must come before it in the file.

use std::collections::BTreeMap;

/// How many elements may be within each other.
pub(in crate::mapping) const MAX_DEPTH: usize = 64;

/// The name of an element or attribute, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mapping) struct Name {
    pub namespace: Option<String>,
    pub local: String,
}

/// What prefixes mean.
pub(in crate::mapping) struct Names<'n> {
    pub prefixes: &'n BTreeMap<String, String>,
    /// The namespace of elements without a prefix.
    pub unprefixed: Option<&'n str>,
}

/// A step to a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mapping) struct Step {
    pub name: Name,
    /// Which of the children of this name, from 1.
    pub index: Option<u32>,
}

/// Where a column's values are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::mapping) struct Path {
    /// From the root.
    pub steps: Vec<Step>,
    /// How many of the steps are those to the record: the value belongs to the element there.
    pub anchor: usize,
    pub attribute: Option<Name>,
    /// What to put between several values.
    pub join: Option<String>,
}

/// Reads the path to the records.
///
/// # Errors
/// What is wrong with it.
pub(in crate::mapping) fn parse_record(text: &str, names: &Names<'_>) -> Result<Vec<Name>, String> {
    let Some(steps) = text.strip_prefix('/') else {
        return Err(format!("{text:?} does not begin with '/'; write the path from the root to the records"));
    };
    let steps: Vec<Name> =
        steps.split('/').map(|step| names.resolve(step, names.unprefixed)).collect::<Result<_, _>>()?;
    if steps.len() > MAX_DEPTH {
        return Err(format!("has over {MAX_DEPTH} steps"));
    }
    Ok(steps)
}

impl Path {
    /// Reads a column's path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, record: &[Name], names: &Names<'_>) -> Result<Self, String> {
        let Split { mut parts, attribute, join, is_absolute } = Split::of(text, names)?;
        let up = parts.iter().take_while(|part| **part == "..").count();
        if up >= record.len() || is_absolute && up > 0 {
            return Err(format!("{text:?} goes above the root"));
        }
        parts.drain(..up);
        if parts == ["."] && !is_absolute && up == 0 {
            parts.clear();
        }
        let base = if is_absolute { &[][..] } else { &record[..record.len() - up] };
        let mut steps: Vec<Step> = base.iter().map(|name| Step { name: name.clone(), index: None }).collect();
        for part in parts {
            steps.push(names.step(part)?);
        }
        let is_shared = |(step, name): &(&Step, &Name)| step.index.is_none() && step.name == **name;
        let anchor = steps.iter().zip(record).take_while(is_shared).count();
        if anchor == 0 {
            return Err(format!("{text:?} has another root than `input.record`"));
        }
        if anchor == steps.len() && anchor < record.len() && attribute.is_none() {
            return Err(format!("{text:?} is an element around the record; name a child or attribute of it"));
        }
        if steps.len() > MAX_DEPTH {
            return Err(format!("{text:?} has over {MAX_DEPTH} steps from the root"));
        }
        Ok(Self { steps, anchor, attribute, join })
    }

    /// Reads the path of repeated children, from the element that has them.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn children(text: &str, base: &[Step], names: &Names<'_>) -> Result<Vec<Step>, String> {
        let path = Self::within(text, base, names)?;
        if path.attribute.is_some() || path.join.is_some() || path.steps.len() == base.len() {
            return Err(format!("{text:?} leads to no elements within; name those that are repeated"));
        }
        Ok(path.steps)
    }

    /// Reads a column's path from an element within the record, which it does not leave.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn within(text: &str, base: &[Step], names: &Names<'_>) -> Result<Self, String> {
        let Split { mut parts, attribute, join, is_absolute } = Split::of(text, names)?;
        if is_absolute || parts.contains(&"..") {
            return Err(format!("{text:?} leaves the element that it starts from; map that beside the list"));
        }
        if parts == ["."] {
            parts.clear();
        }
        let mut steps = base.to_vec();
        for part in parts {
            steps.push(names.step(part)?);
        }
        if steps.len() > MAX_DEPTH {
            return Err(format!("{text:?} has over {MAX_DEPTH} steps from the root"));
        }
        Ok(Self { steps, anchor: base.len(), attribute, join })
    }
}

/// A path's text, taken apart.
struct Split<'t> {
    parts: Vec<&'t str>,
    attribute: Option<Name>,
    join: Option<String>,
    is_absolute: bool,
}

impl<'t> Split<'t> {
    fn of(text: &'t str, names: &Names<'_>) -> Result<Self, String> {
        let (path, join) = match text.strip_suffix(']').and_then(|rest| rest.rsplit_once("[join:")) {
            Some((_, "")) => {
                return Err(format!("{text:?} joins with nothing between; say what, as [join:;]"));
            }
            Some((path, between)) => (path, Some(between.to_owned())),
            None => (text, None),
        };
        let mut parts: Vec<&str> = path.split('/').collect();
        let attribute = match parts.last().and_then(|last| last.strip_prefix('@')) {
            Some(name) => {
                parts.pop();
                Some(names.resolve(name, None)?)
            }
            None => None,
        };
        let is_absolute = path.starts_with('/');
        if is_absolute {
            parts.remove(0);
        }
        Ok(Self { parts, attribute, join, is_absolute })
    }
}

impl Names<'_> {
    fn step(&self, text: &str) -> Result<Step, String> {
        let (name, index) = match text.strip_suffix(']').and_then(|rest| rest.split_once('[')) {
            Some((name, index)) => match index.parse() {
                Ok(index) if index > 0 => (name, Some(index)),
                _ => {
                    return Err(format!(
                        "{text:?} has no number from 1 in its brackets, nor a [join:…] at the path's end"
                    ));
                }
            },
            None => (text, None),
        };
        Ok(Step { name: self.resolve(name, self.unprefixed)?, index })
    }

    fn resolve(&self, name: &str, unprefixed: Option<&str>) -> Result<Name, String> {
        let (prefix, local) = match name.split_once(':') {
            Some((prefix, local)) => (Some(prefix), local),
            None => (None, name),
        };
        if !is_name(local) || prefix.is_some_and(|prefix| !is_name(prefix)) {
            return Err(format!("{name:?} is not a name of an element or attribute"));
        }
        let namespace = match prefix {
            None => unprefixed.map(str::to_owned),
            Some("xml") => Some("http://www.w3.org/XML/1998/namespace".into()),
            Some(prefix) => match self.prefixes.get(prefix) {
                Some(namespace) => Some(namespace.clone()),
                None => return Err(format!("the prefix {prefix:?} is not in `input.namespaces`")),
            },
        };
        Ok(Name { namespace, local: local.to_owned() })
    }
}

/// Says whether a text is a name without a prefix.
///
/// Source: XML 1.0, fifth edition, section 2.3; Namespaces in XML 1.0, section 3.
pub(crate) fn is_name(name: &str) -> bool {
    let is_start = |c: char| {
        matches!(c, 'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
            | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
            | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
            | '\u{10000}'..='\u{EFFFF}')
    };
    let is_within = |c: char| {
        is_start(c)
            || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
    };
    name.starts_with(is_start) && name.chars().all(is_within)
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{{{namespace}}}{}", self.local),
            None => f.write_str(&self.local),
        }
    }
}
