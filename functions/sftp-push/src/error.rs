//! Why work on a push stops before its end.

use shared::{
    aws::AwsError,
    run::{Failure, Origin},
    sftp::SftpError,
};

/// Why work stops.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The push fails: the server, the settings or the open batch's name are at fault, and a report says so. What waits
    /// goes on waiting.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// The hub itself could not go on; it is tried again.
    #[error(transparent)]
    Hub(#[from] AwsError),
    /// Every connection to the server is in use; it is tried again a little later.
    #[error("{0}")]
    Busy(String),
    /// The invocation's time is over; the next holder goes on.
    #[error("{0} did not get done in the time that was left")]
    OutOfTime(String),
}

impl Stop {
    /// The settings are at fault.
    pub(crate) fn settings(code: &str, why: &str) -> Self {
        Self::Failed(Failure::new(Origin::Settings, code, why, false))
    }

    /// A task was cancelled or panicked.
    pub(crate) fn task(error: tokio::task::JoinError) -> Self {
        let why = format!("a task ended without a result: {error}");
        Self::Failed(Failure::new(Origin::Hub, "broken", why, true))
    }
}

impl From<SftpError> for Stop {
    fn from(error: SftpError) -> Self {
        match error {
            SftpError::OutOfTime { what } => Self::OutOfTime(what),
            error => {
                let (code, retryable) = (error.code(), error.is_retryable());
                Self::Failed(Failure::new(Origin::Target, code, error.to_string(), retryable))
            }
        }
    }
}
