//! What a function costs that does nothing: the SDK with DynamoDB and SQS, and the runtime.
//!
//! Built and started as Crossdock's functions are, so that `make bench AREA=functions` can say how much of a
//! cold start is theirs. It is not deployed.

use aws_config::BehaviorVersion;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let clients = (aws_sdk_dynamodb::Client::new(&config), aws_sdk_sqs::Client::new(&config));
    run(service_fn(|event: LambdaEvent<Value>| answer(&clients, event))).await
}

/// Calls, so that the linker keeps what a call needs; the bench sends no event.
async fn answer(
    (table, queues): &(aws_sdk_dynamodb::Client, aws_sdk_sqs::Client),
    event: LambdaEvent<Value>,
) -> Result<Value, Error> {
    table.get_item().table_name("none").send().await?;
    queues.send_message().queue_url("none").message_body("none").send().await?;
    Ok(event.payload)
}
