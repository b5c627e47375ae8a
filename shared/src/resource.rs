//! What a customer's administrator sets up: settings with an id, a version and times.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{problem::FieldError, secret::SecretField};

/// Settings of one kind, as a caller sends them.
pub trait Settings: Clone + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// First part of the row's sort key.
    const KIND: &'static str;
    /// What ids begin with.
    const PREFIX: &'static str;
    /// What a person calls it.
    const WORD: &'static str;

    /// Whether every version is kept under a key of its own, so that a run can pin one.
    const VERSIONED: bool = false;

    /// Finds what is wrong, without looking anything up.
    fn validate(&self, now: Timestamp) -> Vec<FieldError>;

    /// Names what these settings point to, all in the same account.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// The secrets, by their path in the settings, under which they are sealed: one of a list goes by its name, so
    /// that it opens wherever in the list it stands.
    fn secrets(&mut self) -> Vec<(String, &mut SecretField)> {
        Vec::new()
    }
}

/// Something that settings point to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Field that holds the id.
    pub field: &'static str,
    /// [`Settings::KIND`] of what it names.
    pub kind: &'static str,
    /// The id.
    pub id: String,
}

impl Reference {
    /// Makes a reference.
    pub fn new(field: &'static str, kind: &'static str, id: &str) -> Self {
        Self { field, kind, id: id.into() }
    }
}

/// Settings as they are stored and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resource<T> {
    /// Its id.
    pub id: String,
    /// Counts the changes, from 1; also the ETag.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// The settings themselves.
    #[serde(flatten)]
    pub settings: T,
}
