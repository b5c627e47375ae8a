//! A request as API Gateway's HTTP APIs hand it on.
//!
//! Source: "Working with AWS Lambda proxy integrations for HTTP APIs", payload format 2.0.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

/// The event, as far as it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpEvent {
    raw_path: String,
    #[serde(default)]
    raw_query_string: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Debug, Deserialize)]
struct RequestContext {
    http: Http,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: String,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    query: HashMap<String, String>,
    headers: HashMap<String, String>,
    /// What the route's pattern captured.
    pub(crate) params: HashMap<&'static str, String>,
}

impl TryFrom<HttpEvent> for Request {
    type Error = base64::DecodeError;

    fn try_from(event: HttpEvent) -> Result<Self, base64::DecodeError> {
        let body = event.body.unwrap_or_default();
        let query = url::form_urlencoded::parse(event.raw_query_string.as_bytes()).into_owned().collect();
        Ok(Self {
            method: event.request_context.http.method,
            path: event.raw_path,
            body: if event.is_base64_encoded { STANDARD.decode(body)? } else { body.into_bytes() },
            query,
            headers: event.headers.into_iter().map(|(k, v)| (k.to_ascii_lowercase(), v)).collect(),
            params: HashMap::new(),
        })
    }
}

impl Request {
    /// A header; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// A query parameter that is there and not empty.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// What the route captured; empty when the route has no such part.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

#[cfg(test)]
pub(crate) fn test_request(method: &str, path: &str) -> Request {
    Request {
        method: method.into(),
        path: path.into(),
        body: Vec::new(),
        query: HashMap::new(),
        headers: HashMap::new(),
        params: HashMap::new(),
    }
}
