//! Previews JSON: one value, or one a line. Members are columns; those of objects within go by pointers.

use std::cmp::Reverse;

use serde_json::{Map, Value};

use super::columns::{self, Cells};
use super::format::Format;
use super::guess::Guess;
use super::{MAX_COLUMNS, Note, Preview, RecordPath, Sample, draft};
use crate::mapping::{Input, JsonInput};

/// How deep objects within objects are columns.
const DEPTH: usize = 4;

/// Recognises JSON by reading its beginning.
pub(super) fn recognise(bytes: &[u8], is_whole: bool) -> Option<Guess<Format>> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
    if !matches!(first, b'{' | b'[') {
        return None;
    }
    let read = Values::of(bytes, is_whole);
    match (read.values.len(), read.is_lines) {
        (0, _) if !read.is_array => None,
        (count, true) if count > 1 => {
            Some(Guess::new(Format::Ndjson, 0.99, format!("{count} JSON values follow one another")))
        }
        (_, _) if read.is_array => Some(Guess::new(Format::Json, 0.99, "it is a JSON array")),
        _ => Some(Guess::new(Format::Json, 0.97, "it is a JSON object")),
    }
}

/// The values at the top of JSON: those of an array, or those that follow one another.
pub(super) struct Values {
    pub values: Vec<Value>,
    pub is_array: bool,
    pub is_lines: bool,
}

impl Values {
    /// Reads as many as are whole.
    pub fn of(bytes: &[u8], is_whole: bool) -> Self {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let bytes = bytes.trim_ascii_start();
        if bytes.first() == Some(&b'[') {
            match serde_json::from_slice(bytes) {
                Ok(Value::Array(values)) => return Self { values, is_array: true, is_lines: false },
                _ if is_whole => {}
                _ => match elements(&bytes[1..]) {
                    values if values.is_empty() => {}
                    values => return Self { values, is_array: true, is_lines: false },
                },
            }
        }
        let mut values = Vec::new();
        let mut stream = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
        for value in &mut stream {
            match value {
                Ok(value @ (Value::Object(_) | Value::Array(_))) => values.push(value),
                Ok(_) => return Self { values: Vec::new(), is_array: false, is_lines: false },
                // What the sample cuts off is no error.
                Err(error) if error.is_eof() && !is_whole => break,
                Err(_) => return Self { values: Vec::new(), is_array: false, is_lines: false },
            }
        }
        let is_lines = values.len() > 1;
        Self { values, is_array: false, is_lines }
    }
}

/// The whole elements of an array that is cut; `bytes` begin behind its bracket.
fn elements(bytes: &[u8]) -> Vec<Value> {
    let mut values = Vec::new();
    let mut rest = bytes;
    loop {
        let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<Value>();
        let Some(Ok(value)) = stream.next() else { return values };
        values.push(value);
        rest = rest[stream.byte_offset()..].trim_ascii_start();
        match rest.split_first() {
            Some((b',', more)) => rest = more,
            _ => return values,
        }
    }
}

/// Fills in what JSON shows.
pub(super) fn fill(preview: &mut Preview, sample: &Sample<'_>) {
    let read = Values::of(sample.bytes, sample.is_whole);
    preview.record_paths = paths(&read);
    let objects: Vec<&Map<String, Value>> = read.values.iter().filter_map(Value::as_object).collect();
    if objects.len() < read.values.len() {
        preview
            .notes
            .push(Note::new("not_all_objects", "some of the values are no objects, so they are no records"));
        return;
    }
    let mut names: Vec<String> = Vec::new();
    let mut members: Vec<Vec<(String, String)>> = Vec::new();
    for object in objects {
        let mut flat = Vec::new();
        flatten(object, "", DEPTH, &mut flat);
        for (name, _) in &flat {
            if !names.contains(name) {
                match names.len() < MAX_COLUMNS {
                    true => names.push(name.clone()),
                    false => preview.columns_left_out = 1,
                }
            }
        }
        members.push(flat);
    }
    let cells: Vec<Cells<'_>> = names.iter().map(|name| column(name, &members)).collect();
    preview.columns = columns::guess(&cells, sample.time_zone);
    preview.candidate_keys = columns::keys(&cells, &preview.columns);
    if preview.format.value == Format::Ndjson {
        let detail = "a mapping reads one JSON object or an array of them, not one object a line";
        preview.notes.push(Note::new("not_readable_yet", detail));
        return;
    }
    draft::fill(preview, sample, Input::Json(JsonInput::default()));
}

fn column<'m>(name: &str, members: &'m [Vec<(String, String)>]) -> Cells<'m> {
    let mut cells = Cells::new(name);
    for (at, record) in members.iter().enumerate() {
        let cell = record.iter().find(|(member, _)| member == name).map_or("", |(_, cell)| cell.as_str());
        cells.push(at as u64 + 1, cell);
    }
    cells
}

/// Writes an object's members as a mapping finds them, each with its text.
fn flatten(object: &Map<String, Value>, above: &str, depth: usize, out: &mut Vec<(String, String)>) {
    for (name, value) in object {
        let pointer = format!("{above}/{}", name.replace('~', "~0").replace('/', "~1"));
        match value {
            Value::Object(inner) if depth > 1 && !inner.is_empty() => {
                flatten(inner, &pointer, depth - 1, out)
            }
            _ => {
                let is_plain = above.is_empty() && !name.is_empty() && !name.starts_with('/');
                out.push((if is_plain { name.clone() } else { pointer }, text(value)));
            }
        }
    }
}

/// A member as the engine reads it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Finds arrays of objects.
fn paths(read: &Values) -> Vec<RecordPath> {
    let mut found = Vec::new();
    if read.is_array || read.is_lines {
        found.push(RecordPath { path: String::new(), records: read.values.len() });
    } else if let [one] = read.values.as_slice() {
        find(one, "", DEPTH, &mut found);
    }
    found.sort_by_key(|path| Reverse(path.records));
    found.truncate(20);
    found
}

fn find(value: &Value, path: &str, depth: usize, found: &mut Vec<RecordPath>) {
    match value {
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            found.push(RecordPath { path: path.into(), records: items.len() });
        }
        Value::Object(members) if depth > 0 => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                find(value, &format!("{path}/{name}"), depth - 1, found);
            }
        }
        _ => {}
    }
}
