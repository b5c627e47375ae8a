//! Files that a person uploads for a connection, instead of its server having them.
//!
//! The bytes go straight into the bucket, by a link; what is here is what is known of them beside. A run takes them as
//! its only input, and one run alone: see [`FileUpload::taken_by`].

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{id, problem::FieldError};

/// Largest file, in bytes.
///
/// Source: Amazon S3 user guide, "Uploading objects": 5 GB in a single operation.
pub const MOST_BYTES: u64 = 5_000_000_000;

/// Most characters of a name.
const MOST_NAME_CHARS: usize = 200;

/// How long the row is kept: longer than its object, so that a file that is still there is never taken twice.
const KEPT: SignedDuration = SignedDuration::from_hours(35 * 24);

/// What is said of a file before it is uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFileUpload {
    /// What the file is called in reports: 1 to 200 characters, without a path.
    pub name: String,
    /// Its bytes: 1 to 5,000,000,000.
    pub size_bytes: u64,
    /// Its SHA-256, 64 hex digits. With it, no other bytes can be uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl NewFileUpload {
    /// Says what is wrong with it.
    pub fn validate(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        if let Some(why) = why_no_name(&self.name) {
            errors.push(FieldError::new("name", why));
        }
        match self.size_bytes {
            0 => errors.push(FieldError::new("size_bytes", "the file is empty; there is nothing to upload")),
            1..=MOST_BYTES => {}
            _ => {
                let why = format!("must be {MOST_BYTES} at most; split the file, or have the server take it");
                errors.push(FieldError::new("size_bytes", why));
            }
        }
        if self.sha256.as_deref().is_some_and(|text| id::from_hex(text).is_none()) {
            errors.push(FieldError::new("sha256", "must be 64 hex digits"));
        }
        errors
    }
}

fn why_no_name(name: &str) -> Option<String> {
    let count = name.chars().count();
    if !(1..=MOST_NAME_CHARS).contains(&count) {
        return Some(format!("must have 1 to {MOST_NAME_CHARS} characters"));
    }
    if name.contains(['/', '\\']) || matches!(name, "." | "..") {
        return Some("must be the name of a file, without a path".into());
    }
    if name.chars().any(char::is_control) || name.trim() != name {
        return Some("must have no control characters, and no space at either end".into());
    }
    None
}

/// A file that is uploaded, or is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileUpload {
    /// Id.
    pub id: String,
    /// Account.
    pub account: String,
    /// The connection that it is for.
    pub connection: String,
    /// What it is called.
    pub name: String,
    /// Its bytes.
    pub size_bytes: u64,
    /// Its SHA-256, lower-case hex, where it was stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// When it was announced.
    pub created_at: Timestamp,
    /// The run whose input it is. Set in the transaction that makes it one, so no second run can have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_by: Option<String>,
    /// Until when the row is kept, seconds since 1970. Nothing looks at it but the table.
    pub expires_at: i64,
}

impl FileUpload {
    /// Makes one that was not taken yet.
    pub fn new(id: String, account: &str, connection: &str, new: NewFileUpload, now: Timestamp) -> Self {
        Self {
            id,
            account: account.into(),
            connection: connection.into(),
            name: new.name,
            size_bytes: new.size_bytes,
            sha256: new.sha256.map(|text| text.to_ascii_lowercase()),
            created_at: now,
            taken_by: None,
            expires_at: now.saturating_add(KEPT).unwrap_or(Timestamp::MAX).as_second(),
        }
    }

    /// Its object in the bucket.
    pub fn object(&self) -> String {
        crate::keys::uploaded_file(&self.account, &self.connection, &self.id)
    }

    /// The run that has taken it, unless that is this one.
    pub fn taken_by_another(&self, run: &str) -> Option<&str> {
        self.taken_by.as_deref().filter(|by| *by != run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(name: &str, size_bytes: u64, sha256: Option<&str>) -> NewFileUpload {
        NewFileUpload { name: name.into(), size_bytes, sha256: sha256.map(Into::into) }
    }

    #[test]
    fn a_name_is_that_of_a_file() {
        let wide = "å".repeat(MOST_NAME_CHARS);
        for good in ["a", "punches.csv", "Lønn og fravær 10.2026.csv", ".csv", "a..b", wide.as_str()] {
            assert_eq!(new(good, 1, None).validate(), [], "{good}");
        }
        let long = "x".repeat(MOST_NAME_CHARS + 1);
        for bad in ["", ".", "..", "a/b", "/a", "..\\a", "a\nb", "a\0", " a", "a ", long.as_str()] {
            let errors = new(bad, 1, None).validate();
            assert_eq!(errors.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(), ["name"], "{bad:?}");
        }
    }

    #[test]
    fn size_and_hash_are_bounded() {
        let (hash, wide) = ("0123456789abcdefABCDEF".repeat(3), "ß".repeat(32));
        for (size_bytes, sha256, fields) in [
            (1, None, &[][..]),
            (MOST_BYTES, Some(&hash[..64]), &[]),
            (0, None, &["size_bytes"]),
            (MOST_BYTES + 1, Some(&hash[..64]), &["size_bytes"]),
            (1, Some(&hash[..63]), &["sha256"]),
            (1, Some(&hash[..65]), &["sha256"]),
            (1, Some(wide.as_str()), &["sha256"]),
            (0, Some(""), &["size_bytes", "sha256"]),
        ] {
            let errors = new("a.csv", size_bytes, sha256).validate();
            let got: Vec<_> = errors.iter().map(|e| e.field.as_str()).collect();
            assert_eq!(got, fields, "{size_bytes} {sha256:?}");
        }
    }

    #[test]
    fn a_row_outlives_its_object_and_belongs_to_one_run() {
        let now = Timestamp::UNIX_EPOCH;
        let mut upload = FileUpload::new("upl_1".into(), "a", "con_1", new("a.csv", 1, Some("AB")), now);
        // The lifecycle rule of `files/` says 7 days.
        assert!(upload.expires_at > 4 * 7 * 86_400);
        assert_eq!((upload.sha256.as_deref(), upload.object().as_str()), (Some("ab"), "a/files/con_1/upl_1"));
        assert_eq!(upload.taken_by_another("run_1"), None);
        upload.taken_by = Some("run_1".into());
        assert_eq!(
            (upload.taken_by_another("run_1"), upload.taken_by_another("run_2")),
            (None, Some("run_1"))
        );
    }
}
