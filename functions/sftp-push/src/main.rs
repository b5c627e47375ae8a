//! Starts `sftp-push`: configuration, clients, run.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};

use sftp_push::{Context, handle};
use shared::{aws::clients, config::PushConfig};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = PushConfig::from_env()?;
    let context = Arc::new(Context::new(&clients::sdk_config().await, config));
    run(service_fn(|event: LambdaEvent<_>| handle(context.clone(), event))).await
}
