//! A connection: source side + mapping + target side.

mod ceiling;
mod changes;
mod condition;
mod files;
mod notifications;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    compression::Compression,
    problem::FieldError,
    resource::{Reference, Settings},
};

pub use ceiling::Ceiling;
pub use changes::{CursorSide, Deletes, Reading};
pub use condition::Condition;
pub use files::{FilesSide, PostAction, SameContent};
pub use notifications::{HUB, Incoming, NotificationsSide};

/// Whether a connection runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// Runs are admitted, and notifications taken.
    #[default]
    Active,
    /// Runs are skipped, and say so; notifications go past it.
    Disabled,
}

/// Where records come from: files of a folder, taken by runs, or notifications that a client posts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, try_from = "SourceFields")]
#[schemars(!try_from)]
pub enum SourceSide {
    /// Files.
    Files(FilesSide),
    /// Notifications.
    Notifications(NotificationsSide),
}

/// The fields of both kinds, so that a wrong one is named: an untagged enum would only say that nothing fits.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SourceFields {
    target_server: Option<String>,
    files: Option<String>,
    settle_secs: Option<u32>,
    done_suffix: Option<String>,
    compression: Option<Compression>,
    post_action: Option<PostAction>,
    move_to: Option<String>,
    same_content: Option<SameContent>,
    source: Option<String>,
    types: Option<Vec<String>>,
    conditions: Option<Vec<Condition>>,
}

impl TryFrom<SourceFields> for SourceSide {
    type Error = String;

    fn try_from(f: SourceFields) -> Result<Self, String> {
        let foreign = |there: &[(&str, bool)], what: &str| match there.iter().find(|(_, set)| *set) {
            Some((name, _)) => Err(format!("unknown field `{name}` of a connection that takes {what}")),
            None => Ok(()),
        };
        if let Some(source) = f.source {
            let of_files = [
                ("target_server", f.target_server.is_some()),
                ("files", f.files.is_some()),
                ("settle_secs", f.settle_secs.is_some()),
                ("done_suffix", f.done_suffix.is_some()),
                ("compression", f.compression.is_some()),
                ("post_action", f.post_action.is_some()),
                ("move_to", f.move_to.is_some()),
                ("same_content", f.same_content.is_some()),
            ];
            foreign(&of_files, "notifications")?;
            let (types, conditions) = (f.types.unwrap_or_default(), f.conditions.unwrap_or_default());
            return Ok(Self::Notifications(NotificationsSide { source, types, conditions }));
        }
        foreign(&[("types", f.types.is_some()), ("conditions", f.conditions.is_some())], "files")?;
        let missing = |name: &str| format!("missing field `{name}`; or state `source` for notifications");
        Ok(Self::Files(FilesSide {
            target_server: f.target_server.ok_or_else(|| missing("target_server"))?,
            files: f.files.ok_or_else(|| missing("files"))?,
            settle_secs: f.settle_secs.unwrap_or_else(files::default_settle_secs),
            done_suffix: f.done_suffix,
            compression: f.compression,
            post_action: f.post_action.unwrap_or_default(),
            move_to: f.move_to,
            same_content: f.same_content.unwrap_or_default(),
        }))
    }
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetSide {
    /// A target server of kind `webservice` or `sftp_export`.
    pub target_server: String,
    /// Of files: most records in one request, or in one row of a target's buffer, 1 to 1000.
    #[serde(default = "default_batch_size")]
    pub batch_size: u32,
    /// Seconds until which a delivery is tried, 1 second to 25 days: of a run's batches after its release, of a
    /// notification after it was accepted. Without it, a scheduled run tries until a minute before the schedule's
    /// next time but one; a run without a schedule, and a notification, as long as the target's `retry_secs` say; a run
    /// waits for the flush of a target of files that is not realtime for up to 31 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_for_secs: Option<u32>,
}

/// Longest `deliver_for_secs`: well within the 35 days that a payload is kept.
const MOST_DELIVER_SECS: u32 = 25 * 86_400;

/// Source side, mapping, target side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// For people.
    pub name: String,
    /// Whether it runs.
    #[serde(default)]
    pub status: ConnectionStatus,
    /// Where records come from.
    pub source: SourceSide,
    /// The mapping; a run takes its latest version at the start and keeps it. Without one, which only a connection
    /// that takes notifications may be, payloads go out byte for byte as they came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<String>,
    /// Where records go.
    pub target: TargetSide,
    /// Of files: whether records are compared with what the target acknowledged before; needs a mapping with a key. Where
    /// the target is one of files, they then carry what is new or changed, and do not say which.
    #[serde(default = "default_compare")]
    pub compare: bool,
    /// Of files: whether the files of one run together have every record, or only what has changed.
    #[serde(default, skip_serializing_if = "Reading::is_full")]
    pub reading: Reading,
    /// What becomes of records that the target has and that a complete full read no longer has.
    #[serde(default, skip_serializing_if = "Deletes::is_none")]
    pub deletes: Deletes,
    /// A run that would delete a larger share than this of the records that the target has, in percent, is refused as a
    /// whole until a person confirms it. 0 to 100.
    #[serde(default = "changes::default_ceiling", skip_serializing_if = "changes::is_default_ceiling")]
    pub delete_ceiling_percent: u8,
    /// Where reading is incremental: the column that says when a record was changed. One that the target has, and that
    /// comes again as it was well before what the target took last, is then filtered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<CursorSide>,
    /// Of files: how many records of a run may be in error; with one more the run stops reading and sends nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_errors: Option<u64>,
    /// Of files: how many in a hundred of the records that a run reads may be in error, 0 to 99; with more it sends nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_error_percent: Option<u8>,
}

