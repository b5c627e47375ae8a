//! Clients with timeouts: the SDK has none by default, and a hung call would eat the function's time.

use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::{BehaviorVersion, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

use super::lazy_http::LazyHttp;

/// Reads region, credentials and endpoint as the SDK does, with our HTTP client and timeouts.
pub async fn sdk_config() -> SdkConfig {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(LazyHttp(http))
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .timeout_config(timeouts(1500, 8))
        .load()
        .await
}

/// Timeouts for one attempt, in milliseconds, and for a call with its retries, in seconds.
fn timeouts(attempt_ms: u64, operation_secs: u64) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(1000))
        .operation_attempt_timeout(Duration::from_millis(attempt_ms))
        .operation_timeout(Duration::from_secs(operation_secs))
        .build()
}

/// Client of the table.
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(config)
}

/// Client of the bucket, with time for a part of 8 MiB.
#[cfg(feature = "s3")]
pub fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config).timeout_config(timeouts(20_000, 90)).build();
    aws_sdk_s3::Client::from_conf(config)
}

/// Client of the queues.
#[cfg(feature = "sqs")]
pub fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(config)
}

/// Client of the key service.
#[cfg(feature = "kms")]
pub fn kms(config: &SdkConfig) -> aws_sdk_kms::Client {
    aws_sdk_kms::Client::new(config)
}
