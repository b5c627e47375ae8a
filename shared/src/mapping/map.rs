//! Maps one record: filters on the raw text first, then column by column, then its identity.
//!
//! Everything a record needs was resolved when the mapping was compiled and when the header was
//! read; nothing here knows the file's format.

use sha2::{Digest, Sha256};

use super::cell::Unfit;
use super::compile::{Compiled, CompiledColumn};
use super::json::text_of;
use super::outcome::{Reason, RecordKey};

/// Where a file has the columns that a mapping names.
pub(super) struct Layout {
    /// For each mapped column, the index of its field.
    pub columns: Vec<usize>,
    /// For each filter, the index of its field.
    pub filters: Vec<usize>,
}

/// The fields of one record, as bytes that should be UTF-8.
pub(super) struct Fields<'r> {
    bytes: &'r [u8],
    ends: &'r [usize],
    /// All bytes as text, where they are.
    text: Option<&'r str>,
}

/// The JSON of one record under way, reused from record to record.
#[derive(Default)]
pub(super) struct Row {
    pub data: String,
    /// For each mapped column, where its token begins and ends in `data`.
    pub tokens: Vec<(usize, usize)>,
}

/// What a record came to.
pub(super) enum Verdict {
    /// The row holds it.
    Mapped,
    /// The filter with this index took it out.
    Filtered(usize),
    /// A cell does not fit.
    Failed { field: String, reason: Reason, detail: String },
}

/// Who a record is.
#[derive(Default)]
pub(super) struct Identity {
    pub source_id: Option<String>,
    pub key: Option<RecordKey>,
    pub name: Option<String>,
}

impl<'r> Fields<'r> {
    pub fn new(bytes: &'r [u8], ends: &'r [usize]) -> Self {
        Self { bytes, ends, text: std::str::from_utf8(bytes).ok() }
    }

    /// Returns a field as text, or its bytes where they are malformed.
    fn get(&self, at: usize) -> Result<&'r str, &'r [u8]> {
        let range = if at == 0 { 0 } else { self.ends[at - 1] }..self.ends[at];
        // Two malformed fields can look like one character across their border; `get` sees that.
        match self.text.map(|text| text.get(range.clone())) {
            Some(Some(text)) => Ok(text),
            _ => std::str::from_utf8(&self.bytes[range.clone()]).map_err(|_| &self.bytes[range]),
        }
    }
}

impl Compiled {
    /// Maps a record into `row`.
    pub(super) fn map(&self, layout: &Layout, fields: &Fields<'_>, row: &mut Row) -> Verdict {
        for (at, filter) in self.filters.iter().enumerate() {
            match fields.get(layout.filters[at]) {
                Ok(cell) if filter.test.meets(cell) => return Verdict::Filtered(at),
                Ok(_) => {}
                Err(bytes) => return malformed(&filter.column, bytes),
            }
        }
        row.data.clear();
        row.tokens.clear();
        for (column, at) in self.columns.iter().zip(&layout.columns) {
            row.data.push(if row.tokens.is_empty() { '{' } else { ',' });
            row.data.push_str(&column.member);
            let start = row.data.len();
            let cell = match fields.get(*at) {
                Ok(cell) => cell,
                Err(bytes) => return malformed(&column.from, bytes),
            };
            if let Err(unfit) = column.convert(cell, &mut row.data) {
                let detail = format!("found {}, expected {}", shown(cell), unfit.expected);
                return Verdict::Failed { field: column.from.clone(), reason: unfit.reason, detail };
            }
            row.tokens.push((start, row.data.len()));
        }
        row.data.push('}');
        Verdict::Mapped
    }

    /// Tells who the record in `row` is.
    pub(super) fn identity(&self, row: &Row, line: u64) -> Identity {
        let token = |column: usize| &row.data[row.tokens[column].0..row.tokens[column].1];
        let (source_id, key) = self.identify(line, token);
        Identity {
            source_id,
            key,
            name: self.record_name.and_then(|column| text_of(token(column))).map(Into::into),
        }
    }

