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
        let event = json!({
            "version": "2.0", "routeKey": "ANY /v1/{proxy+}", "rawPath": path, "rawQueryString": "",
            "headers": {
                "content-type": "application/json",
                "authorization": format!("Bearer {}", self.setting.flow.api.key()),
            },
            "requestContext": { "http": { "method": "POST", "path": path }, "stage": "$default" },
            "body": body.to_string(), "isBase64Encoded": false,
        });
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
}
