//! Maps one record: filters on the raw text first, then column by column.
//!
//! Everything a record needs was resolved when the mapping was compiled and when the header was
//! read; nothing here knows the file's format.

use sha2::{Digest, Sha256};

use super::cell::Unfit;
use super::compile::{Compiled, CompiledColumn};
use super::outcome::Reason;
use super::pii::show;
use super::recipe::Record;

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
    pub(super) fn map(&self, record: Record<'_, '_>, row: &mut Row) -> Verdict {
        let Record { layout, fields, .. } = record;
        for (at, filter) in self.filters.iter().enumerate() {
            match filter.condition.meets(layout, fields) {
                Ok(true) => return Verdict::Filtered(at),
                Ok(false) => {}
                Err(why) => return self.unanswered(why),
            }
        }
        row.data.clear();
        row.tokens.clear();
        if let Some(nodes) = &self.shape {
            return self.map_nested(nodes, record, row).map_or_else(|failed| failed, |()| Verdict::Mapped);
        }
        for (column, at) in self.columns.iter().zip(&layout.columns) {
            row.data.push_str(&column.lead);
            let start = row.data.len();
            if let Some(recipe) = &column.recipe {
                if let Err(failed) = self.follow(column, recipe, record, &mut row.data) {
                    return failed;
                }
                row.tokens.push((start, row.data.len()));
                continue;
            }
            let cell = match fields.get(*at) {
                Ok(cell) => cell,
                Err(bytes) => return column.malformed(bytes),
            };
            if let Err(unfit) = column.convert(cell, &mut row.data) {
                return column.failed(cell, unfit);
            }
            row.tokens.push((start, row.data.len()));
        }
        row.data.push('}');
        Verdict::Mapped
    }

    /// Returns the first 128 bits of the SHA-256 of the record in the row, without what only tells how it came.
    pub(super) fn hash(&self, row: &Row) -> [u8; 16] {
        let mut hash = Sha256::new();
        let mut from = 0;
        for at in &self.circumstantial {
            let (start, end) = row.tokens[*at];
            hash.update(&row.data[from..start]);
            from = end;
        }
        hash.update(&row.data[from..]);
        first_16(hash)
    }

    /// The verdict on a malformed cell of the wanted column with this index.
    pub(super) fn malformed(&self, wanted: usize, bytes: &[u8]) -> Verdict {
        let name = &self.wanted[wanted].name;
        malformed(name, self.is_personal_wanted(wanted), bytes)
    }
}

impl CompiledColumn {
    /// The verdict on a malformed cell.
    pub(super) fn malformed(&self, bytes: &[u8]) -> Verdict {
        malformed(&self.from, self.is_masked, bytes)
    }

    /// The verdict on a cell that does not fit.
    pub(super) fn failed(&self, cell: &str, unfit: Unfit) -> Verdict {
        let detail = format!("found {}, expected {}", self.shown(cell), unfit.expected);
        Verdict::Failed { field: self.from.clone(), reason: unfit.reason, detail }
    }

    /// Appends a cell's token: empty cells first, then `values`, then the type.
    #[inline(always)]
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

/// Returns a hash's first 128 bits.
pub(super) fn first_16(hash: Sha256) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&hash.finalize()[..16]);
    first
}

fn malformed(column: &str, is_masked: bool, bytes: &[u8]) -> Verdict {
    let detail = format!(
        "found {}, which is malformed in the stated encoding; fix the file, or the mapping's encoding",
        show(is_masked, &String::from_utf8_lossy(bytes))
    );
    Verdict::Failed { field: column.into(), reason: Reason::InvalidBytes, detail }
}
