//! The source side that takes files: where they lie, which are taken, and what happens to them then.

use globset::GlobBuilder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{compression::Compression, problem::FieldError};

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

/// Files of a folder, taken by runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesSide {
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
    /// How files are packed, if they are: they are staged as they came, and unpacked when they are mapped. A zip archive
    /// must hold exactly one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
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

pub(super) fn default_settle_secs() -> u32 {
    5
}

impl FilesSide {
    /// Compiles the glob. `*` does not match a leading dot, so that temporary and hidden files stay out.
    ///
    /// # Errors
    /// When the pattern cannot be read.
    pub fn matcher(&self) -> Result<impl Fn(&str) -> bool + use<>, globset::Error> {
        let glob = GlobBuilder::new(&self.files).literal_separator(true).build()?.compile_matcher();
        let dotted = self.files.starts_with('.');
        Ok(move |name: &str| (dotted || !name.starts_with('.')) && glob.is_match(name))
    }

    pub(super) fn check(&self, errors: &mut Vec<FieldError>) {
        let mut wrong = |field: &str, detail: &str| errors.push(FieldError::new(field, detail));
        if self.files.is_empty() || self.files.contains('/') {
            wrong("source.files", "must be a glob of file names without a folder, for example *.csv");
        } else if let Err(e) = self.matcher() {
            wrong("source.files", &e.to_string());
        }
        if self.settle_secs > 300 {
            wrong("source.settle_secs", "must be 0 to 300");
        }
        if self.done_suffix.as_deref() == Some("") {
            wrong("source.done_suffix", "must not be empty; leave it out instead");
        }
        let folder = self.move_to.as_deref().unwrap_or_default();
        match self.post_action {
            PostAction::Move if folder.is_empty() => wrong("source.move_to", "state the folder for move"),
            PostAction::Keep | PostAction::Delete if self.move_to.is_some() => {
                wrong("source.move_to", "is for post_action move only");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_take_names_in_the_folder_only() {
        let side = |files: &str| FilesSide {
            target_server: "t".into(),
            files: files.into(),
            settle_secs: 0,
            done_suffix: None,
            compression: None,
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
