//! Where a column's text comes from: a text names one input column, an object says more.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::is_false;

/// Where a column's text comes from.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Source {
    /// The input column, exactly as the header writes it.
    Column(String),
    /// Several columns, or something that is no column.
    Parts(Box<SourceParts>),
}

/// A source in parts; it has exactly one of `column`, `columns`, `constant`, `file_name`, `run`, and `start` with `end`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceParts {
    /// One input column, of those with this name that which `nth` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// With `column`: which of the columns of that name, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// Several input columns, one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// With `columns`: what stands between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<String>,
    /// With `columns`: whether those are left out that have nothing but spaces. Where all of them have nothing else,
    /// the text is empty in any case.
    #[serde(default, skip_serializing_if = "is_false")]
    pub skip_empty: bool,
    /// This text, in every record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<String>,
    /// A regular expression for all of the file's name, without folders; its one group is the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    /// Something of the run that the record is read in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunField>,
    /// Durations only: the input column with the time of the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Durations only: the input column with the time of the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// With `start` and `end`: the input column with the start's date. The format then is that of the date, a space and
    /// the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

/// Something of the run that a record is read in. A record is not compared by it: it tells how the record came, not
/// what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunField {
    /// The run's id.
    Id,
    /// The time that the schedule said, as RFC 3339 text in UTC; empty in runs that no schedule started.
    ScheduledFor,
    /// The time at which the run began, as RFC 3339 text in UTC.
    StartedAt,
    /// The file's path, as reports show it.
    File,
    /// The line of the file on which the record begins, from 1.
    Line,
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an input column's name, or an object that says where the text comes from")
            }

            fn visit_str<E>(self, name: &str) -> Result<Source, E> {
                Ok(Source::Column(name.into()))
            }

            // Columns without a header go by their numbers, which YAML has without quotes.
            fn visit_u64<E>(self, number: u64) -> Result<Source, E> {
                Ok(Source::Column(number.to_string()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Source, E> {
                Ok(Source::Column(number.to_string()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
                SourceParts::deserialize(MapAccessDeserializer::new(map))
                    .map(|parts| Source::Parts(parts.into()))
            }
        }

        deserializer.deserialize_any(Either)
    }
}
