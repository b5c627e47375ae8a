//! The formats other than CSV, each by tables of files and what they come to.

mod children;
mod fixed_width;
mod json;
mod ndjson;
mod properties;
mod saft;
mod xml;

use serde_json::{Value, json};

use super::{compile, read, report};
use crate::mapping::{FileError, Mapping, Outcome};

/// A mapping of text columns, named a, b, c and so on, from these places, without a key.
fn texts(input: Value, from: &[&str]) -> Value {
    let columns: Vec<Value> = from
        .iter()
        .zip('a'..)
        .map(|(from, name)| json!({"name": name.to_string(), "from": from, "type": "text"}))
        .collect();
    json!({"name": "test", "input": input, "columns": columns})
}

/// What a file comes to: its report, or the error that it fails with and its code.
fn outcome(bytes: impl AsRef<[u8]>, mapping: Value) -> String {
    match read(bytes, mapping) {
        Ok(outcomes) => report(&outcomes),
        Err(error) => format!("{}: {error}", error.code()),
    }
}

/// The errors of a mapping, as `field: detail`.
fn invalid(mapping: &Value) -> Vec<String> {
    let mapping: Mapping = serde_json::from_value(mapping.clone()).unwrap();
    mapping.validate().into_iter().map(|error| format!("{}: {}", error.field, error.detail)).collect()
}

/// The records of a file in which every one is good, as their data.
fn data(bytes: impl AsRef<[u8]>, mapping: Value) -> Result<Vec<Value>, FileError> {
    let records = read(bytes, mapping)?.into_iter().map(|outcome| match outcome {
        Outcome::Record(record) => serde_json::from_str(&record.data).unwrap(),
        other => panic!("{}", report(&[other])),
    });
    Ok(records.collect())
}
