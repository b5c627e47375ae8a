//! Resolves where in a workbook the records are, and what its cells are read for.

use std::collections::BTreeMap;

use super::{draft::Draft, source::CompiledSource};
use crate::mapping::cell::CellFormat;
use crate::mapping::document::{EmptyRows, Merged, SheetChoice, WorkbookInput};
use crate::problem::FieldError;

/// Most rows of a sheet.
const MOST_ROWS: u32 = 1_048_576;

/// Most columns of a sheet.
const MOST_COLUMNS: u32 = 16_384;

/// Where in a workbook the records are, resolved.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "workbooks"), expect(dead_code, reason = "what reads workbooks is not built"))]
pub(in crate::mapping) struct CompiledWorkbook {
    pub sheet: SheetChoice,
    pub header_row: Option<u32>,
    pub first_row: u32,
    pub merged: Merged,
    pub empty_rows: EmptyRows,
    /// Most bytes that one of its parts may unpack to, below what runs read.
    pub most_part_bytes: u64,
    /// What each mapped column is read for, by its name.
    pub uses: BTreeMap<String, ColumnUse>,
}

/// What a column is read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::mapping) struct ColumnUse {
    pub is_read: bool,
    /// As an identifier or text: numbers need every digit.
    pub is_exact: bool,
    /// As a timestamp: midnight is written.
    pub has_time: bool,
}

/// Resolves it; None where a part of it is wrong.
pub(super) fn compile(workbook: &WorkbookInput, errors: &mut Vec<FieldError>) -> Option<CompiledWorkbook> {
    let before = errors.len();
    match &workbook.sheet {
        SheetChoice::Number(0) => {
            errors.push(FieldError::new("input.sheet", "is 0; sheets are counted from 1"))
        }
        SheetChoice::Name(name) if name.is_empty() => {
            errors.push(FieldError::new("input.sheet", "is empty; name the sheet, or state its number"));
        }
        _ => {}
    }
    let header_row = workbook.header_row;
    let first_row = workbook.first_row.unwrap_or_else(|| header_row.unwrap_or(0).saturating_add(1));
    for (field, row) in [("input.header_row", header_row), ("input.first_row", Some(first_row))] {
        if row.is_some_and(|row| !(1..=MOST_ROWS).contains(&row)) {
            errors.push(FieldError::new(field, format!("must be the number of a row, 1 to {MOST_ROWS}")));
        }
    }
    if header_row.is_some_and(|header| header >= first_row) {
        errors.push(FieldError::new("input.first_row", "must be behind the header_row"));
    }
    (errors.len() == before).then(|| CompiledWorkbook {
        sheet: workbook.sheet.clone(),
        header_row,
        first_row,
        merged: workbook.merged,
        empty_rows: workbook.empty_rows,
        most_part_bytes: u64::MAX,
        uses: BTreeMap::new(),
    })
}

/// What each input column is read for by the columns that go out.
pub(super) fn uses(draft: &Draft<'_>) -> BTreeMap<String, ColumnUse> {
    let mut uses: BTreeMap<String, ColumnUse> = BTreeMap::new();
    for column in &draft.columns {
        let source = column.recipe.as_ref().map(|recipe| &recipe.source);
        let is_between = matches!(source, Some(CompiledSource::Span { date: None, .. }));
        for at in column.inputs() {
            let used = uses.entry(draft.wanted[at].name.clone()).or_default();
            used.is_read = true;
            used.is_exact |=
                column.is_key || matches!(column.format, CellFormat::Text | CellFormat::Identifier);
            used.has_time |= is_between
                || matches!(column.format, CellFormat::Timestamp(_) | CellFormat::MovedTimestamp(_));
        }
    }
    uses
}

/// Checks that a column can be there: without a header columns are called by their letters.
pub(super) fn check_column_name(name: &str, workbook: &WorkbookInput) -> Result<(), String> {
    if workbook.header_row.is_some() || column_index(name).is_some() {
        return Ok(());
    }
    Err(format!("{name:?} is no column from A to XFD, as they are called without a header_row"))
}

/// A column's index from 0, by its letters.
pub(in crate::mapping) fn column_index(letters: &str) -> Option<u32> {
    let is_column = (1..=3).contains(&letters.len()) && letters.bytes().all(|b| b.is_ascii_uppercase());
    let number = letters
        .bytes()
        .take(3)
        .fold(0, |number, letter| number * 26 + u32::from(letter.wrapping_sub(b'A')) + 1);
    (is_column && number <= MOST_COLUMNS).then(|| number - 1)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::mapping::Mapping;

    fn fields(input: Value, from: &str) -> Vec<String> {
        let mut input = input;
        input["format"] = json!("workbook");
        let columns = json!([{ "name": "a", "from": from, "type": "text" }]);
        let mapping = json!({ "name": "m", "input": input, "columns": columns });
        let mapping: Mapping = serde_json::from_value(mapping).unwrap();
        mapping.validate().into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn every_error_names_its_field() {
        for (input, from, field) in [
            (json!({ "sheet": 1 }), "XFD", None),
            (json!({ "sheet": "Timer", "header_row": 1 }), "Ansatt nr", None),
            (json!({ "sheet": "1", "header_row": 1_048_575, "first_row": 1_048_576 }), "x", None),
            (json!({ "sheet": 1 }), "Ansatt", Some("columns[0].from")),
            (json!({ "sheet": 1 }), "XFE", Some("columns[0].from")),
            (json!({ "sheet": 1, "header_row": 1 }), "", Some("columns[0].from")),
            (json!({ "sheet": 0 }), "A", Some("input.sheet")),
            (json!({ "sheet": "" }), "A", Some("input.sheet")),
            (json!({ "sheet": 1, "header_row": 0 }), "A", Some("input.header_row")),
            (json!({ "sheet": 1, "first_row": 0 }), "A", Some("input.first_row")),
            (json!({ "sheet": 1, "header_row": 3, "first_row": 3 }), "A", Some("input.first_row")),
            (json!({ "sheet": 1, "header_row": 1_048_576 }), "A", Some("input.first_row")),
        ] {
            assert_eq!(fields(input.clone(), from), field.into_iter().collect::<Vec<_>>(), "{input} {from}");
        }
        let no_sheet: Result<WorkbookInput, _> = serde_json::from_value(json!({ "sheet": true }));
        assert!(no_sheet.unwrap_err().to_string().contains("a sheet is its name, or its number from 1"));
    }
}
