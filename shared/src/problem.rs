//! What the API says when it refuses: `application/problem+json` with a stable code.
//!
//! Source: RFC 9457. The `errors` member names each field that is wrong and what to do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One field of a request that is wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// Dotted path from the body's root, for example `columns[2].format`.
    pub field: String,
    /// What is wrong and what would be right, lowercase, no full stop.
    pub detail: String,
}

impl FieldError {
    /// Makes an error about `field`.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

/// An answer that says no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// HTTP status code.
    pub status: u16,
    /// Stable machine-readable code, for example `invalid_body`.
    pub code: String,
    /// The status in words.
    pub title: String,
    /// What happened here and what to do.
    pub detail: String,
    /// The fields that are wrong, where the request's body or query is at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// Makes a problem with no field errors.
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            title: title(status).into(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// 422 with the fields that are wrong.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail =
            errors.iter().map(|e| format!("{}: {}", e.field, e.detail)).collect::<Vec<_>>().join("; ");
        Self { errors, ..Self::new(422, "invalid_body", detail) }
    }

    /// 404 for a resource that is not there, or not in the caller's account: the two look the same.
    pub fn not_found(what: &str) -> Self {
        Self::new(404, "not_found", format!("no such {what} in this account"))
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Error",
    }
}
