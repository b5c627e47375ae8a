//! Requests and answers of the HTTP API, and the few conventions that all routes share.

mod body;
mod cursor;
mod request;
mod response;

pub(crate) use body::parse;
pub(crate) use cursor::{decode, encode};
#[cfg(test)]
pub(crate) use request::test_request;
pub(crate) use request::{HttpEvent, Request};
pub(crate) use response::{Response, problem};

use shared::{aws::AwsError, problem::Problem};

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

/// 400 about a query parameter.
pub(crate) fn bad_query(name: &str, detail: impl Into<String>) -> Problem {
    let error = shared::problem::FieldError::new(name, detail);
    Problem {
        errors: vec![error.clone()],
        ..Problem::new(400, "invalid_query", format!("{name}: {}", error.detail))
    }
}
