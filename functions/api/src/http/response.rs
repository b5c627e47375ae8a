//! Answers: JSON, or a problem.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::problem::Problem;

/// An answer as API Gateway takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    pub(crate) status_code: u16,
    pub(crate) headers: BTreeMap<&'static str, String>,
    pub(crate) body: String,
}

impl Response {
    /// JSON.
    pub(crate) fn json<T: Serialize>(status: u16, body: &T) -> Result<Self, Problem> {
        let body = serde_json::to_string(body).map_err(|error| {
            tracing::error!(%error, "an answer cannot be written");
            Problem::new(500, "internal", "the hub could not answer; its log says why")
        })?;
        Ok(Self::with(status, "application/json", body))
    }

    /// Nothing to say but that it is done.
    pub(crate) fn no_content() -> Self {
        Self::with(204, "application/json", String::new())
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
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
pub(crate) fn problem(problem: &Problem) -> Response {
    let body = serde_json::to_string(problem).unwrap_or_default();
    let response = Response::with(problem.status, "application/problem+json", body);
    if problem.status == 401 { response.header("www-authenticate", "Bearer") } else { response }
}