fn default_batch_size() -> u32 {
    500
}

fn default_compare() -> bool {
    true
}

impl Settings for Connection {
    const KIND: &'static str = "CONNECTION";
    const PREFIX: &'static str = "con";
    const WORD: &'static str = "connection";

    fn validate(&self, _now: Timestamp) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut wrong = |field: &str, detail: &str| errors.push(FieldError::new(field, detail));
        if self.name.trim().is_empty() {
            wrong("name", "must not be empty");
        }
        if !(1..=1000).contains(&self.target.batch_size) {
            wrong("target.batch_size", "must be 1 to 1000");
        }
        if self.target.deliver_for_secs.is_some_and(|s| !(1..=MOST_DELIVER_SECS).contains(&s)) {
            wrong("target.deliver_for_secs", "must be 1 second to 25 days, in seconds");
        }
        if self.max_error_percent.is_some_and(|percent| percent > 99) {
            wrong("max_error_percent", "must be 0 to 99");
        }
        match &self.source {
            SourceSide::Files(files) => {
                files.check(&mut errors);
                if self.mapping.is_none() {
                    errors.push(FieldError::new("mapping", "is required for files"));
                }
            }
            SourceSide::Notifications(notifications) => {
                for (field, is_set) in [
                    ("max_errors", self.max_errors.is_some()),
                    ("max_error_percent", self.max_error_percent.is_some()),
                ] {
                    if is_set {
                        errors.push(FieldError::new(field, "is for connections that take files"));
                    }
                }
                notifications.check(&mut errors);
            }
        }
        self.check_changes(&mut errors);
        errors
    }

    fn references(&self) -> Vec<Reference> {
        let source = match &self.source {
            SourceSide::Files(files) => {
                Some(Reference::new("source.target_server", "TARGET", &files.target_server))
            }
            SourceSide::Notifications(n) if n.source == HUB => None,
            SourceSide::Notifications(n) => Some(Reference::new("source.source", "SOURCE", &n.source)),
        };
        let mapping = self.mapping.as_ref().map(|id| Reference::new("mapping", "MAPPING", id));
        let target = Reference::new("target.target_server", "TARGET", &self.target.target_server);
        source.into_iter().chain(mapping).chain([target]).collect()
    }
}

impl Connection {
    /// The folder that it takes files from, if it takes files.
    pub fn files(&self) -> Option<&FilesSide> {
        match &self.source {
            SourceSide::Files(files) => Some(files),
            SourceSide::Notifications(_) => None,
        }
    }

    /// How many records of a run may be in error.
    pub fn ceiling(&self) -> Ceiling {
        Ceiling { count: self.max_errors, percent: self.max_error_percent }
    }

    /// What it takes of a source's notifications, if it takes any.
    pub fn notifications(&self) -> Option<&NotificationsSide> {
        match &self.source {
            SourceSide::Files(_) => None,
            SourceSide::Notifications(notifications) => Some(notifications),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: serde_json::Value) -> Result<SourceSide, String> {
        serde_json::from_value(source).map_err(|e| e.to_string())
    }

    #[test]
    fn a_source_side_is_files_or_notifications_and_reads_as_it_was_written() {
        let files = read(serde_json::json!({"target_server": "t", "files": "*.csv"})).unwrap();
        assert!(matches!(&files, SourceSide::Files(f) if f.settle_secs == 5));
        let notifications = read(serde_json::json!({"source": "s", "types": ["a.*"]})).unwrap();
        assert!(matches!(&notifications, SourceSide::Notifications(n) if n.types == ["a.*"]));
        for side in [files, notifications] {
            assert_eq!(read(serde_json::to_value(&side).unwrap()), Ok(side));
        }
    }

    #[test]
    fn a_field_of_the_other_kind_is_named() {
        for (source, named) in [
            (serde_json::json!({"target_server": "t"}), "missing field `files`"),
            (serde_json::json!({"files": "*"}), "missing field `target_server`"),
            (serde_json::json!({"source": "s", "files": "*"}), "unknown field `files`"),
            (serde_json::json!({"target_server": "t", "files": "*", "types": []}), "unknown field `types`"),
            (serde_json::json!({"source": "s", "kind": "x"}), "unknown field `kind`"),
        ] {
            let error = read(source).unwrap_err();
            assert!(error.starts_with(named), "{error}");
        }
    }
}
