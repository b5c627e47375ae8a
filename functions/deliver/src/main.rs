//! Starts `deliver`: configuration, clients, run.

use std::sync::Arc;

use deliver::{Context, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use shared::{aws::clients, config::DeliverConfig};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = DeliverConfig::from_env()?;
    let context = Arc::new(Context::new(&clients::sdk_config().await, config));
    run(service_fn(|event: LambdaEvent<_>| handle(context.clone(), event))).await
}
