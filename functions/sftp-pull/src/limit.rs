//! The time that an invocation has: work stops before it is over, in a state from which the next holder goes on.
//!
//! All of it follows from the time that was given, so that a function with a lower timeout behaves the same.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use shared::{
    run::{Failure, Origin, Run},
    sftp::Patience,
};

use crate::error::Stop;

/// Bounds of the time that is kept for writing down where work stands, a ninth of what was given. The longest call
/// to S3 takes 90 s with its retries.
const RESERVE: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(3), SignedDuration::from_secs(100));

/// Bounds of the wait for one answer of an SFTP server, a thirtieth of what was given.
const CALL: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(2), SignedDuration::from_secs(30));

/// After this many holders in a row that ran out of time without getting the run further, it does not go on.
const MOST_IN_VAIN: u64 = 3;

/// The time of one invocation, and how far the run was at its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    clock: fn() -> Timestamp,
    deadline: Timestamp,
    given: SignedDuration,
    files_before: usize,
    parts_before: u32,
    complete_before: bool,
}

impl Limit {
    /// Takes the time that is left at the beginning of work on a run.
    pub(crate) fn new(clock: fn() -> Timestamp, deadline: Timestamp, run: &Run) -> Self {
        let given = deadline.duration_since(clock()).max(SignedDuration::ZERO);
        let (files_before, complete_before) = (run.inputs.len(), run.inputs_complete);
        Self { clock, deadline, given, files_before, parts_before: parts(run), complete_before }
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

    /// Says whether work has to stop now.
    pub(crate) fn is_over(&self) -> bool {
        self.left() <= SignedDuration::ZERO
    }

    /// Says whether something may be begun that takes at least this long.
    pub(crate) fn has(&self, wait: SignedDuration) -> bool {
        self.left() > wait
    }

    /// Says whether another file may be begun in this invocation.
    pub(crate) fn has_time_for_a_file(&self) -> bool {
        self.has(self.reserve())
    }

    /// How long an SFTP server is waited for.
    pub(crate) fn patience(&self) -> Patience {
        let std = |d: SignedDuration| Duration::try_from(d).unwrap_or_default();
        let call = std((self.given / 30).clamp(CALL.0, CALL.1));
        Patience { call, until: Instant::now() + std(self.left()) }
    }

    /// Says whether this invocation got the run further, so that the next one has less to do.
    pub(crate) fn has_progress(&self, run: &Run) -> bool {
        run.inputs.len() > self.files_before
            || parts(run) > self.parts_before
            || run.inputs_complete != self.complete_before
    }

    /// Says whether enough holders in a row have run out of time in vain, this one included.
    pub(crate) fn was_in_vain(&self, run: &Run) -> bool {
        !self.has_progress(run) && run.epoch - run.progress_epoch >= MOST_IN_VAIN
    }

    /// What follows when time is over: the next holder goes on, or the run fails with what did not get done.
    pub(crate) fn decide(&self, run: &Run, origin: Origin, what: &str) -> Stop {
        if !self.was_in_vain(run) {
            return Stop::Again;
        }
        let message = format!(
            "{what} did not get done within the {:.0} s of one invocation, {MOST_IN_VAIN} times in a row",
            self.given.as_secs_f64()
        );
        Stop::Failed(Failure::new(origin, "out_of_time", message, true))
    }
}

fn parts(run: &Run) -> u32 {
    run.partial_input.as_ref().map_or(0, |partial| partial.parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::run::Trigger;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn limit(secs: i64, run: &Run) -> Limit {
        Limit::new(|| START, START + SignedDuration::from_secs(secs), run)
    }

    fn run() -> Run {
        Run::queued("run_1".into(), "a", "c", Trigger::Manual, START)
    }

    #[test]
    fn what_is_kept_and_how_long_is_waited_follow_the_time_that_was_given() {
        for (given, reserve, call) in [(900, 100, 30), (180, 20, 6), (9, 3, 2), (3, 3, 2)] {
            let limit = limit(given, &run());
            assert_eq!(limit.reserve(), SignedDuration::from_secs(reserve), "{given}");
            assert_eq!(limit.patience().call, Duration::from_secs(call), "{given}");
        }
        assert!(limit(3, &run()).is_over());
        assert!(limit(4, &run()).has(SignedDuration::ZERO));
    }

    #[test]
    fn the_third_holder_in_a_row_that_gets_nothing_done_fails_the_run() {
        let mut run = run();
        for epoch in 1..=3 {
            run.epoch = epoch;
            let stop = limit(9, &run).decide(&run, Origin::Source, "reading");
            assert_eq!(matches!(stop, Stop::Failed(_)), epoch == 3, "{epoch}");
        }
        let before = limit(9, &run);
        run.inputs_complete = true;
        assert!(matches!(before.decide(&run, Origin::Source, "reading"), Stop::Again));
    }
}
