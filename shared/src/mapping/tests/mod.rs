//! Tests of whole files: bytes and a mapping in, outcomes out.

mod clocks;
mod columns;
mod comparisons;
mod decode;
mod documented;
mod duplicates;
mod formats;
mod properties;
mod reading;
mod real_files;
mod scan;
#[cfg(feature = "workbooks")]
mod workbook;
#[cfg(feature = "workbooks")]
mod written_reads_back;

use std::io::{self, Read};

use serde_json::{Value, json};

use super::{Compiled, FileError, Mapping, Outcome, Settled, records, settle};

/// Compiles a mapping that must be valid.
fn compile(mapping: Value) -> Compiled {
    let mapping: Mapping = serde_json::from_value(mapping).unwrap();
    mapping.compile().unwrap()
}

/// Outcomes of a run of these files, duplicates settled as where each has so many bytes.
fn settled(mapping: &Compiled, files: &[&[u8]], size: u64) -> Vec<Vec<Outcome>> {
    let open = |at: usize| Ok::<_, FileError>(files[at]);
    let mut winners = settle(mapping, &vec![size; files.len()], open, |_, error| Err(error)).unwrap();
    let settled = files.iter().enumerate().map(|(at, file)| {
        let mut records = records(*file, mapping).unwrap();
        let mut outcomes = Vec::new();
        while let Some(settled) = winners.read(at, &mut records) {
            outcomes.push(match settled.unwrap() {
                Settled::Mapped(record) => Outcome::Record(record.take()),
                Settled::Other(outcome) => outcome,
            });
        }
        outcomes
    });
    settled.collect()
}

/// Sizes of files whose duplicates are settled as they are read, by a pass over the keys, and by several.
const SIZES: [u64; 3] = [1, 20_000_000, 1 << 30];

/// A mapping of UTF-8 with `;` and these columns, without a key.
fn semicolons(columns: Value) -> Value {
    let input = json!({"format": "csv", "encoding": "utf-8", "delimiter": ";"});
    json!({"name": "test", "input": input, "columns": columns})
}

/// A mapping of text columns that keep their names, the first of which is the key.
fn texts(names: &[&str]) -> Value {
    let columns: Vec<Value> =
        names.iter().map(|name| json!({"name": name, "from": name, "type": "text"})).collect();
    let mut mapping = semicolons(columns.into());
    mapping["key"] = json!([names[0]]);
    mapping
}

/// Reads all of a file.
fn read(bytes: impl AsRef<[u8]>, mapping: Value) -> Result<Vec<Outcome>, FileError> {
    records(bytes.as_ref(), &compile(mapping))?.collect()
}

/// One line an outcome, as reports would show it.
fn report(outcomes: &[Outcome]) -> String {
    let lines = outcomes.iter().map(|outcome| match outcome {
        Outcome::Record(record) => format!("{} {} {}", record.line, record.source_id, record.data),
        Outcome::Filtered(record) => {
            format!("{} {} filtered {}: {}", record.line, id(&record.source_id), record.reason, record.detail)
        }
        Outcome::Error(record) => format!(
            "{} {} error {} {}: {}",
            record.line,
            id(&record.source_id),
            record.reason,
            record.field.as_deref().unwrap_or("-"),
            record.detail
        ),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn id(source_id: &Option<String>) -> &str {
    source_id.as_deref().unwrap_or("?")
}

/// Gives its bytes in pieces of these sizes, round and round, with an interruption before each.
struct Pieces<'b> {
    bytes: &'b [u8],
    sizes: Vec<usize>,
    calls: usize,
}

impl<'b> Pieces<'b> {
    fn new(bytes: &'b [u8], sizes: &[usize]) -> Self {
        Self { bytes, sizes: sizes.to_vec(), calls: 0 }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls % 2 == 1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let size = self.sizes[self.calls / 2 % self.sizes.len()].min(buf.len()).min(self.bytes.len());
        buf[..size].copy_from_slice(&self.bytes[..size]);
        self.bytes = &self.bytes[size..];
        Ok(size)
    }
}
