//! Why work on a run stops before its end.

use shared::{
    aws::AwsError,
    mapping::FileError,
    run::{Failure, Origin},
    sftp::SftpError,
};

/// Why work stops.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The run fails: the other side, the file or the settings are at fault, and a report says so.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// The hub itself could not go on; the run is tried again.
    #[error(transparent)]
    Hub(#[from] AwsError),
    /// The invocation's time is over while this was done; [`crate::limit::Limit::decide`] says what follows.
    #[error("{0} did not get done in the time that was left")]
    OutOfTime(String),
    /// The invocation's time is over; the run goes on where it stands.
    #[error("the function's time runs out")]
    Again,
    /// Everything that the run needs is in use by others; it is tried again a little later.
    #[error("{0}")]
    Busy(String),
    /// Something broke in the middle that may well hold the next time.
    #[error("{0}")]
    Broken(String),
}

/// What a read answers when the invocation's time is over.
#[derive(Debug, thiserror::Error)]
#[error("the function's time runs out")]
pub(crate) struct TimeIsOver;

impl Stop {
    /// Says whether work may go on from where it stands: the time is over, or the other side broke off.
    pub(crate) fn may_go_on(&self) -> bool {
        match self {
            Self::OutOfTime(_) => true,
            Self::Failed(failure) => failure.retryable,
            _ => false,
        }
    }

    /// The settings are at fault.
    pub(crate) fn settings(code: &str, why: &str) -> Self {
        Self::Failed(Failure::new(Origin::Settings, code, why, false))
    }

    /// A file's content, or what the mapping says of it, is at fault.
    pub(crate) fn file(path: &str, error: FileError) -> Self {
        // Opening it once more failed, within a read.
        let error = match error {
            FileError::Read(read) => match read.downcast::<Self>() {
                Ok(stop) => return stop,
                Err(read) => FileError::Read(read),
            },
            error => error,
        };
        if let FileError::Read(read) = &error
            && read.get_ref().is_some_and(|inner| inner.is::<TimeIsOver>())
        {
            return Self::OutOfTime(format!("mapping {path}"));
        }
        if error.is_retryable() {
            return Self::Broken(format!("{path}: {}", shared::chain(&error)));
        }
        Self::Failed(Failure::new(Origin::Mapping, error.code(), format!("{path}: {error}"), false))
    }

    /// A task was cancelled or panicked.
    pub(crate) fn task(error: tokio::task::JoinError) -> Self {
        Self::Broken(format!("a task ended without a result: {error}"))
    }
}

impl From<SftpError> for Stop {
    fn from(error: SftpError) -> Self {
        match error {
            SftpError::OutOfTime { what } => Self::OutOfTime(what),
            error => Self::Failed(Failure::new(
                Origin::Source,
                error.code(),
                error.to_string(),
                error.is_retryable(),
            )),
        }
    }
}
