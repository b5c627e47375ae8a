//! JSON as rows: an object, or an array of objects. A cell is the text of a member that the mapping names.

use std::io::{self, Read};

use serde_json::Value;

use super::{Opened, Rows, raw_record::RawRecord};
use crate::mapping::file_error::FileError;

struct JsonRows {
    objects: std::vec::IntoIter<Value>,
    members: Vec<String>,
    /// Which object was read last, from 1.
    at: u64,
}

/// Reads all of it.
pub(super) fn open<'r>(named: &[String], mut reader: impl Read) -> Result<Opened<'r>, FileError> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let json = serde_json::from_slice(&bytes).map_err(|e| FileError::NotJson(e.to_string()))?;
    let objects = match json {
        Value::Object(_) => vec![json],
        Value::Array(items) if items.iter().all(Value::is_object) => items,
        _ => return Err(FileError::NotJson("it is neither an object nor an array of objects".into())),
    };
    let rows = JsonRows { objects: objects.into_iter(), members: named.to_vec(), at: 0 };
    Ok(Opened { rows: Box::new(rows), columns: Some(named.to_vec()) })
}

impl Rows for JsonRows {
    fn read(&mut self, row: &mut RawRecord) -> io::Result<bool> {
        row.clear();
        let Some(object) = self.objects.next() else { return Ok(false) };
        self.at += 1;
        (row.line, row.last_line) = (self.at, self.at);
        for member in &self.members {
            row.push(cell(&object, member).as_bytes());
            row.end_field();
        }
        Ok(true)
    }
}

/// A member as text; what is not there, or null, is empty.
fn cell(object: &Value, member: &str) -> String {
    let found = if member.starts_with('/') { object.pointer(member) } else { object.get(member) };
    match found {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
