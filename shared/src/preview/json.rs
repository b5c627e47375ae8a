//! Previews JSON: one value, or one a line. Members are columns; those of objects within go by pointers.

use std::borrow::Cow;
use std::cmp::Reverse;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::columns::{self, Cells};
use super::format::Format;
use super::guess::Guess;
use super::{MAX_COLUMNS, Note, Preview, RecordPath, Sample, draft};
use crate::mapping::{Input, JsonInput, NdjsonInput};

/// How deep JSON may go that a sample cuts.
const DEEPEST: usize = 64;
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
    /// Reads them, as many as are whole.
    pub fn of(bytes: &[u8], is_whole: bool) -> Self {
        let content = content(bytes, is_whole);
        let nothing = || Self { values: Vec::new(), is_array: false, is_lines: false };
        if let Ok(Value::Array(values)) = serde_json::from_slice(&content) {
            return Self { values, is_array: true, is_lines: false };
        }
        let mut values = Vec::new();
        for value in serde_json::Deserializer::from_slice(&content).into_iter::<Value>() {
            match value {
                Ok(value @ (Value::Object(_) | Value::Array(_))) => values.push(value),
                _ => return nothing(),
            }
        }
        let is_lines = values.len() > 1;
        Self { values, is_array: false, is_lines }
    }
}

/// Returns JSON without the mark before it and without what a sample cuts: up to the last whole object of an array, or the
/// last whole line.
pub(super) fn content(bytes: &[u8], is_whole: bool) -> Cow<'_, [u8]> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    if is_whole {
        return Cow::Borrowed(bytes);
    }
    let line_end = bytes.iter().position(|byte| *byte == b'\n');
    let has_lines = line_end.is_some_and(|end| serde_json::from_slice::<IgnoredAny>(&bytes[..end]).is_ok());
    if has_lines {
        let last = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(bytes.len());
        return Cow::Borrowed(&bytes[..last]);
    }
    closed(bytes).map_or(Cow::Borrowed(bytes), Cow::Owned)
}

/// Closes JSON behind its last whole object of an array; None where there is none, or nothing is open.
fn closed(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut open: Vec<u8> = Vec::new();
    let mut last = None;
    let (mut is_text, mut is_escaped) = (false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' => {
                if open.pop() != Some(*byte) {
                    return None;
                }
                // An object within another record is no record.
                let is_outer =
                    last.as_ref().is_none_or(|(_, around): &(usize, Vec<u8>)| open.len() <= around.len());
                if *byte == b'}' && open.last() == Some(&b']') && is_outer {
                    last = Some((at + 1, open.clone()));
                }
            }
            _ => {}
        }
        if open.len() > DEEPEST {
            return None;
        }
    }
    let (end, closers) = last.filter(|_| !open.is_empty())?;
    let mut closed = bytes[..end].to_vec();
    closed.extend(closers.iter().rev());
    Some(closed)
}

/// Fills in what JSON shows.
pub(super) fn fill(preview: &mut Preview, sample: &Sample<'_>) {
    let read = Values::of(sample.bytes, sample.is_whole);
    preview.record_paths = paths(&read);
    let path = record_path(&read, &preview.record_paths);
    let within = path.as_ref().and_then(|path| read.values[0].pointer(path)).and_then(Value::as_array);
    let values = within.unwrap_or(&read.values);
    let objects: Vec<&Map<String, Value>> = values.iter().filter_map(Value::as_object).collect();
    if objects.len() < values.len() {
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
    let input = match preview.format.value {
        Format::Ndjson => Input::Ndjson(NdjsonInput {}),
        _ => Input::Json(JsonInput { records: path }),
    };
    draft::fill(preview, sample, input);
}

/// Where the records are of JSON that is one object: the longest array of objects in it, if it has several.
fn record_path(read: &Values, paths: &[RecordPath]) -> Option<String> {
    let is_object = !read.is_array && !read.is_lines && read.values.len() == 1;
    paths.first().filter(|path| is_object && path.records > 1).map(|path| path.path.clone())
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
