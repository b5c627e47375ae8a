//! Starts `intake`: configuration, clients, run.

use std::sync::Arc;

use intake::{Context, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use shared::{aws::clients, config::IntakeConfig};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = IntakeConfig::from_env()?;
    let context = Arc::new(Context::new(&clients::sdk_config().await, config));
    run(service_fn(|event: LambdaEvent<_>| handle(context.clone(), event))).await
}
