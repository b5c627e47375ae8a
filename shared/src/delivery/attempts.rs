//! The customer's schedule: when a batch is tried again, and until when. The infrastructure's redelivery is another
//! matter, and counts here for nothing.

use jiff::{SignedDuration, Timestamp};

use super::DeathCause;

/// The customer's schedule for one batch: when it is tried again, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Attempts<'a> {
    /// Seconds between attempts.
    pub retry_secs: &'a [u32],
    /// After this the run ends with what was delivered.
    pub until: Timestamp,
}

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt, at this time.
    At(Timestamp),
    /// None.
    Never(DeathCause),
}

/// Seconds between attempts where a target states none: 5 s, 5 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
///
/// Source: the Standard Webhooks specification's schedule.
pub const DEFAULT_RETRY_SECS: &[u32] = &[5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// How long before the schedule's next time but one a run ends, so that it is out of the way by then.
const ROOM: SignedDuration = SignedDuration::from_mins(1);

/// How long a target is tried at least: with a schedule of every minute, a target that is away for a moment would
/// otherwise cost a file.
const LEAST: SignedDuration = SignedDuration::from_mins(15);

impl Attempts<'_> {
    /// What follows after `made` attempts, the last of which failed at `now`.
    ///
    /// `jitter` in 0..=1 moves the schedule's wait within ±20%, so that what failed together does not come
    /// back together. The target's `Retry-After` makes the wait longer, never shorter. The last attempt is made
    /// at `until` where the schedule would go beyond it; a target that asks to wait beyond it gets no more.
    pub fn next(&self, made: u32, retry_after: Option<Timestamp>, jitter: f64, now: Timestamp) -> Next {
        let wait = usize::try_from(made).ok().and_then(|n| self.retry_secs.get(n.checked_sub(1)?));
        let Some(wait) = wait else { return Next::Never(DeathCause::Undeliverable) };
        let factor = 0.8 + 0.4 * jitter.clamp(0.0, 1.0);
        let wait = SignedDuration::from_millis((f64::from(*wait) * 1000.0 * factor) as i64);
        let planned = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
        if now >= self.until || retry_after.is_some_and(|t| t > self.until) {
            return Next::Never(DeathCause::Expired);
        }
        Next::At(planned.max(retry_after.unwrap_or(planned)).min(self.until))
    }
}

/// Until when the batches of a run are tried that is released at `now`.
///
/// `upcoming` are the next times of its schedule. The run may last over the next one, which is then skipped, and
/// is out of the way before the one after that; but it has a quarter of an hour in any case.
pub fn deliver_until(
    deliver_for_secs: Option<u32>,
    upcoming: &[Timestamp],
    now: Timestamp,
) -> Option<Timestamp> {
    if let Some(secs) = deliver_for_secs {
        return now.checked_add(SignedDuration::from_secs(secs.into())).ok();
    }
    let before = upcoming.get(1)?.checked_sub(ROOM).ok()?;
    Some(before.max(now.checked_add(LEAST).ok()?))
}

/// How long to wait after the hub itself failed for the `n`th time in a row, in seconds: 30 s, doubled up to an hour.
pub fn hub_wait_secs(n: u32) -> i64 {
    30 * 2i64.pow(n.clamp(1, 8) - 1).min(120)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(secs).unwrap()
    }

    #[test]
    fn waits_follow_the_schedule_within_a_fifth_and_end() {
        let attempts = Attempts { retry_secs: &[1, 10], until: at(1_000_000) };
        let next = |made, jitter| attempts.next(made, None, jitter, NOW);
        assert_eq!(next(1, 0.5), Next::At(at(1)));
        assert_eq!(next(2, 0.0), Next::At(at(8)));
        assert_eq!(next(2, 1.0), Next::At(at(12)));
        assert_eq!(next(3, 0.5), Next::Never(DeathCause::Undeliverable));
        assert_eq!(next(0, 0.5), Next::Never(DeathCause::Undeliverable));
    }

    #[test]
    fn retry_after_makes_a_wait_longer_and_never_shorter() {
        let attempts = Attempts { retry_secs: &[10], until: at(100) };
        assert_eq!(attempts.next(1, Some(at(50)), 0.5, NOW), Next::At(at(50)));
        assert_eq!(attempts.next(1, Some(at(2)), 0.5, NOW), Next::At(at(10)));
        assert_eq!(attempts.next(1, Some(at(101)), 0.5, NOW), Next::Never(DeathCause::Expired));
    }

    #[test]
    fn the_last_attempt_is_made_at_the_end_of_the_runs_time() {
        let attempts = Attempts { retry_secs: &[10, 1000, 1000], until: at(100) };
        assert_eq!(attempts.next(1, None, 0.5, NOW), Next::At(at(10)));
        assert_eq!(attempts.next(2, None, 0.5, NOW), Next::At(at(100)));
        assert_eq!(attempts.next(3, None, 0.5, at(100)), Next::Never(DeathCause::Expired));
    }

    #[test]
    fn a_run_ends_before_the_schedules_next_time_but_one() {
        let daily = [at(86_400), at(2 * 86_400)];
        assert_eq!(deliver_until(None, &daily, NOW), Some(at(2 * 86_400 - 60)));
        assert_eq!(deliver_until(Some(5), &daily, NOW), Some(at(5)));
        assert_eq!(deliver_until(None, &daily[..1], NOW), None);
        assert_eq!(deliver_until(None, &[], NOW), None);
        assert_eq!(
            deliver_until(None, &[at(60), at(120)], NOW),
            Some(at(900)),
            "a quarter of an hour at least"
        );
    }

    #[test]
    fn the_hubs_own_failures_wait_longer_and_longer() {
        assert_eq!([1, 2, 3, 8, 100].map(hub_wait_secs), [30, 60, 120, 3600, 3600]);
    }
}
