//! `api` is the administration API: what administrators set up, runs and their reports.
//!
//! One table of routes ([`routes`]) says what there is; the router, the role checks and the published
//! `openapi.json` all follow from it. Every query is scoped by the account of the caller's key, never by
//! an id that the caller sent. It starts no work itself: it writes rows and sends hints.

mod accounts;
mod caller;
mod deliveries;
mod first_key;
mod http;
mod notifications;
mod openapi;
mod previews;
mod resources;
pub mod routes;
mod runs;
mod service;
mod targets;
mod uploads;

use std::sync::Arc;

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use shared::{
    aws::{Table, clients, objects::Bucket, queues::Queue, vault::Vault},
    config::ApiConfig,
    message::{DeliveryMessage, PullMessage, PushMessage},
};

pub use openapi::document;

/// What every request needs.
pub struct Context {
    table: Table,
    bucket: Bucket,
    pulls: Queue<PullMessage>,
    deliveries: Queue<DeliveryMessage>,
    pushes: Queue<PushMessage>,
    vault: Vault,
    key_arn: String,
    clock: fn() -> Timestamp,
    random: fn() -> [u8; 32],
}

impl Context {
    /// Makes the clients.
    #[expect(clippy::disallowed_methods, reason = "the one place where this function takes the clock")]
    pub fn new(sdk: &clients::SdkConfig, config: ApiConfig) -> Self {
        let sqs = clients::sqs(sdk);
        Self {
            table: Table::new(clients::dynamodb(sdk), config.table),
            bucket: Bucket::new(clients::s3(sdk), config.bucket),
            pulls: Queue::new(sqs.clone(), config.pulls_queue_url),
            deliveries: Queue::new(sqs.clone(), config.deliveries_queue_url),
            pushes: Queue::new(sqs, config.pushes_queue_url),
            vault: Vault::new(clients::kms(sdk)),
            key_arn: config.key_arn,
            clock: shared::clock::now,
            random: || {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes).expect("the system gives random bytes");
                bytes
            },
        }
    }

    /// Makes an id that sorts by time: 12 hex digits of milliseconds, 20 random ones.
    fn new_id(&self, prefix: &str) -> String {
        let millis = (self.clock)().as_millisecond().unsigned_abs();
        format!("{prefix}_{millis:012x}{}", shared::id::hex(&(self.random)()[..10]))
    }
}

/// Handles a request of the HTTP API, or a direct invocation.
///
/// Only who may call `lambda:InvokeFunction` reaches the second: the HTTP API wraps whatever a caller
/// sends in an event of its own.
///
/// # Errors
/// When the event is neither.
pub async fn handle(context: Arc<Context>, event: LambdaEvent<Value>) -> Result<Value, Error> {
    if event.payload.pointer("/requestContext/http").is_some() {
        let request: http::Request = serde_json::from_value::<http::HttpEvent>(event.payload)?.try_into()?;
        return Ok(serde_json::to_value(service::serve(&context, request).await)?);
    }
    match event.payload.get("action").and_then(Value::as_str) {
        Some("create_first_operator_key") => first_key::create(&context).await,
        _ => Err("expected a request of the HTTP API, or {\"action\": \"create_first_operator_key\"}".into()),
    }
}
