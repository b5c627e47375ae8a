//! What a connection says of changes: whether its files have everything, what becomes of what is gone, and which column
//! says when a record was changed.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Connection;
use crate::{
    mapping::{ColumnType, Mapping},
    problem::FieldError,
};

/// What the files of one run have, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Every record that there is.
    #[default]
    Full,
    /// What has changed since the files before.
    Incremental,
}

/// What becomes of records that the target has and that a complete full read no longer has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deletes {
    /// Nothing.
    #[default]
    None,
    /// The target is told to delete them.
    Infer,
}

/// The column that says when a record was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CursorSide {
    /// A column of the mapping, of type `timestamp` or `date`; a date stands for its first instant in UTC.
    pub column: String,
    /// How far before the cursor records are still read, as an ISO 8601 duration of up to a year, for example `PT15M`.
    pub lookback: SignedDuration,
}

impl CursorSide {
    /// Whether a mapping has the column, and that tells an instant.
    pub fn is_column_of(&self, mapping: &Mapping) -> bool {
        let tells = |kind| matches!(kind, ColumnType::Timestamp | ColumnType::Date);
        mapping.columns.iter().any(|column| column.name == self.column && column.kind.is_some_and(tells))
    }
}

/// Default of `delete_ceiling_percent`.
const CEILING_PERCENT: u8 = 10;

/// Longest lookback.
const MOST_LOOKBACK: SignedDuration = SignedDuration::from_hours(366 * 24);

pub(super) fn default_ceiling() -> u8 {
    CEILING_PERCENT
}

pub(super) fn is_default_ceiling(percent: &u8) -> bool {
    *percent == CEILING_PERCENT
}

impl Reading {
    pub(super) fn is_full(&self) -> bool {
        *self == Self::Full
    }
}

impl Deletes {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl Connection {
    pub(super) fn check_changes(&self, errors: &mut Vec<FieldError>) {
        let mut wrong = |field: &str, detail: &str| errors.push(FieldError::new(field, detail));
        if self.delete_ceiling_percent > 100 {
            wrong("delete_ceiling_percent", "must be 0 to 100");
        }
        if self.files().is_none() {
            for (field, is_set) in [
                ("reading", !self.reading.is_full()),
                ("deletes", !self.deletes.is_none()),
                ("cursor", self.cursor.is_some()),
            ] {
                if is_set {
                    wrong(field, "is for connections that take files");
                }
            }
            return;
        }
        if self.deletes == Deletes::Infer {
            if !self.compare {
                wrong("deletes", "infer needs compare: without it the hub does not know what the target has");
            }
            if !self.reading.is_full() {
                wrong("deletes", "infer needs reading full: what is not in an incremental file is not gone");
            }
        }
        if let Some(cursor) = &self.cursor {
            if self.reading.is_full() || !self.compare {
                wrong("cursor", "needs reading incremental, and compare");
            }
            if cursor.column.is_empty() {
                wrong("cursor.column", "must name a column of the mapping");
            }
            if !(SignedDuration::ZERO..=MOST_LOOKBACK).contains(&cursor.lookback) {
                wrong("cursor.lookback", "must be 0 to 366 days, for example PT15M");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use crate::resource::Settings;

    fn fields(change: Value) -> Vec<String> {
        let mut connection = json!({
            "name": "c", "mapping": "map_1", "source": {"target_server": "t", "files": "*.csv"},
            "target": {"target_server": "t"},
        });
        let (all, change) = (connection.as_object_mut().unwrap(), change);
        all.extend(change.as_object().unwrap().clone());
        let connection: Connection = serde_json::from_value(connection).unwrap();
        let written = serde_json::to_value(&connection).unwrap();
        assert_eq!(serde_json::from_value::<Connection>(written).unwrap(), connection);
        connection.validate(Timestamp::UNIX_EPOCH).into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        let notifications = json!({"source": "s"});
        let cursor = json!({"column": "changed_at", "lookback": "PT15M"});
        for (change, wrong) in [
            (json!({}), vec![]),
            (json!({"deletes": "infer", "delete_ceiling_percent": 0}), vec![]),
            (json!({"deletes": "infer", "delete_ceiling_percent": 101}), vec!["delete_ceiling_percent"]),
            (json!({"deletes": "infer", "compare": false}), vec!["deletes"]),
            (json!({"deletes": "infer", "reading": "incremental"}), vec!["deletes"]),
            (json!({"deletes": "infer", "source": notifications}), vec!["deletes"]),
            (json!({"reading": "incremental", "cursor": cursor}), vec![]),
            (json!({"cursor": cursor}), vec!["cursor"]),
            (json!({"reading": "incremental", "cursor": cursor, "compare": false}), vec!["cursor"]),
            (json!({"reading": "incremental", "source": notifications}), vec!["reading"]),
            (
                json!({"reading": "incremental", "cursor": {"column": "", "lookback": "-PT1S"}}),
                vec!["cursor.column", "cursor.lookback"],
            ),
            (
                json!({"reading": "incremental", "cursor": {"column": "c", "lookback": "PT8785H"}}),
                vec!["cursor.lookback"],
            ),
        ] {
            assert_eq!(fields(change.clone()), wrong, "{change}");
        }
    }
}
