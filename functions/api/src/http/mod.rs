//! The few conventions that all routes share.

mod body;
mod cursor;

pub(crate) use body::{parse, parse_up_to, settings};
pub(crate) use cursor::{decode, encode};
pub(crate) use shared::http_api::{HttpEvent, Request, Response};

use shared::{aws::AwsError, http_api, problem::Problem};

/// A refusal. Who is not known is told how to say who they are.
pub(crate) fn problem(problem: &Problem) -> Response {
    let response = http_api::problem(problem);
    if problem.status == 401 { response.header("www-authenticate", "Bearer") } else { response }
}

/// Maps a failure of the hub's own services. The caller learns that it was not their fault, and no more.
pub(crate) fn unavailable(error: AwsError) -> Problem {
    let retry = error.is_retryable();
    tracing::error!(error = shared::chain(&error), "a request failed");
    match retry {
        true => Problem::new(503, "unavailable", "the hub cannot answer just now; try again"),
        false => Problem::new(500, "internal", "the hub could not answer; its log says why"),
    }
}

/// How many results a page has: `limit`, 1 to 100, 50 without one.
pub(crate) fn limit(request: &Request) -> Result<usize, Problem> {
    match request.query("limit").map(str::parse) {
        None => Ok(50),
        Some(Ok(n @ 1..=100)) => Ok(n),
        Some(_) => Err(bad_query("limit", "must be 1 to 100")),
    }
}

/// A time in the query.
pub(crate) fn time(request: &Request, name: &str) -> Result<Option<jiff::Timestamp>, Problem> {
    let Some(text) = request.query(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| bad_query(name, "must be a time like 2026-10-25T01:30:00Z"))
}

/// 400 about a query parameter.
pub(crate) fn bad_query(name: &str, detail: impl Into<String>) -> Problem {
    let error = shared::problem::FieldError::new(name, detail);
    Problem {
        errors: vec![error.clone()],
        ..Problem::new(400, "invalid_query", format!("{name}: {}", error.detail))
    }
}
