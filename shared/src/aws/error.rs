//! What can go wrong with AWS, mapped once.

use aws_sdk_dynamodb::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::CancellationReason,
};

use super::table::Item;

/// A call to AWS that failed, or an answer that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The call failed after the SDK's own retries.
    #[error("{call} failed: {code}")]
    Call {
        /// Which call.
        call: &'static str,
        /// The service's error code, or what kind of failure it was.
        code: String,
        /// The SDK's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Stored data that cannot be read.
    #[error("{what} cannot be read: {detail}")]
    Damaged {
        /// What was read.
        what: String,
        /// How it is wrong.
        detail: String,
    },
    /// A conditional write that another holder won: this one has lost its lease.
    #[error("{0} is held by another invocation")]
    LostLease(String),
}

impl AwsError {
    /// Maps an SDK error of `call`.
    pub fn call<E, R>(call: &'static str) -> impl Fn(SdkError<E, R>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        move |error| {
            let code = match &error {
                SdkError::ServiceError(_) => error.code().unwrap_or("unknown").to_string(),
                SdkError::TimeoutError(_) => "timeout".into(),
                SdkError::DispatchFailure(_) => "no connection".into(),
                _ => "no usable answer".into(),
            };
            Self::Call { call, code, source: Box::new(error) }
        }
    }

    /// Says that stored data cannot be read.
    pub fn damaged(what: impl Into<String>, detail: impl std::fmt::Display) -> Self {
        Self::Damaged { what: what.into(), detail: detail.to_string() }
    }

    /// Whether the same call may go through later. Damaged data stays damaged.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Call { .. })
    }
}

/// The row on which a conditional put failed, where it asked for it.
pub(super) fn failed_on(error: &SdkError<PutItemError>) -> Option<Item> {
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(e)) => e.item().cloned(),
        _ => None,
    }
}

/// Says whether a conditional write failed on its condition.
pub(super) fn is_condition<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}

/// Why a transaction was cancelled, write by write.
pub(super) fn cancellation(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(e)) => e.cancellation_reasons(),
        _ => &[],
    }
}

/// For each write of a transaction, whether its condition failed.
pub(super) fn conditions(error: &SdkError<TransactWriteItemsError>) -> Vec<bool> {
    cancellation(error).iter().map(|r| r.code() == Some("ConditionalCheckFailed")).collect()
}
