//! The environment: read here and nowhere else, one struct a function.

use std::env;

/// A variable that the template sets and that is not there.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {0} is not set; the template sets it")]
pub struct Missing(&'static str);

/// Where Lambda says how much memory a function has, in MiB.
const MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn required(name: &'static str) -> Result<String, Missing> {
    env::var(name).ok().filter(|v| !v.is_empty()).ok_or(Missing(name))
}

/// The name that Lambda gave the function; `None` outside Lambda.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn function_name() -> Option<String> {
    env::var("AWS_LAMBDA_FUNCTION_NAME").ok().filter(|v| !v.is_empty())
}

/// By how much a development build's clock is moved.
///
/// # Panics
/// When that is no number of seconds.
#[cfg(debug_assertions)]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn clock_offset() -> jiff::SignedDuration {
    let offset = env::var(crate::clock::OFFSET).ok().filter(|v| !v.is_empty());
    let secs = offset.map_or(Ok(0), |secs| secs.parse());
    jiff::SignedDuration::from_secs(secs.expect("CROSSDOCK_CLOCK_OFFSET_S is set by tests, in whole seconds"))
}

/// What `dispatch` needs.
#[derive(Clone, Debug)]
pub struct DispatchConfig {
    /// Name of the table.
    pub table: String,
    /// URL of the queue `pulls`.
    pub pulls_queue_url: String,
    /// URL of the queue `pushes`.
    pub pushes_queue_url: String,
    /// URL of the queue `deliveries`.
    pub deliveries_queue_url: String,
}

impl DispatchConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Names the first variable that is missing.
    pub fn from_env() -> Result<Self, Missing> {
        Ok(Self {
            table: required("CROSSDOCK_TABLE")?,
            pulls_queue_url: required("CROSSDOCK_PULLS_QUEUE_URL")?,
            pushes_queue_url: required("CROSSDOCK_PUSHES_QUEUE_URL")?,
            deliveries_queue_url: required("CROSSDOCK_DELIVERIES_QUEUE_URL")?,
        })
    }
}

/// What `sftp-pull` needs.
#[derive(Clone, Debug)]
pub struct PullConfig {
    /// Name of the table.
    pub table: String,
    /// Name of the bucket.
    pub bucket: String,
    /// URL of the queue `deliveries`.
    pub deliveries_queue_url: String,
    /// Memory of the function, in MiB, as Lambda says.
    pub memory_mib: u64,
}

impl PullConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Names the first variable that is missing.
    pub fn from_env() -> Result<Self, Missing> {
        Ok(Self {
            table: required("CROSSDOCK_TABLE")?,
            bucket: required("CROSSDOCK_BUCKET")?,
            deliveries_queue_url: required("CROSSDOCK_DELIVERIES_QUEUE_URL")?,
            memory_mib: required(MEMORY)?.parse().map_err(|_| Missing(MEMORY))?,
        })
    }
}

/// What `sftp-push` needs.
#[derive(Clone, Debug)]
pub struct PushConfig {
    /// Name of the table.
    pub table: String,
    /// Name of the bucket.
    pub bucket: String,
}

impl PushConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Names the first variable that is missing.
    pub fn from_env() -> Result<Self, Missing> {
        Ok(Self { table: required("CROSSDOCK_TABLE")?, bucket: required("CROSSDOCK_BUCKET")? })
    }
}

/// What `deliver` needs.
#[derive(Clone, Debug)]
pub struct DeliverConfig {
    /// Name of the table.
    pub table: String,
    /// Name of the bucket.
    pub bucket: String,
    /// URL of the queue `pulls`.
    pub pulls_queue_url: String,
    /// URL of the queue `pushes`.
    pub pushes_queue_url: String,
    /// URL of the queue `deliveries`.
    pub deliveries_queue_url: String,
}

impl DeliverConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Names the first variable that is missing.
    pub fn from_env() -> Result<Self, Missing> {
        Ok(Self {
            table: required("CROSSDOCK_TABLE")?,
            bucket: required("CROSSDOCK_BUCKET")?,
            pulls_queue_url: required("CROSSDOCK_PULLS_QUEUE_URL")?,
            pushes_queue_url: required("CROSSDOCK_PUSHES_QUEUE_URL")?,
            deliveries_queue_url: required("CROSSDOCK_DELIVERIES_QUEUE_URL")?,
        })
    }
}

/// What `intake` needs.
#[derive(Clone, Debug)]
pub struct IntakeConfig {
    /// Name of the table.
    pub table: String,
    /// Name of the bucket.
    pub bucket: String,
    /// URL of the queue `deliveries`.
    pub deliveries_queue_url: String,
}

impl IntakeConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Names the first variable that is missing.
    pub fn from_env() -> Result<Self, Missing> {
        Ok(Self {
            table: required("CROSSDOCK_TABLE")?,
            bucket: required("CROSSDOCK_BUCKET")?,
            deliveries_queue_url: required("CROSSDOCK_DELIVERIES_QUEUE_URL")?,
        })
    }
}

/// What `api` needs.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// Name of the table.
    pub table: String,
    /// Name of the bucket.
    pub bucket: String,
    /// URL of the queue `pulls`.
    pub pulls_queue_url: String,
    /// URL of the queue `pushes`.
    pub pushes_queue_url: String,
    /// URL of the queue `deliveries`.
    pub deliveries_queue_url: String,
    /// ARN of the KMS key that protects accounts' data keys.
    pub key_arn: String,
}

impl ApiConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Names the first variable that is missing.
    pub fn from_env() -> Result<Self, Missing> {
        Ok(Self {
            table: required("CROSSDOCK_TABLE")?,
            bucket: required("CROSSDOCK_BUCKET")?,
            pulls_queue_url: required("CROSSDOCK_PULLS_QUEUE_URL")?,
            pushes_queue_url: required("CROSSDOCK_PUSHES_QUEUE_URL")?,
            deliveries_queue_url: required("CROSSDOCK_DELIVERIES_QUEUE_URL")?,
            key_arn: required("CROSSDOCK_KEY_ARN")?,
        })
    }
}

/// What `dead-letter` needs.
#[derive(Clone, Debug)]
pub struct DeadLetterConfig {
    /// Name of the table.
    pub table: String,
    /// Name of the bucket.
    pub bucket: String,
    /// URL of the queue `pulls`.
    pub pulls_queue_url: String,
}

impl DeadLetterConfig {
    /// Reads it.
    ///
    /// # Errors
    /// Names the first variable that is missing.
    pub fn from_env() -> Result<Self, Missing> {
        Ok(Self {
            table: required("CROSSDOCK_TABLE")?,
            bucket: required("CROSSDOCK_BUCKET")?,
            pulls_queue_url: required("CROSSDOCK_PULLS_QUEUE_URL")?,
        })
    }
}
