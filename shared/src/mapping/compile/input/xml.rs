//! Resolves XML: the path to the records, namespaces, and what columns' paths mean.

use std::collections::BTreeMap;

use super::encoding;
use crate::mapping::encoding::Encoding;
use crate::mapping::formats::{SaftEntity, XmlInput};
use crate::mapping::input::xml::path::{Name, Names, Path, Step, parse_record};
use crate::mapping::input::xml::saft;
use crate::problem::FieldError;

/// Which elements are records, resolved.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct CompiledXml {
    /// From the root to the records' elements.
    pub record: Vec<Name>,
    /// The encoding that files must be in.
    pub encoding: Option<Encoding>,
    columns: Columns,
    /// Whether the file is the beginning of another, of which no totals can be right.
    pub is_beginning: bool,
}

/// What a column's name means.
#[derive(Clone, Debug)]
enum Columns {
    /// A path, with these prefixes.
    Paths(BTreeMap<String, String>),
    /// A name of the entity's.
    Saft(SaftEntity),
}

impl CompiledXml {
    /// The records of one kind of a SAF-T file.
    pub fn saft(entity: SaftEntity) -> Self {
        Self {
            record: saft::record(entity),
            encoding: None,
            columns: Columns::Saft(entity),
            is_beginning: false,
        }
    }

    /// Whether the file is SAF-T, whose control totals have to be right.
    pub fn has_totals(&self) -> bool {
        matches!(self.columns, Columns::Saft(_)) && !self.is_beginning
    }

    /// Where a column's values are, in any of these places.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn paths(&self, name: &str) -> Result<Vec<Path>, String> {
        match &self.columns {
            Columns::Paths(prefixes) => {
                let names = Names { prefixes, unprefixed: None };
                Ok(vec![Path::parse(name, &self.record, &names)?])
            }
            Columns::Saft(entity) => saft::paths(*entity, &self.record, name),
        }
    }

    /// The elements from the root to repeated children, of the record or of a child that these steps lead to.
    ///
    /// # Errors
    /// What is wrong with the path.
    pub fn children(&self, each: &str, base: Option<&[Step]>) -> Result<Vec<Step>, String> {
        let record: Vec<Step> =
            self.record.iter().map(|name| Step { name: name.clone(), index: None }).collect();
        self.with_names(|names| Path::children(each, base.unwrap_or(&record), names))
    }

    /// Where a column's values are within a child.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn within(&self, child: &[Step], name: &str) -> Result<Path, String> {
        self.with_names(|names| Path::within(name, child, names))
    }

    fn with_names<T>(&self, read: impl FnOnce(&Names<'_>) -> T) -> T {
        let none = BTreeMap::new();
        let prefixes = match &self.columns {
            Columns::Paths(prefixes) => prefixes,
            Columns::Saft(_) => &none,
        };
        read(&Names { prefixes, unprefixed: None })
    }
}

pub(super) fn compile(input: &XmlInput, errors: &mut Vec<FieldError>) -> Option<CompiledXml> {
    let encoding = input.encoding.as_ref().map(|name| encoding(name, errors));
    for (prefix, namespace) in &input.namespaces {
        if namespace.is_empty() {
            let detail = "is empty; names in no namespace are written without a prefix";
            errors.push(FieldError::new(format!("input.namespaces.{prefix}"), detail));
        }
    }
    let names = Names { prefixes: &input.namespaces, unprefixed: None };
    let record = parse_record(&input.record, &names)
        .map_err(|detail| errors.push(FieldError::new("input.record", detail)))
        .ok();
    let encoding = match encoding {
        Some(None) => return None,
        Some(some) => some,
        None => None,
    };
    let columns = Columns::Paths(input.namespaces.clone());
    Some(CompiledXml { record: record?, encoding, columns, is_beginning: false })
}
