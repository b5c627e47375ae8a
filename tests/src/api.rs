//! A client of the administration API, as small as curl.

use anyhow::{Result, bail};
use serde_json::Value;

/// The API, seen with one key.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its ETag.
    pub etag: Option<String>,
    /// Its content type.
    pub content_type: String,
    /// When it wants to be asked again.
    pub retry_after: Option<String>,
    /// JSON, or null.
    pub body: Value,
}

impl Api {
    pub(crate) fn new(http: reqwest::Client, base: String, key: String) -> Self {
        Self { http, base, key }
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Calls and gives back whatever is answered.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer> {
        let json = [("content-type", "application/json")];
        let headers = [&json[..], headers].concat();
        self.send(method, path, &headers, body.unwrap_or_default().into()).await
    }

    /// Sends exactly these headers, with the key if there is one, and this body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer> {
        let mut request = self.http.request(method.parse()?, format!("{}{path}", self.base));
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body).send().await?;
        let header = |name| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_string);
        let (status, etag, content_type) = (answer.status().as_u16(), header("etag"), header("content-type"));
        let retry_after = header("retry-after");
        let body = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
        Ok(Answer { status, etag, content_type: content_type.unwrap_or_default(), retry_after, body })
    }

    /// Reads; anything but success is an error.
    ///
    /// # Errors
    /// When the answer is not 2xx.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.done("GET", path, None).await
    }

    /// Posts; anything but success is an error.
    ///
    /// # Errors
    /// When the answer is not 2xx.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.done("POST", path, Some(&body.to_string())).await
    }

    /// Puts; anything but success is an error.
    ///
    /// # Errors
    /// When the answer is not 2xx.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.done("PUT", path, Some(&body.to_string())).await
    }

    async fn done(&self, method: &str, path: &str, body: Option<&str>) -> Result<Value> {
        let answer = self.call(method, path, &[], body).await?;
        if !(200..300).contains(&answer.status) {
            bail!("{method} {path} answered {}: {}", answer.status, answer.body);
        }
        Ok(answer.body)
    }

    /// Every item of a list, page by page.
    ///
    /// # Errors
    /// When a page is refused.
    pub async fn all(&self, path: &str) -> Result<Vec<Value>> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{join}limit=100&cursor={cursor}")).await?;
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.into(),
                None => return Ok(items),
            }
        }
    }
}

/// The `id` of what was made.
pub fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_default().to_string()
}
