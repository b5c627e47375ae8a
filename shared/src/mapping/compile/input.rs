//! Resolves the input format, for example encoding, delimiter and quote.

mod fixed;
mod xml;

pub(in crate::mapping) use fixed::CompiledFixed;
pub(in crate::mapping) use xml::CompiledXml;

use super::workbook::{self, CompiledWorkbook};
use crate::mapping::document::{CsvInput, Input, Ragged};
use crate::mapping::encoding::Encoding;
use crate::mapping::input::json::is_pointer;
use crate::mapping::input::xml::path::Step;
use crate::problem::FieldError;

/// An input format, resolved.
#[derive(Clone, Debug)]
pub(in crate::mapping) enum CompiledInput {
    Csv(CompiledCsv),
    Json {
        /// A JSON pointer.
        records: Option<String>,
    },
    Ndjson,
    Fixed(CompiledFixed),
    Xml(CompiledXml),
    Workbook(CompiledWorkbook),
}

impl CompiledInput {
    /// Whether no two records of a file can have one line.
    fn has_a_line_each(&self) -> bool {
        !matches!(self, Self::Json { .. } | Self::Xml(_))
    }

    /// The encoding of texts that are made up for it.
    pub fn encoding(&self) -> Encoding {
        match self {
            Self::Csv(csv) => csv.encoding,
            Self::Fixed(fixed) => fixed.encoding,
            Self::Xml(xml) => xml.encoding.unwrap_or(Encoding::utf_8()),
            Self::Json { .. } | Self::Ndjson | Self::Workbook(_) => Encoding::utf_8(),
        }
    }

    /// What tells a record from all others of its file.
    pub fn place(&self, line: u64, number: u64) -> u64 {
        if self.has_a_line_each() { line } else { number }
    }

    /// Says where a record is.
    pub fn at(&self, line: u64, number: u64) -> String {
        if self.has_a_line_each() { format!("on line {line}") } else { format!("at number {number}") }
    }

    /// Names a record by what tells it from all others of its file.
    pub fn shown(&self, place: u64) -> String {
        let word = if self.has_a_line_each() { "line" } else { "record" };
        format!("{word} {place}")
    }
}

/// How a CSV file is written, resolved.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct CompiledCsv {
    pub encoding: Encoding,
    pub marks: Marks,
    pub has_header: bool,
    pub skip_lines: u32,
    pub ragged: Ragged,
    pub skip_empty: bool,
}

/// The characters that mean something in a CSV file.
#[derive(Clone, Copy, Debug)]
pub(in crate::mapping) struct Marks {
    pub delimiter: u8,
    pub quote: Option<u8>,
    pub escape: Option<u8>,
    pub comment: Option<u8>,
}

/// Resolves the input format; None where a part of it is wrong.
pub(super) fn compile(input: &Input, errors: &mut Vec<FieldError>) -> Option<CompiledInput> {
    match input {
        Input::Csv(settings) => csv(settings, errors).map(CompiledInput::Csv),
        Input::Json(settings) => {
            let records = settings.records.clone();
            if let Some(pointer) = records.as_ref().filter(|pointer| !is_pointer(pointer)) {
                errors.push(FieldError::new("input.records", not_a_pointer(pointer)));
            }
            Some(CompiledInput::Json { records })
        }
        Input::Ndjson(_) => Some(CompiledInput::Ndjson),
        Input::FixedWidth(settings) => fixed::compile(settings, errors).map(CompiledInput::Fixed),
        Input::Xml(settings) => xml::compile(settings, errors).map(CompiledInput::Xml),
        Input::Saft(settings) => Some(CompiledInput::Xml(CompiledXml::saft(settings.entity))),
        Input::Workbook(settings) => workbook::compile(settings, errors).map(CompiledInput::Workbook),
    }
}

fn csv(csv: &CsvInput, errors: &mut Vec<FieldError>) -> Option<CompiledCsv> {
    let encoding = encoding(&csv.encoding, errors);
    let mut mark = |field: &str, text: &Option<String>| {
        text.as_ref().and_then(|text| one_byte(&format!("input.{field}"), text, errors))
    };
    let delimiter = mark("delimiter", &Some(csv.delimiter.clone()));
    let quote = mark("quote", &csv.quote);
    let escape = mark("escape", &csv.escape);
    let comment = mark("comment", &csv.comment);
    let marks = [("quote", quote), ("escape", escape), ("comment", comment)];
    for (at, (field, byte)) in marks.iter().enumerate() {
        let earlier = marks[..at].iter().map(|(name, byte)| (*name, *byte));
        let same = std::iter::once(("delimiter", delimiter)).chain(earlier).find(|(_, other)| other == byte);
        if let (Some(_), Some((other, _))) = (byte, same) {
            let detail = format!("is the {other} too; {field} and {other} must differ");
            errors.push(FieldError::new(format!("input.{field}"), detail));
        }
    }
    Some(CompiledCsv {
        encoding: encoding?,
        marks: Marks { delimiter: delimiter?, quote, escape, comment },
        has_header: csv.header,
        skip_lines: csv.skip_lines,
        ragged: csv.ragged,
        skip_empty: csv.skip_empty,
    })
}

