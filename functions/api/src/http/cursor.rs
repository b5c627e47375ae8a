//! Cursors: where a list goes on. A cursor says nothing about the account; the caller's key does.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};
use shared::problem::Problem;

use super::{Request, bad_query};

/// Writes a cursor for the list `of`.
pub(crate) fn encode<T: Serialize>(of: &str, place: &T) -> String {
    let json = serde_json::json!({ "of": of, "at": place });
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// Reads the request's cursor, if it has one, for the list `of`.
///
/// # Errors
/// 400 when it is not one of this list's.
pub(crate) fn decode<T: DeserializeOwned>(of: &str, request: &Request) -> Result<Option<T>, Problem> {
    let Some(text) = request.query("cursor") else { return Ok(None) };
    let place = URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok())
        .filter(|json| json["of"] == of)
        .and_then(|mut json| serde_json::from_value(json["at"].take()).ok());
    place
        .map(Some)
        .ok_or_else(|| bad_query("cursor", "is not a cursor of this list; leave it out to start anew"))
}
