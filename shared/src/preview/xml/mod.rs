//! Previews XML: which elements are records, what they have as paths, and SAF-T Financial by its entities.
//!
//! Where a sample is cut, only records count that are whole. Cells are read by the engine.

mod paths;
mod records;
mod saft;
mod survey;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::Value;

use super::columns::{self, Cells};
use super::guess::Guess;
use super::{MAX_COLUMNS, Note, Preview, RecordPath, Sample, draft};
use crate::mapping::{
    Column, ColumnType, Compiled, Duplicates, Input, Mapping, Outcome, SAFT_NAMESPACE, Source, XmlInput,
    decoded_xml, records as read_records,
};
use paths::{Paths, Prefixes};
use survey::Survey;

/// Most rivals that are told.
const RIVALS: usize = 5;

/// Fills in what XML shows.
pub(super) fn fill(preview: &mut Preview, sample: &Sample<'_>) {
    let Some((encoding, decoded)) = decoded_xml(sample.bytes) else {
        let detail = "the bytes are not in the encoding that the file declares, or that one cannot be read";
        preview.notes.push(Note::new("encoding_not_readable", detail));
        return;
    };
    let why = "XML says its encoding itself, by its declaration or a byte order mark, and is utf-8 without";
    preview.encoding = Some(Guess::new(encoding.name(), 0.99, why));
    let survey = Survey::of(&decoded);
    if survey.has_more {
        let detail =
            "the file has more different elements, or deeper ones, than are told apart; those are left out";
        preview.notes.push(Note::new("too_many_elements", detail));
    }
    let is_saft = survey.nodes.first().is_some_and(|root| {
        root.name.local == "AuditFile" && root.name.namespace.as_deref() == Some(SAFT_NAMESPACE)
    });
    match is_saft {
        true => saft::fill(preview, sample, &survey),
        false => plain(preview, sample, &survey),
    }
}

fn plain(preview: &mut Preview, sample: &Sample<'_>, survey: &Survey) {
    let prefixes = Prefixes::of(survey);
    let candidates = records::rank(survey);
    let Some((best, rivals)) = candidates.split_first() else {
        preview
            .notes
            .push(Note::new("no_records", "no element of the sample is a record: none has anything"));
        return;
    };
    if !sample.is_whole && survey.nodes[best.node].ended == 0 {
        let detail = "no record is whole in the sample; send more of the file";
        preview.notes.push(Note::new("no_whole_record", detail));
    }
    let path = |node| prefixes.path(survey, node);
    let mut guess = Guess::new(path(best.node), best.confidence, best.reason.clone());
    for rival in rivals.iter().take(RIVALS) {
        guess.rival(path(rival.node), rival.confidence, rival.reason.clone());
    }
    let counted = candidates.iter().take(20);
    preview.record_paths = counted
        .map(|one| RecordPath { path: path(one.node), records: survey.nodes[one.node].ended })
        .collect();
    let record = guess.value.clone();
    preview.record = Some(guess);
    let mut found = Paths::of(survey, best.node, &prefixes);
    if !found.inner.is_empty() {
        let detail = format!(
            "{} come again within a record: they are records of their own, see the rivals of the record",
            shown(&found.inner)
        );
        preview.notes.push(Note::new("repeated_elements", detail));
    }
    preview.columns_left_out = found.columns.len().saturating_sub(MAX_COLUMNS);
    if preview.columns_left_out > 0 {
        let detail = format!("only the first {MAX_COLUMNS} of {} columns are shown", found.columns.len());
        preview.notes.push(Note::new("columns_left_out", detail));
        found.columns.truncate(MAX_COLUMNS);
    }
    let all: Vec<&str> = found.columns.iter().map(String::as_str).chain([record.as_str()]).collect();
    preview.namespaces = prefixes.used(&all);
    let names = paths::names(&found.columns, &survey.nodes[best.node].name.local);
    let input = Input::Xml(XmlInput { record, namespaces: preview.namespaces.clone(), encoding: None });
    columns_of(preview, sample, input, &found.columns, &names, false);
}

/// Reads the columns by the engine, guesses what they are, and drafts. Of the columns of SAF-T, which a file need not have,
/// those without a cell are left out.
fn columns_of(
    preview: &mut Preview,
    sample: &Sample<'_>,
    input: Input,
    paths: &[String],
    names: &HashMap<String, String>,
    are_of_saft: bool,
) {
    let mut mapping = texts(input, paths);
    let records = match mapping.compile() {
        Ok(compiled) => cells(&compiled.for_sample(sample.is_whole), sample),
        Err(errors) => {
            let why =
                errors.first().map(|error| format!("{} {}", error.field, error.detail)).unwrap_or_default();
            preview.notes.push(Note::new("no_draft", format!("there is no draft: {why}")));
            return;
        }
    };
    let mut columns: Vec<Cells<'_>> = paths.iter().map(Cells::new).collect();
    for (place, cells) in &records {
        columns.iter_mut().zip(cells).for_each(|(column, cell)| column.push(*place, cell));
    }
    if are_of_saft {
        let left_out: Vec<String> =
            columns.iter().filter(|column| column.filled == 0).map(|column| column.name.clone()).collect();
        columns.retain(|column| column.filled > 0);
        if !left_out.is_empty() && !columns.is_empty() {
            let detail = format!("no record of the sample has {}: the draft is without", shown(&left_out));
            preview.notes.push(Note::new("empty_columns", detail));
        }
    }
    preview.columns = columns::guess(&columns, sample.time_zone);
    if are_of_saft {
        saft::settle(&columns, &mut preview.columns);
    }
    preview.candidate_keys = columns::keys(&columns, &preview.columns);
    let input = std::mem::replace(&mut mapping.input, Input::Json(Default::default()));
    draft::fill_named(preview, sample, input, &|path| {
        names.get(path).map_or(path, String::as_str).to_owned()
    });
}

/// A mapping of paths to texts.
fn texts(input: Input, paths: &[String]) -> Mapping {
    let column = |(at, path): (usize, &String)| Column {
        name: at.to_string(),
        from: Some(Source::Column(path.clone())),
        kind: Some(ColumnType::Text),
        ..Column::default()
    };
    Mapping {
        name: "texts".into(),
        input,
        columns: paths.iter().enumerate().map(column).collect(),
        key: Vec::new(),
        record_name: None,
        duplicates: Duplicates::Error,
        filters: Vec::new(),
        tests: Vec::new(),
    }
}

/// The cells of the records that can be read, each with its line. What cannot be read is told by the outcome.
fn cells(compiled: &Compiled, sample: &Sample<'_>) -> Vec<(u64, Vec<String>)> {
    let bytes = match sample.is_whole {
        true => sample.bytes.to_vec(),
        false => compiled.whole_xml_records(sample.bytes).unwrap_or_default(),
    };
    let Ok(records) = read_records(&bytes[..], compiled) else { return Vec::new() };
    let mut all = Vec::new();
    for outcome in records {
        let Ok(outcome) = outcome else { break };
        let Outcome::Record(record) = outcome else { continue };
        let Ok(Value::Object(members)) = serde_json::from_str(&record.data) else { continue };
        let text =
            |at: usize| members.get(&at.to_string()).and_then(Value::as_str).unwrap_or_default().to_owned();
        all.push((record.line, (0..members.len()).map(text).collect()));
    }
    all
}

fn shown(names: &[String]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() && names.len() <= 10 => {
            format!("{} and {last}", first.join(", "))
        }
        [only] => only.clone(),
        _ => {
            format!("{} and {} more", names[..10.min(names.len())].join(", "), names.len().saturating_sub(10))
        }
    }
}
