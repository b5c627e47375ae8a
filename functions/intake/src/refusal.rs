//! Why a notification is not taken, and what its sender is told: no more than helps them.

use shared::{
    aws::AwsError,
    notification::MOST_WHOLE_BYTES,
    problem::Problem,
    source::{PlaceError, Refused},
};

/// Why a notification is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is no such source.
    #[error("there is no such source")]
    NoSuchSource,
    /// Not a POST.
    #[error("a notification is posted: use POST")]
    Method,
    /// The sender did not prove who they are.
    #[error(transparent)]
    Unverified(#[from] Refused),
    /// The source is switched off.
    #[error("this source takes no notifications at present")]
    Disabled,
    /// More come than the source takes.
    #[error(
        "this source takes no more than {per_second} notifications a second; send it again after {wait_secs} s"
    )]
    TooMany {
        /// What it takes.
        per_second: u32,
        /// When it takes the next one, seconds from now.
        wait_secs: i64,
    },
    /// The body is over the limit.
    #[error("a body may have {MOST_WHOLE_BYTES} bytes at most; upload a larger payload (POST …/uploads)")]
    TooLarge,
    /// What is said of an upload cannot be used.
    #[error("{0}")]
    Upload(String),
    /// The payload is not there.
    #[error(
        "there is no upload {0}, or not of the bytes that it was announced with; upload it (POST …/uploads)"
    )]
    NoUpload(String),
    /// The event has no usable id.
    #[error("the event's id: {0}")]
    EventId(PlaceError),
    /// There is none.
    #[error("the event has no id where this source has it: {0}")]
    NoEventId(String),
    /// The event's type cannot be used.
    #[error("the event's type: {0}")]
    EventType(PlaceError),
    /// The same id came before, with another payload.
    #[error("an event with this id was taken before, with another payload; nothing of this one was taken")]
    Conflict,
    /// The body of a batch is no batch.
    #[error("{0}")]
    Batch(String),
    /// It was taken, and the answer cannot be written: a repeat is answered.
    #[error("the hub could not answer; its log says why")]
    Unwritable,
    /// The hub cannot take it just now.
    #[error("the hub cannot take it just now; send it again")]
    Unavailable(#[source] AwsError),
}

impl Refusal {
    /// A stable word.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NoSuchSource => "not_found",
            Self::Method => "method_not_allowed",
            Self::Unverified(_) => "unverified",
            Self::Disabled => "source_disabled",
            Self::TooMany { .. } => "too_many",
            Self::TooLarge => "too_large",
            Self::EventId(_) | Self::NoEventId(_) => "no_event_id",
            Self::EventType(_) => "unusable_type",
            Self::Conflict => "conflict",
            Self::Batch(_) => "invalid_batch",
            Self::Upload(_) => "invalid_upload",
            Self::NoUpload(_) => "no_upload",
            Self::Unwritable => "internal",
            Self::Unavailable(_) => "unavailable",
        }
    }

    fn status(&self) -> u16 {
        match self {
            Self::NoSuchSource => 404,
            Self::Method => 405,
            Self::Unverified(_) => 401,
            Self::Disabled => 403,
            Self::TooLarge => 413,
            Self::EventId(_) | Self::NoEventId(_) | Self::EventType(_) | Self::Batch(_) => 422,
            Self::Upload(_) | Self::NoUpload(_) => 422,
            Self::Conflict => 409,
            Self::TooMany { .. } => 429,
            Self::Unwritable => 500,
            Self::Unavailable(_) => 503,
        }
    }

    /// After how many seconds it may be sent again as it is.
    pub(crate) fn retry_after_secs(&self) -> Option<i64> {
        match self {
            Self::TooMany { wait_secs, .. } => Some(*wait_secs),
            Self::Unavailable(_) => Some(5),
            _ => None,
        }
    }

    /// What the sender is told.
    pub(crate) fn into_problem(self) -> Problem {
        if let Self::Unavailable(error) = &self {
            tracing::error!(error = shared::chain(error), "a notification could not be taken");
        }
        Problem::new(self.status(), self.reason(), self.to_string())
    }
}