fn encoding(name: &str, errors: &mut Vec<FieldError>) -> Option<Encoding> {
    Encoding::named(name)
        .map_err(|error| errors.push(FieldError::new("input.encoding", error.to_string())))
        .ok()
}

fn not_a_pointer(text: &str) -> String {
    format!(
        "{text:?} is not a JSON pointer of at most 64 names, such as /data/items with ~1 for / and ~0 for ~"
    )
}

/// Checks that an input column can be found: by any name in a header, by its number without one, and
/// otherwise as the format has it.
pub(super) fn check_column_name(field: &str, name: &str, input: &Input, errors: &mut Vec<FieldError>) {
    let has_header = !matches!(input, Input::Csv(csv) if !csv.header);
    let is_number = name.parse::<u32>().is_ok_and(|number| number > 0 && number.to_string() == name);
    if name.is_empty() {
        errors.push(FieldError::new(field, "is empty; name the input column"));
    } else if !has_header && !is_number {
        let detail = format!("{name:?} is not a column number; without a header columns are called 1, 2, 3");
        errors.push(FieldError::new(field, detail));
    } else if let Err(detail) = check_name_of_format(name, input) {
        errors.push(FieldError::new(field, detail));
    }
}

fn check_name_of_format(name: &str, input: &Input) -> Result<(), String> {
    match input {
        Input::Json(_) | Input::Ndjson(_) if name.starts_with('/') && !is_pointer(name) => {
            Err(not_a_pointer(name))
        }
        Input::Csv(_) | Input::Json(_) | Input::Ndjson(_) => Ok(()),
        Input::FixedWidth(settings) => fixed::check_name(name, settings),
        Input::Workbook(workbook) => workbook::check_column_name(name, workbook),
        // What is wrong with the format itself is said of it, once.
        Input::Xml(settings) => match xml::compile(settings, &mut Vec::new()) {
            Some(compiled) => compiled.paths(name).map(drop),
            None => Ok(()),
        },
        Input::Saft(settings) => CompiledXml::saft(settings.entity).paths(name).map(drop),
    }
}

/// Finds the children that a list is made of; of XML, the elements from the root, `base` being those of the child around.
pub(super) fn children(each: &str, input: &Input, base: Option<&[Step]>) -> Result<Vec<Step>, String> {
    if each.is_empty() {
        return Err("is empty; say where the children are".into());
    }
    match input {
        Input::Json(_) | Input::Ndjson(_) => match each.starts_with('/') && !is_pointer(each) {
            true => Err(not_a_pointer(each)),
            false => Ok(Vec::new()),
        },
        // What is wrong with the format itself is said of it, once.
        Input::Xml(settings) => match xml::compile(settings, &mut Vec::new()) {
            Some(compiled) => compiled.children(each, base),
            None => Ok(Vec::new()),
        },
        Input::Csv(_) | Input::FixedWidth(_) | Input::Workbook(_) | Input::Saft(_) => {
            Err("is only for inputs of format xml, json or ndjson, whose records have children; leave it out"
                .into())
        }
    }
}

/// Checks that an input column of a child can be found.
pub(super) fn check_child_column_name(
    field: &str,
    name: &str,
    input: &Input,
    child: &[Step],
    errors: &mut Vec<FieldError>,
) {
    let checked = match input {
        _ if name.is_empty() => Err("is empty; name the input column".into()),
        Input::Xml(settings) => match xml::compile(settings, &mut Vec::new()) {
            Some(compiled) => compiled.within(child, name).map(drop),
            None => Ok(()),
        },
        other => check_name_of_format(name, other),
    };
    if let Err(detail) = checked {
        errors.push(FieldError::new(field, detail));
    }
}

/// Returns whether several columns of a file can have one name: those of a header can.
pub(super) fn may_repeat_names(input: &Input) -> bool {
    match input {
        Input::Csv(csv) => csv.header,
        Input::Workbook(workbook) => workbook.header_row.is_some(),
        Input::Json(_) | Input::Ndjson(_) | Input::FixedWidth(_) | Input::Xml(_) | Input::Saft(_) => false,
    }
}

fn one_byte(field: &str, text: &str, errors: &mut Vec<FieldError>) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\r' | b'\n' | 0) => Some(*byte),
        _ => {
            let detail = format!("{text:?} is not one ASCII character other than a line end");
            errors.push(FieldError::new(field, detail));
            None
        }
    }
}
