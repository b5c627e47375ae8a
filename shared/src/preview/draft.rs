//! Drafts a mapping out of the guesses: valid, and a start for a person to check.

use std::collections::HashMap;

use super::columns::shown;
use super::{ColumnGuess, Kind, Note, Preview, Sample};
use crate::mapping::{Column, Duplicates, Input, Mapping, Source, SourceParts};

/// Longest name of a column that is mapped, in bytes: what is longer is no name.
const LONGEST_NAME: usize = 1000;

/// How sure a key must be to stand in a draft.
const SURE_KEY: f64 = 0.5;

/// Drafts a mapping of the preview's columns, which go out under their own names.
pub(super) fn fill(preview: &mut Preview, sample: &Sample<'_>, input: Input) {
    fill_named(preview, sample, input, &str::to_owned);
}

/// Drafts a mapping of the preview's columns, which go out under other names.
pub(super) fn fill_named(
    preview: &mut Preview,
    sample: &Sample<'_>,
    input: Input,
    named: &dyn Fn(&str) -> String,
) {
    let columns = columns(preview, named);
    shorten(preview);
    if columns.is_empty() {
        preview.notes.push(Note::new("no_columns", "no column can be mapped, so there is no draft"));
        return;
    }
    let key = preview.candidate_keys.iter().find(|key| key.confidence >= SURE_KEY);
    let key: Vec<String> =
        key.map(|key| key.columns.iter().map(|name| named(name)).collect()).unwrap_or_default();
    let key = if key.iter().all(|name| columns.iter().any(|column| column.name == *name)) {
        key
    } else {
        Vec::new()
    };
    let mapping = Mapping {
        name: sample.name(),
        input,
        columns,
        key,
        record_name: None,
        duplicates: Duplicates::Error,
        filters: Vec::new(),
        tests: Vec::new(),
    };
    // What does not compile is no draft; a test holds that there is none.
    match mapping.validate().as_slice() {
        [] => preview.draft = Some(mapping),
        [first, ..] => {
            let detail = format!("there is no draft: {} {}", first.field, first.detail);
            preview.notes.push(Note::new("no_draft", detail));
        }
    }
}

fn columns(preview: &mut Preview, named: &dyn Fn(&str) -> String) -> Vec<Column> {
    let mut columns = Vec::new();
    let mut repeated = Vec::new();
    let mut seen = HashMap::new();
    let count = |name: &str| preview.columns.iter().filter(|column| column.name == name).count();
    for column in &preview.columns {
        if column.name.is_empty() {
            if column.kind.value.kind != Kind::Empty {
                let detail = "a column without a name has cells; give it a name in the file to map it";
                repeated.push(Note::new("unnamed_column", detail));
            }
        } else if column.name.len() > LONGEST_NAME {
            let detail = format!(
                "a column's name has over {LONGEST_NAME} bytes, so it is not mapped; is this the header"
            );
            repeated.push(Note::new("long_name", detail));
        } else if count(&column.name) > 1 {
            let nth = *seen.entry(&column.name).and_modify(|nth| *nth += 1).or_insert(1u32);
            let name = format!("{}_{nth}", column.name);
            let detail =
                format!("more than one column is called {:?}: the draft tells them by place", column.name);
            repeated.push(Note::new("repeated_column", detail));
            if count(&name) == 0 {
                let parts = SourceParts {
                    column: Some(column.name.clone()),
                    nth: Some(nth),
                    ..SourceParts::default()
                };
                let from = Some(Source::Parts(Box::new(parts)));
                columns.push(Column { name, from, ..mapped(column) });
            }
        } else {
            columns.push(Column { name: named(&column.name), ..mapped(column) });
        }
    }
    repeated.dedup();
    preview.notes.extend(repeated);
    columns
}

/// Shows no more of names than what can be mapped: each stands in the answer several times.
fn shorten(preview: &mut Preview) {
    let keys = preview.candidate_keys.iter_mut().flat_map(|key| &mut key.columns);
    let names = preview.columns.iter_mut().map(|column| &mut column.name).chain(keys);
    names.filter(|name| name.len() > LONGEST_NAME).for_each(|name| *name = shown(name));
}

fn mapped(column: &ColumnGuess) -> Column {
    column.kind.value.column(&column.name, &column.name)
}
