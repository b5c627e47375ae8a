//! A request.

use std::{borrow::Cow, collections::HashMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use crate::source::Headers;

/// The event of a request, as far as it is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpEvent {
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
pub struct Request {
    /// Method, in capitals.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Headers.
    pub headers: Headers,
    /// Body, byte for byte.
    pub body: Vec<u8>,
    /// What the route's pattern captured.
    pub params: HashMap<&'static str, String>,
    query: HashMap<String, String>,
}

impl TryFrom<HttpEvent> for Request {
    type Error = base64::DecodeError;

    fn try_from(event: HttpEvent) -> Result<Self, base64::DecodeError> {
        let body = event.body.unwrap_or_default();
        let query = url::form_urlencoded::parse(event.raw_query_string.as_bytes());
        Ok(Self {
            method: event.request_context.http.method,
            path: event.raw_path,
            headers: Headers::new(event.headers),
            body: if event.is_base64_encoded { STANDARD.decode(body)? } else { body.into_bytes() },
            params: HashMap::new(),
            query: query.map(|(k, v)| (Cow::into_owned(k), Cow::into_owned(v))).collect(),
        })
    }
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            headers: Headers::default(),
            body: Vec::new(),
            params: HashMap::new(),
            query: HashMap::new(),
        }
    }

    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// A query parameter that is there and not empty.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|v| !v.is_empty())
    }

    /// What the route captured; empty when the route has no such part.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}
