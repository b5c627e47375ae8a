//! One flow of notifications in an account of its own: source → connection → endpoint.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::{
    api::{Answer, Api, id},
    flow::new_account,
    hooks::Endpoint,
    rows::{now, past_ms},
    stack::Stack,
    wait::until,
};

/// The secret that clients sign with: 24 bytes, made for tests.
pub const INBOUND: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The secret that the hub signs with.
pub const OUTBOUND: &str = "whsec_QnVpbHQtZm9yLXRlc3RzLW9ubHktMTIzNDU2Nzg=";

/// How long a delivery may take here before a test gives up on it.
pub const WITHIN: Duration = Duration::from_secs(60);

/// Everything a notification needs, made through the API.
pub struct Webhooks {
    /// The stack.
    pub stack: Stack,
    /// Id of the account.
    pub account: String,
    /// The API with the account's key.
    pub api: Api,
    /// The customer's endpoint.
    pub endpoint: Endpoint,
    /// Id of the source.
    pub source: String,
    /// Id of the endpoint's target server.
    pub target: String,
    /// Id of the connection.
    pub connection: String,
}

/// A source of Standard Webhooks.
pub fn standard_source() -> Value {
    json!({
        "name": "client", "verification": { "scheme": "standard_webhooks" },
        "secrets": [{ "name": "first", "secret": INBOUND }],
        "event_id": { "header": "webhook-id" }, "event_type": { "pointer": "/type" },
    })
}

impl Webhooks {
    /// Sets up [`standard_source`], an endpoint that takes everything that verifies, and a connection for all types.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn new() -> Result<Self> {
        Self::from(standard_source()).await
    }

    /// Sets up a flow from this source.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn from(source: Value) -> Result<Self> {
        let stack = Stack::from_env()?;
        let endpoint = Endpoint::start().await?;
        endpoint.verify_with(&[OUTBOUND])?;
        let (account, api) = new_account(&stack, "Europe/Oslo").await?;
        let source = id(&api.post("/v1/sources", &source).await?);
        let target = id(&api.post("/v1/target-servers", &webservice(&endpoint.url())).await?);
        let connection = json!({
            "name": "hooks", "source": { "source": source }, "target": { "target_server": target },
        });
        let connection = id(&api.post("/v1/connections", &connection).await?);
        Ok(Self { stack, account, api, endpoint, source, target, connection })
    }

    /// Adds a target and a connection to it with this source side; ids of both.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn connect(&self, endpoint: &Endpoint, source: Value) -> Result<(String, String)> {
        let target = id(&self.api.post("/v1/target-servers", &webservice(&endpoint.url())).await?);
        let connection = json!({ "name": "more", "source": source, "target": { "target_server": target } });
        let connection = id(&self.api.post("/v1/connections", &connection).await?);
        Ok((target, connection))
    }

    /// Where clients post.
    pub fn path(&self) -> String {
        format!("/v1/sources/{}.{}/notifications", self.account, self.source)
    }

    /// Posts an event as a client does, signed by the specification's own library.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn post(&self, event_id: &str, body: &[u8]) -> Result<Answer> {
        self.post_signed(INBOUND, event_id, now().as_second(), body).await
    }

    /// Posts an event that is signed with this secret at this time.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn post_signed(&self, secret: &str, event_id: &str, at: i64, body: &[u8]) -> Result<Answer> {
        let webhook = Webhook::new(secret).map_err(|e| anyhow::anyhow!("{e}"))?;
        let signature = webhook.sign(event_id, at, body).map_err(|e| anyhow::anyhow!("{e}"))?;
        let (at, headers) = (at.to_string(), [("content-type", "application/json")]);
        let signed =
            [("webhook-id", event_id), ("webhook-timestamp", &at), ("webhook-signature", &signature)];
        self.post_with(&[&headers[..], &signed].concat(), body).await
    }

    /// Posts with these headers.
    ///
    /// # Errors
    /// When nothing answers.
    pub async fn post_with(&self, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
        self.stack.intake().send("POST", &self.path(), headers, body.to_vec()).await
    }

    /// Posts an event that is taken; the notification's id.
    ///
    /// # Errors
    /// When it is not taken.
    pub async fn accepted(&self, event_id: &str, body: &Value) -> Result<String> {
        let answer = self.post(event_id, body.to_string().as_bytes()).await?;
        ensure!(answer.status == 202, "{answer:?}");
        Ok(id(&answer.body))
    }

    /// The delivery of a notification to the flow's own connection, by its id.
    pub fn delivery(&self, notification: &str) -> String {
        format!("{notification}-{}", self.connection)
    }

    /// Waits until a delivery is in this state, and shows it.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn in_state(&self, delivery: &str, state: &str) -> Result<Value> {
        let path = format!("/v1/deliveries/{delivery}");
        until(&format!("{delivery} in {state}"), WITHIN, async || {
            let answer = self.api.call("GET", &path, &[], None).await?;
            Ok((answer.body["state"] == state).then_some(answer.body))
        })
        .await
    }

    /// Lets the time of a delivery's next attempt come, as if it had gone by, and ticks.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn let_time_pass(&self, delivery: &str) -> Result<()> {
        let rows = self.stack.rows().await?;
        let name: shared::delivery::NotificationName =
            delivery.parse().ok().context("a notification's delivery has such a name")?;
        let key = name.key(&self.account);
        rows.edit(&key, json!({ "attempt_at": past_ms() })).await?;
        rows.set_due(&key, past_ms()).await?;
        self.stack.tick().await
    }

    /// Changes the endpoint's target server by `change`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn change_target(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        self.change(&format!("/v1/target-servers/{}", self.target), change).await
    }

    /// Changes settings by `change`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn change(&self, path: &str, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut settings = crate::flow::settings_of(self.api.get(path).await?);
        change(&mut settings);
        self.api.put(path, &settings).await.map(|_| ())
    }
}

/// A webservice that is tried every second, four times.
pub fn webservice(url: &str) -> Value {
    json!({
        "name": "endpoint", "kind": "webservice", "address": url, "retry_secs": [1, 1, 1], "timeout_secs": 3,
        "signing_secrets": [{ "name": "first", "secret": OUTBOUND }],
    })
}
