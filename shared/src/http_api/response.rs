//! Answers: JSON, or a problem.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::problem::Problem;

/// An answer as API Gateway takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Status.
    pub status_code: u16,
    /// Headers.
    pub headers: BTreeMap<&'static str, String>,
    /// Body.
    pub body: String,
}

impl Response {
    /// JSON.
    ///
    /// # Errors
    /// When it cannot be written as such, which is the hub's fault.
    pub fn json<T: Serialize>(status: u16, body: &T) -> Result<Self, Problem> {
        let body = serde_json::to_string(body).map_err(|error| {
            tracing::error!(%error, "an answer cannot be written");
            Problem::new(500, "internal", "the hub could not answer; its log says why")
        })?;
        Ok(Self::with(status, "application/json", body))
    }

    /// Nothing to say but that it is done.
    pub fn no_content() -> Self {
        Self::with(204, "application/json", String::new())
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    fn with(status_code: u16, content_type: &str, body: String) -> Self {
        let headers = [
            ("content-type", content_type.to_string()),
            ("cache-control", "no-store".into()),
            ("x-content-type-options", "nosniff".into()),
        ];
        Self { status_code, headers: headers.into(), body }
    }
}

/// `application/problem+json`.
pub fn problem(problem: &Problem) -> Response {
    Response::with(
        problem.status,
        "application/problem+json",
        serde_json::to_string(problem).unwrap_or_default(),
    )
}
