//! Schedules that wait for `dispatch`, minute by minute, what has been due longest first.
//!
//! Late times are decided by the same rule as in `shared::schedule::claim`; a test holds the two together.

use std::{collections::BTreeMap, fmt};

use shared::schedule::LATE_AFTER;

use super::model::Model;

/// Schedules that are due together, and again every so many seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cohort {
    pub due: u64,
    pub schedules: u64,
    pub every: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drained {
    /// From the first due time, or from when `dispatch` was there again, until the last was claimed.
    pub seconds: f64,
    /// How late the last of them was claimed, in seconds after its due time.
    pub latest: f64,
    pub runs: u64,
    pub missed_rows: u64,
    pub missed_times: u64,
    pub ticks: u64,
    pub busy_seconds: f64,
}

/// Lets ticks come every minute, from `from` seconds on, until every schedule that was due at the first of them has
/// been claimed and nothing is due. Times that come meanwhile are claimed too.
pub(super) fn drain(model: &Model, cohorts: Vec<Cohort>, from: u64) -> Drained {
    let mut waiting: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for cohort in cohorts.into_iter().filter(|c| c.schedules > 0) {
        *waiting.entry((cohort.due, cohort.every)).or_default() += cohort.schedules;
    }
    let (rate, mut drained) = (model.claims_a_second(), Drained::default());
    let mut tick = from;
    // A day of ticks is enough for anything that drains at all.
    for _ in 0..1_440 {
        let mut left = rate * model.seconds_a_tick();
        let mut now = tick as f64;
        drained.ticks += 1;
        while left >= 1.0 {
            let Some((&(due, every), &schedules)) = waiting.iter().next() else { break };
            if due as f64 > now {
                break;
            }
            let taken = schedules.min(left as u64);
            let begun = now;
            now += taken as f64 / rate;
            left -= taken as f64;
            drained.busy_seconds += now - begun;
            claim(&mut drained, &mut waiting, (due, every), taken, now);
            drained.seconds = now - from as f64;
        }
        if waiting.keys().all(|(due, _)| *due > tick) {
            break;
        }
        tick += 60;
    }
    drained
}

/// Claims some schedules of a cohort at `now`: each time by itself, or all that passed as a gap.
fn claim(
    drained: &mut Drained,
    waiting: &mut BTreeMap<(u64, u64), u64>,
    (due, every): (u64, u64),
    taken: u64,
    now: f64,
) {
    let lateness = now - due as f64;
    drained.latest = drained.latest.max(lateness);
    drained.runs += taken;
    let passed = if lateness > LATE_AFTER.as_secs_f64() { (lateness as u64) / every } else { 0 };
    if passed > 0 {
        drained.missed_rows += taken;
        drained.missed_times += taken * passed;
    }
    if let Some(schedules) = waiting.get_mut(&(due, every)) {
        *schedules -= taken;
        if *schedules == 0 {
            waiting.remove(&(due, every));
        }
    }
    *waiting.entry((due + (passed + 1) * every, every)).or_default() += taken;
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} runs and {} MISSED rows (for {} times) in {:.0} s and {} ticks, the latest {:.0} s late",
            self.runs, self.missed_rows, self.missed_times, self.seconds, self.ticks, self.latest
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::schedule::{CatchUp, Cron, Times};

    #[test]
    fn a_late_cohort_is_claimed_as_dispatch_claims_it() {
        let times = Times::Cron(Box::new(Cron::parse("0/15 * * * ? *", jiff::tz::TimeZone::UTC).unwrap()));
        for late in [0, 600, 900, 901, 1_800, 3_600, 4_000] {
            let (mut drained, mut waiting) = (Drained::default(), BTreeMap::from([((0, 900), 1)]));
            claim(&mut drained, &mut waiting, (0, 900), 1, late as f64);
            let at = |s: u64| jiff::Timestamp::from_second(s as i64).unwrap();
            let real = shared::schedule::claim(&times, CatchUp::RunOnce, at(0), at(late));
            assert_eq!(drained.missed_times, real.missed.map_or(0, |m| m.count), "{late}");
            assert_eq!(waiting.keys().map(|(due, _)| at(*due)).next(), real.next, "{late}");
        }
    }

    #[test]
    fn what_is_late_by_a_backlog_alone_is_run_and_not_missed() {
        let model = Model { cpu_us: 10_000.0, table_write_units: 40_000.0 };
        let drained = drain(&model, vec![Cohort { due: 0, schedules: 10_000, every: 86_400 }], 0);
        assert_eq!((drained.runs, drained.missed_rows), (10_000, 0));
        assert!(drained.seconds > 60.0 && drained.ticks > 1, "{drained:?}");
    }
}
