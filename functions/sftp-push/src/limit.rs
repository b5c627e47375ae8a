//! The time that an invocation has: work stops before it is over, in a state from which the next holder goes on.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use shared::sftp::Patience;

/// Bounds of the time that is kept for writing down where work stands, a ninth of what was given.
const RESERVE: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(3), SignedDuration::from_secs(100));

/// Bounds of the wait for one answer of an SFTP server, a thirtieth of what was given.
const CALL: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(2), SignedDuration::from_secs(30));

/// The time of one invocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    clock: fn() -> Timestamp,
    deadline: Timestamp,
    given: SignedDuration,
}

impl Limit {
    /// Takes the time that is left at the beginning.
    pub(crate) fn new(clock: fn() -> Timestamp, deadline: Timestamp) -> Self {
        let given = deadline.duration_since(clock()).max(SignedDuration::ZERO);
        Self { clock, deadline, given }
    }

    fn reserve(&self) -> SignedDuration {
        (self.given / 9).clamp(RESERVE.0, RESERVE.1)
    }

    fn left(&self) -> SignedDuration {
        self.deadline.duration_since((self.clock)()) - self.reserve()
    }

    /// Until when what this invocation takes from others may be held.
    pub(crate) fn held_until(&self) -> Timestamp {
        self.deadline.saturating_add(SignedDuration::from_secs(60)).unwrap_or(Timestamp::MAX)
    }

    /// Says whether another file may be begun.
    pub(crate) fn has_time(&self) -> bool {
        self.left() > self.reserve()
    }

    /// How long an SFTP server is waited for.
    pub(crate) fn patience(&self) -> Patience {
        let std = |d: SignedDuration| Duration::try_from(d).unwrap_or_default();
        let call = std((self.given / 30).clamp(CALL.0, CALL.1));
        Patience { call, until: Instant::now() + std(self.left()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_and_how_long_is_waited_follow_the_time_that_was_given() {
        for (given, reserve, call, has_time) in [(900, 100, 30, true), (9, 3, 2, true), (5, 3, 2, false)] {
            let start = Timestamp::UNIX_EPOCH;
            let limit = Limit::new(|| Timestamp::UNIX_EPOCH, start + SignedDuration::from_secs(given));
            assert_eq!(limit.reserve(), SignedDuration::from_secs(reserve), "{given}");
            assert_eq!(limit.patience().call, Duration::from_secs(call), "{given}");
            assert_eq!(limit.has_time(), has_time, "{given}");
        }
    }
}
