//! A connection: source side + mapping + target side.

use globset::GlobBuilder;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    problem::FieldError,
    resource::{Reference, Settings},
};

/// Whether a connection runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// Runs are admitted.
    #[default]
    Active,
    /// Runs are skipped, and say so.
    Disabled,
}

/// What happens to a remote file once it is whole in the bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PostAction {
    /// It stays; the ledger keeps it from being taken again.
    #[default]
    Keep,
    /// It is moved to `move_to`, and its done-file with it.
    Move,
    /// It is removed, and its done-file with it.
    Delete,
}

/// What becomes of a file whose bytes equal those that the connection took last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SameContent {
    /// It is taken and listed, but not mapped a second time.
    #[default]
    Skip,
    /// It is mapped like any other: for sources where equal files are separate deliveries.
    Map,
}

/// Where records come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceSide {
    /// A target server of kind `sftp_import`.
    pub target_server: String,
    /// Glob of file names in its folder, for example `*.csv`.
    pub files: String,
    /// Seconds after which size and time of change are looked at again; what changed meanwhile waits for the next run. 0 to 300.
    #[serde(default = "default_settle_secs")]
    pub settle_secs: u32,
    /// Take a file only when one with this suffix stands beside it, for example `.done`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_suffix: Option<String>,
    /// What happens to a file once it is taken.
    #[serde(default)]
    pub post_action: PostAction,
    /// Folder for `move`, absolute or relative to the server's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub move_to: Option<String>,
    /// What becomes of a file whose bytes equal those taken last.
    #[serde(default)]
    pub same_content: SameContent,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetSide {
    /// A target server of kind `webservice`.
    pub target_server: String,
    /// Most records in one request, 1 to 1000.
    #[serde(default = "default_batch_size")]
    pub batch_size: u32,
    /// Seconds after its release until which a run's batches are tried, 1 second to 25 days. Without it, until
    /// a minute before the schedule's next time but one; a run without a schedule tries as long as the target's
    /// `retry_secs` say.
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
    /// The mapping; a run takes its latest version at the start and keeps it.
    pub mapping: String,
    /// Where records go.
    pub target: TargetSide,
    /// Whether records are compared with what the target acknowledged before; needs a mapping with a key.
    #[serde(default = "default_compare")]
    pub compare: bool,
}

fn default_settle_secs() -> u32 {
    5
}

fn default_batch_size() -> u32 {
    500
}

fn default_compare() -> bool {
    true
}

impl SourceSide {
    /// Compiles the glob. `*` does not match a leading dot, so that temporary and hidden files stay out.
    ///
    /// # Errors
    /// When the pattern cannot be read.
    pub fn matcher(&self) -> Result<impl Fn(&str) -> bool + use<>, globset::Error> {
        let glob = GlobBuilder::new(&self.files).literal_separator(true).build()?.compile_matcher();
        let dotted = self.files.starts_with('.');
        Ok(move |name: &str| (dotted || !name.starts_with('.')) && glob.is_match(name))
    }
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
        if self.source.files.is_empty() || self.source.files.contains('/') {
            wrong("source.files", "must be a glob of file names without a folder, for example *.csv");
        } else if let Err(e) = self.source.matcher() {
            wrong("source.files", &e.to_string());
        }
        if self.source.settle_secs > 300 {
            wrong("source.settle_secs", "must be 0 to 300");
        }
        if self.source.done_suffix.as_deref() == Some("") {
            wrong("source.done_suffix", "must not be empty; leave it out instead");
        }
        let folder = self.source.move_to.as_deref().unwrap_or_default();
        match self.source.post_action {
            PostAction::Move if folder.is_empty() => wrong("source.move_to", "state the folder for move"),
            PostAction::Keep | PostAction::Delete if self.source.move_to.is_some() => {
                wrong("source.move_to", "is for post_action move only");
            }
            _ => {}
        }
        if !(1..=1000).contains(&self.target.batch_size) {
            wrong("target.batch_size", "must be 1 to 1000");
        }
        if self.target.deliver_for_secs.is_some_and(|s| !(1..=MOST_DELIVER_SECS).contains(&s)) {
            wrong("target.deliver_for_secs", "must be 1 second to 25 days, in seconds");
        }
        errors
    }

    fn references(&self) -> Vec<Reference> {
        vec![
            Reference::new("source.target_server", "TARGET", &self.source.target_server),
            Reference::new("mapping", "MAPPING", &self.mapping),
            Reference::new("target.target_server", "TARGET", &self.target.target_server),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_take_names_in_the_folder_only() {
        let side = |files: &str| SourceSide {
            target_server: "t".into(),
            files: files.into(),
            settle_secs: 0,
            done_suffix: None,
            post_action: PostAction::Keep,
            move_to: None,
            same_content: SameContent::Skip,
        };
        for (glob, name, taken) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.tmp", false),
            ("*.csv", ".a.csv", false),
            (".*.csv", ".a.csv", true),
            ("punches-????.csv", "punches-2026.csv", true),
            ("{a,b}.csv", "b.csv", true),
            ("[ab].csv", "c.csv", false),
        ] {
            assert_eq!(side(glob).matcher().unwrap()(name), taken, "{glob} {name}");
        }
    }
}
