//! Resolves the input format, for example encoding, delimiter and quote.

use crate::mapping::document::{CsvInput, Input};
use crate::mapping::encoding::Encoding;
use crate::problem::FieldError;

/// An input format, resolved.
#[derive(Clone, Debug)]
pub(in crate::mapping) enum CompiledInput {
    Csv(CompiledCsv),
    Json,
}

/// How a CSV file is written, resolved.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct CompiledCsv {
    pub encoding: Encoding,
    pub delimiter: u8,
    pub quote: Option<u8>,
    pub has_header: bool,
}

/// Resolves the input format; None where a part of it is wrong.
pub(super) fn compile(input: &Input, errors: &mut Vec<FieldError>) -> Option<CompiledInput> {
    match input {
        Input::Csv(settings) => csv(settings, errors).map(CompiledInput::Csv),
        Input::Json(_) => Some(CompiledInput::Json),
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
    let delimiter = one_byte("input.delimiter", &csv.delimiter, errors);
    let quote = csv.quote.as_ref().map(|quote| one_byte("input.quote", quote, errors));
    if delimiter.is_some() && quote == Some(delimiter) {
        errors.push(FieldError::new("input.quote", "is the delimiter too; quote and delimiter must differ"));
    }
    Some(CompiledCsv {
        encoding: encoding?,
        delimiter: delimiter?,
        quote: quote.flatten(),
        has_header: csv.header,
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
