//! Which columns could identify a record.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Cells, ColumnGuess, Kind, identifiers};

/// Columns that together differ in every record of the sample.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CandidateKey {
    /// The columns' names.
    pub columns: Vec<String>,
    /// How likely it is that they are meant to identify a record, from 0 to 1.
    pub confidence: f64,
    /// What speaks for them, in words.
    pub reason: String,
}

/// Most keys that are told.
const MOST: usize = 5;

/// Returns the columns that are filled and differ in every record, the likeliest key first.
pub(in crate::preview) fn keys(cells: &[Cells<'_>], guesses: &[ColumnGuess]) -> Vec<CandidateKey> {
    let mut keys: Vec<CandidateKey> = cells
        .iter()
        .zip(guesses)
        .enumerate()
        .filter(|(_, (cells, _))| cells.are_unique() && cells.filled > 1)
        .map(|(at, (cells, guess))| {
            let kind = match guess.kind.value.kind {
                Kind::Identifier => 0.6,
                Kind::Text | Kind::Enumeration => 0.25,
                Kind::Integer => 0.4,
                _ => 0.1,
            };
            let name = if identifiers::names_something(&cells.name) { 0.25 } else { 0.0 };
            let first = if at == 0 { 0.1 } else { 0.0 };
            let few = if cells.filled < 10 { 0.7 } else { 1.0 };
            CandidateKey {
                columns: vec![cells.name.clone()],
                confidence: super::super::guess::rounded((kind + name + first) * few),
                reason: format!("all {} records have one and none has that of another", cells.filled),
            }
        })
        .collect();
    keys.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    keys.truncate(MOST);
    keys
}
