//! Looks at a sample of a file and says how it could be read: a preview that teaches.
//!
//! Everything that a mapping has to state is guessed here, each guess with its confidence, what speaks
//! for it in words, and its rivals; from the guesses comes a draft mapping, and with it the first
//! records as a run would map them. Runs guess nothing: they read as a saved mapping states. So
//! evidence comes from the engine's own readers wherever it has one, and nothing of a run depends on
//! this module.
//!
//! ```text
//! bytes → format → encoding → dialect (split, score, header) → columns → draft → records (the engine's)
//!              → record path of XML, or sheet and header row of a workbook → columns …
//! ```
//!
//! It does no I/O, keeps nothing and logs nothing: a sample is someone's data.

mod columns;
mod dialect;
mod draft;
mod encoding;
mod format;
mod guess;
mod json;
mod outcome;
mod sample;
#[cfg(test)]
mod tests;
mod text;
#[cfg(feature = "workbooks")]
mod workbook;
mod xml;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

pub use columns::{CandidateKey, CellType, ColumnGuess, Example, Kind};
pub use dialect::Dialect;
pub use format::{Format, is_workbook};
pub use guess::{Guess, Rival};
pub use outcome::{MappedSample, ReasonCount, SampleError, SampleRecord};
pub use sample::Sample;

use crate::mapping::{Mapping, SaftEntity};
use crate::problem::FieldError;

/// What a sample looks like, and what a mapping makes of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Preview {
    /// What kind of file it is.
    pub format: Guess<Format>,
    /// What the file was packed with; all else is told of what is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packed: Option<Format>,
    /// How its characters are written as bytes; absent where that is not for a mapping to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Guess<String>>,
    /// How records and fields are parted; of delimited text only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Guess<Dialect>>,
    /// The sheet of a workbook that has the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<Guess<String>>,
    /// The row of the sheet that names the columns, from 1; null where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_row: Option<Guess<Option<u32>>>,
    /// The path from the root of XML to the elements that are records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Guess<String>>,
    /// What the prefixes in paths of XML mean.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub namespaces: BTreeMap<String, String>,
    /// Which records of a SAF-T file the draft reads; the others are its rivals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<Guess<SaftEntity>>,
    /// The columns in the file's order, at most 1,000 of them.
    pub columns: Vec<ColumnGuess>,
    /// How many columns there are beyond those.
    #[serde(skip_serializing_if = "is_zero")]
    pub columns_left_out: usize,
    /// The columns that could identify a record, the likeliest first.
    pub candidate_keys: Vec<CandidateKey>,
    /// Where in JSON there are arrays of objects, by JSON pointers, and in XML elements that could be records, by paths; and
    /// how many of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub record_paths: Vec<RecordPath>,
    /// A mapping that is valid and follows the guesses: a start, to be checked by a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<Mapping>,
    /// What a run would make of the sample, by the mapping that was given or else by the draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<MappedSample>,
    /// What a person should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// The line on which a record begins that the sample cuts.
    #[serde(skip)]
    cut_record_line: Option<u64>,
}

/// Where there are records in JSON or XML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordPath {
    /// A JSON pointer, empty for the whole; in XML the path from the root.
    pub path: String,
    /// How many objects, or whole elements, are there.
    pub records: usize,
}

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Note {
    /// Stable, for example `repeated_column`.
    pub code: String,
    /// In words.
    pub detail: String,
}

impl Note {
    fn new(code: &str, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into() }
    }
}

/// Most columns that are looked at.
const MAX_COLUMNS: usize = 1000;

/// Previews a sample.
///
/// # Errors
/// What is wrong with the mapping that was given.
pub fn preview(sample: &Sample<'_>) -> Result<Preview, Vec<FieldError>> {
    let given = sample.mapping.map(Mapping::compile).transpose()?;
    let (unpacked, packed) = format::unpack(sample);
    let sample = &Sample { bytes: &unpacked.bytes, is_whole: unpacked.is_whole, ..*sample };
    let format = format::guess(sample);
    let mut preview = Preview::of(format);
    preview.packed = packed;
    match preview.format.value {
        Format::Delimited => text::fill(&mut preview, sample),
        Format::Json | Format::Ndjson => json::fill(&mut preview, sample),
        Format::Xml | Format::Saft => xml::fill(&mut preview, sample),
        #[cfg(feature = "workbooks")]
        Format::Xlsx | Format::Ods | Format::Xls => workbook::fill(&mut preview, sample),
        other => preview.notes.extend(other.note()),
    }
    let drafted = preview.draft.as_ref().and_then(|draft| draft.compile().ok());
    if let Some(compiled) = given.or(drafted) {
        let compiled = compiled.for_sample(sample.is_whole);
        preview.outcome = Some(outcome::of(&preview, sample, &compiled));
        columns::mask(&mut preview.columns, |name| compiled.is_personal(name));
    }
    Ok(preview)
}

impl Preview {
    fn of(format: Guess<Format>) -> Self {
        Self {
            format,
            packed: None,
            encoding: None,
            dialect: None,
            sheet: None,
            header_row: None,
            record: None,
            namespaces: BTreeMap::new(),
            entity: None,
            columns: Vec::new(),
            columns_left_out: 0,
            candidate_keys: Vec::new(),
            record_paths: Vec::new(),
            draft: None,
            outcome: None,
            notes: Vec::new(),
            cut_record_line: None,
        }
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
