//! Files that a person uploads for a connection, as a browser does it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    api::{Answer, id},
    flow::Flow,
    stack::http_client,
};

/// The SHA-256 of bytes, hex.
pub fn sha256(bytes: &[u8]) -> String {
    shared::id::hex(&Sha256::digest(bytes))
}

/// Puts bytes to where the answer says; the status.
///
/// # Errors
/// When there is no answer.
pub async fn put(announced: &Value, bytes: impl Into<Vec<u8>>) -> Result<u16> {
    let headers: BTreeMap<String, String> = serde_json::from_value(announced["headers"].clone())?;
    let url = announced["url"].as_str().context("a URL")?;
    // A browser names the type of a file by itself.
    let mut request = http_client().put(url).body(bytes.into()).header("content-type", "text/csv");
    for (name, value) in headers.into_iter().filter(|(name, _)| name != "content-length") {
        request = request.header(name, value);
    }
    Ok(request.send().await?.status().as_u16())
}

impl Flow {
    /// Asks where a file is to be uploaded.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask_to_upload(&self, body: &Value) -> Result<Answer> {
        let path = format!("/v1/connections/{}/uploads", self.connection);
        self.api.call("POST", &path, &[], Some(&body.to_string())).await
    }

    /// Announces a file.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn announce(&self, name: &str, bytes: &[u8]) -> Result<Value> {
        let answer = self.ask_to_upload(&json!({ "name": name, "size_bytes": bytes.len() })).await?;
        ensure!(answer.status == 201, "{answer:?}");
        Ok(answer.body)
    }

    /// Uploads a file; the upload's id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn upload(&self, name: &str, bytes: &[u8]) -> Result<String> {
        let announced = self.announce(name, bytes).await?;
        let status = put(&announced, bytes).await?;
        ensure!(status == 200, "the bucket answers {status}");
        Ok(id(&announced))
    }

    /// Asks for a run; `body` names its upload.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask_for_run(&self, headers: &[(&str, &str)], body: &Value) -> Result<Answer> {
        let path = format!("/v1/connections/{}/runs", self.connection);
        self.api.call("POST", &path, headers, Some(&body.to_string())).await
    }

    /// Starts a run of an upload, and waits for its report.
    ///
    /// # Errors
    /// When the API refuses, or the run does not end.
    pub async fn run_upload(&self, upload: &str) -> Result<Value> {
        let answer = self.ask_for_run(&[], &json!({ "upload": upload })).await?;
        ensure!(answer.status == 202, "{answer:?}");
        self.ended(&id(&answer.body)).await
    }

    /// The code with which a run of an upload is refused, and what it says.
    ///
    /// # Errors
    /// When it is not refused.
    pub async fn refused_run(&self, upload: &str) -> Result<(u16, String, String)> {
        let answer = self.ask_for_run(&[], &json!({ "upload": upload })).await?;
        ensure!(answer.status >= 400, "{answer:?}");
        let text = |name: &str| answer.body[name].as_str().unwrap_or_default().to_string();
        Ok((answer.status, text("code"), text("detail")))
    }
}
