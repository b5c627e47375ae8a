//! What an attempt with a notification comes to: a pure decision.

use jiff::Timestamp;
use shared::{
    delivery::{Attempts, DeathCause, Next},
    gate::GONE,
};

use crate::http::Answer;

/// Seconds between attempts where a target states none. The first wait is short: most failures are gone by then.
///
/// Source: the Standard Webhooks specification's schedule.
pub(crate) use shared::delivery::DEFAULT_RETRY_SECS;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The target's status, if it answered.
    pub(crate) status: Option<u16>,
    /// What is wrong; `None` where nothing is.
    pub(crate) error: Option<String>,
    /// When the target wants to be asked again, at the earliest.
    pub(crate) retry_after: Option<Timestamp>,
    /// Whether the target may have taken it although the attempt failed.
    pub(crate) may_have_arrived: bool,
    /// Beginning of the answer's body, for the account's own people.
    pub(crate) answer: String,
}

/// What becomes of the notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The target has it.
    Delivered,
    /// It is sent again.
    Again(Timestamp),
    /// A person decides.
    Park,
    /// The target wants no more of anything: it waits until a person has looked at the target.
    Disable,
    /// It is not sent any more.
    Die(DeathCause),
}

/// Most bytes of an answer's body that are kept.
const MOST_ANSWER_BYTES: usize = 4096;

impl Ended {
    /// How an attempt ended that was answered.
    pub(crate) fn answered(answer: &Answer) -> Self {
        let is_success = (200..300).contains(&answer.status);
        Self {
            status: Some(answer.status),
            error: (!is_success).then(|| format!("the target answered {}", answer.status)),
            retry_after: answer.retry_after,
            // A gateway in front of the target does not know what the target did.
            may_have_arrived: matches!(answer.status, 502 | 504),
            answer: excerpt(&answer.body),
        }
    }
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(MOST_ANSWER_BYTES)]).into_owned()
}

/// Decides after `made` attempts, the last of which ended so at `now`.
pub(crate) fn decide(
    ended: &Ended,
    attempts: Attempts<'_>,
    made: u32,
    parks: bool,
    jitter: f64,
    now: Timestamp,
) -> Decision {
    if ended.error.is_none() {
        return Decision::Delivered;
    }
    if ended.status == Some(GONE) {
        return Decision::Disable;
    }
    if ended.may_have_arrived && parks {
        return Decision::Park;
    }
    match attempts.next(made, ended.retry_after, jitter, now) {
        Next::At(due) => Decision::Again(due),
        Next::Never(cause) => Decision::Die(cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Ended {
        Ended::answered(&Answer { status, retry_after: None, body: b"x".to_vec() })
    }

    #[test]
    fn each_answer_has_its_consequence() {
        let now = Timestamp::UNIX_EPOCH;
        let until = Timestamp::from_second(1000).unwrap();
        let decide = |ended: &Ended, made, parks| {
            decide(ended, Attempts { retry_secs: &[10], until }, made, parks, 0.5, now)
        };
        let again = Decision::Again(Timestamp::from_second(10).unwrap());
        for status in [200, 201, 204, 299] {
            assert_eq!(decide(&answer(status), 1, true), Decision::Delivered, "{status}");
        }
        for status in [100, 300, 302, 400, 404, 429, 500, 503] {
            assert_eq!(decide(&answer(status), 1, true), again, "{status}");
            assert_eq!(
                decide(&answer(status), 2, true),
                Decision::Die(DeathCause::Undeliverable),
                "{status}"
            );
        }
        for status in [502, 504] {
            assert_eq!(decide(&answer(status), 1, true), Decision::Park);
            assert_eq!(decide(&answer(status), 1, false), again);
        }
        assert_eq!(decide(&answer(410), 1, false), Decision::Disable);
    }

    #[test]
    fn of_an_answers_body_4_kib_are_kept() {
        let body = "å".repeat(5000).into_bytes();
        let ended = Ended::answered(&Answer { status: 500, retry_after: None, body });
        assert!(ended.answer.len() <= MOST_ANSWER_BYTES);
    }
}
