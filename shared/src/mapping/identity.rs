//! Who a record is: its source id, key and name.

use sha2::{Digest, Sha256};

use super::compile::Compiled;
use super::json::text_of;
use super::map::{Row, first_16};
use super::outcome::RecordKey;
use super::pii::masked;
use super::recipe::Record;

/// Who a record is, as far as it can be told.
#[derive(Default)]
pub(super) struct Identity {
    pub source_id: Option<String>,
    pub key: Option<RecordKey>,
    pub name: Option<String>,
}

/// A short name of a key's tokens: the same for the same key, and seldom for another.
pub(super) fn fingerprint(tokens: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(tokens)
}

impl Compiled {
    /// Tells who the record in `row` is.
    pub(super) fn identity(&self, row: &Row, place: u64) -> Identity {
        let token = |column: usize| &row.data[row.tokens[column].0..row.tokens[column].1];
        let (source_id, key) = self.identify(place, token);
        Identity { source_id, key, name: self.name_of(token) }
    }

    /// Tells who a record is that was not mapped, as far as its columns can be read.
    pub(super) fn identity_of_fields(&self, record: Record<'_, '_>) -> Identity {
        let tokens: Vec<String> = (0..self.columns.len())
            .map(|at| {
                let mut token = String::new();
                let is_wanted = self.key.contains(&at) || self.record_name == Some(at);
                let converted = is_wanted && self.token(at, record, &mut token).is_ok();
                if converted { token } else { "null".into() }
            })
            .collect();
        let (source_id, key) = self.identify(record.place, |column| &tokens[column]);
        Identity { source_id, key, name: self.name_of(|column| &tokens[column]) }
    }

    /// Tells what reports call a record; masked where that is personal data.
    fn name_of<'t>(&self, token: impl Fn(usize) -> &'t str) -> Option<String> {
        let column = self.record_name?;
        // A column of a group that is null has no token.
        let token = Some(token(column)).filter(|token| !token.is_empty())?;
        let name = text_of(token)?;
        Some(if self.columns[column].is_masked { masked(&name) } else { name.into() })
    }

    /// The fingerprint of the key of the record in `row`; None without a key.
    pub(super) fn fingerprint(&self, row: &Row) -> Option<u64> {
        let token = |column: usize| &row.data[row.tokens[column].0..row.tokens[column].1];
        match self.key.as_slice() {
            [] => None,
            [only] => Some(fingerprint(token(*only).as_bytes())),
            several => {
                let all: String = several.iter().map(|column| token(*column)).collect();
                Some(fingerprint(all.as_bytes()))
            }
        }
    }

    /// The same of a record that was not mapped; None where its key cannot be read. `row` is for its work.
    pub(super) fn fingerprint_of_fields(&self, record: Record<'_, '_>, row: &mut Row) -> Option<u64> {
        row.data.clear();
        for column in &self.key {
            self.token(*column, record, &mut row.data).ok()?;
        }
        (!self.key.is_empty()).then(|| fingerprint(row.data.as_bytes()))
    }

    fn identify<'t>(
        &self,
        place: u64,
        token: impl Fn(usize) -> &'t str,
    ) -> (Option<String>, Option<RecordKey>) {
        if self.key.is_empty() {
            return (Some(self.input.shown(place)), None);
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
