//! Starts `dead-letter`: configuration, clients, run.

use std::sync::Arc;

use dead_letter::{Context, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use shared::{aws::clients, config::DeadLetterConfig};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = DeadLetterConfig::from_env()?;
    let context = Arc::new(Context::new(&clients::sdk_config().await, config));
    run(service_fn(|event: LambdaEvent<_>| handle(context.clone(), event))).await
}
