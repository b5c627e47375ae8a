//! Secrets of which several live at once, each with a name and, if it is being replaced, an end.

use std::collections::HashSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SigningKey;
use crate::{id::is_id, problem::FieldError, secret::SecretField};

/// How many secrets a list holds at most, so that trying each of them stays cheap.
pub const MOST_SECRETS: usize = 10;

/// One of several secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LiveSecret {
    /// What it is called in its list, for example `2026-01`: 1 to 64 of `a-z`, `0-9`, `-` and `_`.
    pub name: String,
    /// The secret itself.
    pub secret: SecretField,
    /// From when on it counts no more. Without it, it counts until it is taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

impl LiveSecret {
    /// Says whether it counts at `now`; at its very end it no longer does.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| now < end)
    }
}

/// Finds what is wrong with a list of secrets at `field`: how many there are, their names, and empty ones.
///
/// Where `must_be_whsec`, a plain secret must be readable as a [`SigningKey`]; a sealed or kept one cannot be
/// looked into.
pub fn check_secrets(field: &str, secrets: &[LiveSecret], must_be_whsec: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if secrets.is_empty() {
        errors.push(FieldError::new(field, "state at least one secret"));
    }
    if secrets.len() > MOST_SECRETS {
        errors.push(FieldError::new(
            field,
            format!("must hold at most {MOST_SECRETS}; take out those that ended"),
        ));
    }
    let mut names = HashSet::new();
    for (i, LiveSecret { name, secret, .. }) in secrets.iter().enumerate() {
        if !is_id(name) {
            let detail = "must be 1 to 64 of a-z, 0-9, '-' and '_'";
            errors.push(FieldError::new(format!("{field}[{i}].name"), detail));
        }
        if !names.insert(name.as_str()) {
            let detail = "is another secret's name; each needs its own";
            errors.push(FieldError::new(format!("{field}[{i}].name"), detail));
        }
        let wrong = match secret.plain_text() {
            Some("") => Some("must not be empty".into()),
            Some(text) if must_be_whsec => SigningKey::parse(text).err().map(|e| e.to_string()),
            _ => None,
        };
        errors.extend(wrong.map(|detail: String| FieldError::new(format!("{field}[{i}].secret"), detail)));
    }
    errors
}
