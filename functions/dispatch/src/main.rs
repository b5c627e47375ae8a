//! Starts `dispatch`: configuration, clients, run.

use dispatch::{Context, handle};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use shared::{aws::clients, config::DispatchConfig};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = DispatchConfig::from_env()?;
    let context = Context::new(&clients::sdk_config().await, config);
    run(service_fn(|event: LambdaEvent<_>| handle(&context, event))).await
}
