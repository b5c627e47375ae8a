//! Resolves the input format, for example encoding, delimiter and quote.

use super::workbook::{self, CompiledWorkbook};
use crate::mapping::document::{CsvInput, Input, Ragged};
use crate::mapping::encoding::Encoding;
use crate::problem::FieldError;

/// An input format, resolved.
#[derive(Clone, Debug)]
pub(in crate::mapping) enum CompiledInput {
    Csv(CompiledCsv),
    Json,
    Workbook(CompiledWorkbook),
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
        Input::Json(_) => Some(CompiledInput::Json),
        Input::Workbook(settings) => workbook::compile(settings, errors).map(CompiledInput::Workbook),
    }
}

fn csv(csv: &CsvInput, errors: &mut Vec<FieldError>) -> Option<CompiledCsv> {
    let encoding = match Encoding::named(&csv.encoding) {
        Ok(encoding) => Some(encoding),
        Err(error) => {
            errors.push(FieldError::new("input.encoding", error.to_string()));
            None
        }
    };
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

/// Checks that an input column can be found: by any name in a header, by its number without one.
pub(super) fn check_column_name(field: &str, name: &str, input: &Input, errors: &mut Vec<FieldError>) {
    let has_header = !matches!(input, Input::Csv(csv) if !csv.header);
    let is_number = name.parse::<u32>().is_ok_and(|number| number > 0 && number.to_string() == name);
    if name.is_empty() {
        errors.push(FieldError::new(field, "is empty; name the input column"));
    } else if !has_header && !is_number {
        let detail = format!("{name:?} is not a column number; without a header columns are called 1, 2, 3");
        errors.push(FieldError::new(field, detail));
    } else if let Input::Workbook(workbook) = input {
        workbook::check_column_name(field, name, workbook, errors);
    }
}

/// Returns whether several columns of a file can have one name: those of a header can.
pub(super) fn may_repeat_names(input: &Input) -> bool {
    match input {
        Input::Csv(csv) => csv.header,
        Input::Json(_) => false,
        Input::Workbook(workbook) => workbook.header_row.is_some(),
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
