//! Why a notification is not taken, and what its sender is told: no more than helps them.

use shared::{
    aws::AwsError,
    problem::Problem,
    source::{PlaceError, Refused},
};

/// Most bytes of a body: what Lambda takes of a request, less its envelope and what base64 adds to it.
pub(crate) const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

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
    /// The body is over the limit.
    #[error("a body may have {MAX_BODY_BYTES} bytes at most")]
    TooLarge,
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
            Self::TooLarge => "too_large",
            Self::EventId(_) | Self::NoEventId(_) => "no_event_id",
            Self::EventType(_) => "unusable_type",
            Self::Conflict => "conflict",
            Self::Batch(_) => "invalid_batch",
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
            Self::Conflict => 409,
            Self::Unwritable => 500,
            Self::Unavailable(_) => 503,
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
