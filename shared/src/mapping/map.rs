//! Maps one record: filters on the raw text first, then column by column.
//!
//! Everything a record needs was resolved when the mapping was compiled and when the header was
//! read; nothing here knows the file's format.

use sha2::{Digest, Sha256};

use super::cell::Unfit;
use super::compile::{Compiled, CompiledColumn};
use super::fields::{Fields, Layout, shown};
use super::outcome::Reason;

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
            row.data.push_str(&column.lead);
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
}

impl CompiledColumn {
    /// Appends a cell's token: empty cells first, then `values`, then the type.
    pub(super) fn convert(&self, cell: &str, out: &mut String) -> Result<(), Unfit> {
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

/// Returns a hash's first 128 bits.
pub(super) fn first_16(hash: Sha256) -> [u8; 16] {
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
