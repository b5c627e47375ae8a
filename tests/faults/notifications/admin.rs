//! An administrator who sees to deliveries through the API, and repeats each request until it is answered.

use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};

use crate::{faults::world::World, runtime_api::Outcome};

/// How often a request is made before it is given up.
const MOST_REQUESTS: usize = 6;

/// The delivery was sent again by the request before, whose answer was lost.
const NOT_DEAD: u64 = 409;

impl World {
    /// Makes a request until it is answered 2xx.
    ///
    /// # Errors
    /// When it is refused, or not answered after all.
    pub(super) async fn administer(&mut self, path: &str, body: &Value) -> Result<()> {
        let event = self.request("POST", path, body);
        for n in 0..MOST_REQUESTS {
            let function = self.function("api").await?;
            let outcome = function.invoke(event.to_string(), Duration::from_secs(29)).await?;
            let Outcome::Answered(answer) = outcome else { continue };
            let answer: Value = serde_json::from_slice(&answer)?;
            match answer["statusCode"].as_u64().unwrap_or_default() {
                200..300 => return Ok(()),
                NOT_DEAD if n > 0 => return Ok(()),
                status => ensure!(status >= 500, "{path} was answered {answer}"),
            }
        }
        Err(anyhow!("{path} was not answered after {MOST_REQUESTS} requests"))
    }

    /// Makes a request of the world's own `api` once; its answer.
    ///
    /// # Errors
    /// When it is refused, or not answered.
    pub async fn ask(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let event = self.request(method, path, body);
        let outcome = self.function("api").await?.invoke(event.to_string(), Duration::from_secs(29)).await?;
        let answer = outcome.answer()?;
        let is_ok = answer["statusCode"].as_u64().is_some_and(|status| (200..300).contains(&status));
        ensure!(is_ok, "{method} {path}: {answer}");
        Ok(serde_json::from_str(answer["body"].as_str().unwrap_or("null"))?)
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let parameters: serde_json::Map<String, Value> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(k, v)| (k.to_string(), v.into()))
            .collect();
        json!({
            "version": "2.0", "routeKey": "ANY /v1/{proxy+}", "rawPath": path, "rawQueryString": query,
            "queryStringParameters": parameters,
            "headers": {
                "content-type": "application/json",
                "authorization": format!("Bearer {}", self.setting.flow.api.key()),
            },
            "requestContext": { "http": { "method": method, "path": path }, "stage": "$default" },
            "body": if body.is_null() { String::new() } else { body.to_string() }, "isBase64Encoded": false,
        })
    }
}
