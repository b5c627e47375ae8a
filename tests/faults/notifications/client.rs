//! A client of the hub: it signs its events by the specification's own library, and repeats each until it is
//! acknowledged.

use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use standardwebhooks::Webhook;

use super::events::{CONTENT_TYPE, Event};
use crate::{faults::world::World, runtime_api::Outcome, webhooks::INBOUND};

/// How often a client posts an event before it gives up.
const MOST_POSTS: usize = 6;

impl World {
    /// Posts an event that is signed `at` this time, in seconds since 1970; the status of the answer. A function that
    /// dies or fails is a 502 to the client.
    ///
    /// # Errors
    /// When the function cannot be started.
    pub async fn post_at(&mut self, at: i64, event_id: &str, body: &[u8]) -> Result<u16> {
        self.post_to("notifications", at, event_id, body).await
    }

    async fn post_to(&mut self, form: &str, at: i64, event_id: &str, body: &[u8]) -> Result<u16> {
        let webhook = Webhook::new(INBOUND).map_err(|e| anyhow!("{e}"))?;
        let signature = webhook.sign(event_id, at, body).map_err(|e| anyhow!("{e}"))?;
        let path = format!("/v1/sources/{}.{}/{form}", self.account(), self.setting.wiring.source);
        let event = http_event(&path, (event_id, at, &signature), body);
        let outcome =
            self.function("intake").await?.invoke(event.to_string(), Duration::from_secs(30)).await?;
        let status = match outcome {
            Outcome::Answered(answer) => serde_json::from_slice::<Value>(&answer)?["statusCode"].as_u64(),
            Outcome::Failed(_) | Outcome::Died(_) => Some(502),
        };
        Ok(u16::try_from(status.unwrap_or_default())?)
    }

    /// Posts an event that is signed now; the status of the answer.
    ///
    /// # Errors
    /// When the function cannot be started.
    pub async fn post(&mut self, event_id: &str, body: &[u8]) -> Result<u16> {
        self.post_at(self.now().as_second(), event_id, body).await
    }

    /// Posts an event until it is answered 202, as careful clients do.
    ///
    /// # Errors
    /// When it is refused, or not taken after all.
    pub async fn post_until_accepted(&mut self, event: &Event) -> Result<()> {
        let form = if event.is_uploaded { "notifications/uploaded" } else { "notifications" };
        if event.is_uploaded {
            self.upload(event).await?;
        }
        for _ in 0..MOST_POSTS {
            match self.post_to(form, self.now().as_second(), &event.id, &event.posted_body()).await? {
                202 => return Ok(()),
                status => ensure!(status >= 500, "{} was answered {status}", event.id),
            }
        }
        Err(anyhow!("{} was not taken after {MOST_POSTS} posts", event.id))
    }

    /// Uploads an event's payload, as with a link of the hub.
    async fn upload(&self, event: &Event) -> Result<()> {
        let hash = STANDARD.encode(Sha256::digest(&event.body));
        let put = self.setting.s3.put_object().bucket(&self.name).key(event.upload_object(self));
        put.checksum_sha256(hash).body(event.body.clone().into()).send().await?;
        Ok(())
    }
}

/// A request as the HTTP API hands it to a function.
///
/// Source: "Working with AWS Lambda proxy integrations for HTTP APIs", payload format 2.0.
fn http_event(path: &str, (id, at, signature): (&str, i64, &str), body: &[u8]) -> Value {
    let (text, is_base64) = match std::str::from_utf8(body) {
        Ok(text) => (text.to_string(), false),
        Err(_) => (STANDARD.encode(body), true),
    };
    json!({
        "version": "2.0", "routeKey": "POST /v1/sources/{source}/notifications", "rawPath": path,
        "rawQueryString": "",
        "headers": {
            "content-type": CONTENT_TYPE, "webhook-id": id, "webhook-timestamp": at.to_string(),
            "webhook-signature": signature,
        },
        "requestContext": { "http": { "method": "POST", "path": path }, "stage": "$default" },
        "body": text, "isBase64Encoded": is_base64,
    })
}