    /// Tells who a record is that was not mapped, as far as its columns can be read.
    pub(super) fn identity_of_fields(&self, layout: &Layout, fields: &Fields<'_>, line: u64) -> Identity {
        let tokens: Vec<String> = (0..self.columns.len())
            .map(|at| {
                let mut token = String::new();
                let is_wanted = self.key.contains(&at) || self.record_name == Some(at);
                let cell = fields.get(layout.columns[at]).ok().filter(|_| is_wanted);
                let converted = cell.is_some_and(|cell| self.columns[at].convert(cell, &mut token).is_ok());
                if converted { token } else { "null".into() }
            })
            .collect();
        let (source_id, key) = self.identify(line, |column| &tokens[column]);
        Identity {
            source_id,
            key,
            name: self.record_name.and_then(|at| text_of(&tokens[at])).map(Into::into),
        }
    }

    fn identify<'t>(
        &self,
        line: u64,
        token: impl Fn(usize) -> &'t str,
    ) -> (Option<String>, Option<RecordKey>) {
        if self.key.is_empty() {
            return (Some(format!("line {line}")), None);
        }
        let mut source_id = String::new();
        let mut hash = Sha256::new();
        for (at, column) in self.key.iter().enumerate() {
            let Some(part) = text_of(token(*column)) else {
                return (None, None);
            };
            hash.update((part.len() as u32).to_be_bytes());
            hash.update(part.as_bytes());
            if self.key.len() == 1 {
                source_id = part.into_owned();
                break;
            }
            if at > 0 {
                source_id.push('|');
            }
            for character in part.chars() {
                if matches!(character, '|' | '\\') {
                    source_id.push('\\');
                }
                source_id.push(character);
            }
        }
        (Some(source_id), Some(first_16(hash)))
    }
}

impl CompiledColumn {
    /// Appends a cell's token: empty cells first, then `values`, then the type.
    fn convert(&self, cell: &str, out: &mut String) -> Result<(), Unfit> {
        let cell = self.format.trim(cell);
        if cell.is_empty() {
            return match &self.default {
                Some(token) => {
                    out.push_str(token);
                    Ok(())
                }
                None if self.is_key => Err(Unfit { reason: Reason::EmptyKey, expected: "a key".into() }),
                None if self.is_required => {
                    Err(Unfit { reason: Reason::Required, expected: "a value".into() })
                }
                None => {
                    out.push_str("null");
                    Ok(())
                }
            };
        }
        let Some(values) = &self.values else {
            return self.format.convert(cell, out);
        };
        let Some(token) = values.get(cell) else {
            let known = values.keys().take(20).map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(Unfit { reason: Reason::UnmappedValue, expected: format!("one of {known}") });
        };
        out.push_str(token);
        Ok(())
    }
}

/// Returns the first 128 bits of the SHA-256 of a record's JSON.
pub(super) fn hash_of(data: &str) -> [u8; 16] {
    first_16(Sha256::new_with_prefix(data))
}

fn first_16(hash: Sha256) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&hash.finalize()[..16]);
    first
}

fn malformed(column: &str, bytes: &[u8]) -> Verdict {
    let detail = format!(
        "found {}, which is malformed in the stated encoding; fix the file, or the mapping's encoding",
        shown(&String::from_utf8_lossy(bytes))
    );
    Verdict::Failed { field: column.into(), reason: Reason::InvalidBytes, detail }
}

/// Shows a cell in an error: quoted, its invisible characters visible, at most 60 characters of it.
pub(super) fn shown(cell: &str) -> String {
    match cell.char_indices().nth(SHOWN_CHARACTERS) {
        None if cell.is_empty() => "an empty cell".into(),
        None => format!("{cell:?}"),
        Some((end, _)) => format!("{:?}…", &cell[..end]),
    }
}

const SHOWN_CHARACTERS: usize = 60;
