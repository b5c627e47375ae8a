//! What becomes of a schedule whose time has come, and of the times that passed meanwhile.
//!
//! Normally that is one time, a moment ago. `dispatch` may also come late: because it was down, or because
//! more was due than it could take at once. A time that it reaches within [`LATE_AFTER`] runs as if nothing
//! had been, and so does each one after it: being busy makes no time missed. Only a time that is reached
//! later than that opens a gap, which takes in everything up to now and leaves one MISSED row. So a
//! schedule that is due every minute does not start an hour of runs at once.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Times;
use crate::run::Missed;

/// A due time that is claimed later than this is missed, or is run late as [`CatchUp`] says.
///
/// `dispatch` looks every minute, so times are some seconds late on an ordinary day. 15 minutes are enough for a
/// million schedules that are due in one minute, by the simulation of `make bench AREA=dispatch`, and shorter than
/// an outage that somebody should learn of.
pub const LATE_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// Counting missed times stops here, and the row says "at least": a schedule of every minute passes this many
/// in 17 hours, and a tick must not be spent on counting.
pub const MISSED_COUNTED_AT_MOST: u64 = 1_000;

/// What is done about due times that were missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// One run is started for the last of them; the earlier ones become a MISSED row.
    #[default]
    RunOnce,
    /// All of them become a MISSED row, and the next time is awaited.
    Skip,
}

/// What a tick does about a schedule whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The due time for which a run is started, if for any.
    pub run: Option<Timestamp>,
    /// The due times that are missed, if any.
    pub missed: Option<Missed>,
    /// When the schedule is due next; it may be due already, by at most [`LATE_AFTER`].
    pub next: Option<Timestamp>,
}

/// Decides about a schedule that is due at `due`, `now` or before.
pub fn claim(times: &Times, catch_up: CatchUp, due: Timestamp, now: Timestamp) -> Claim {
    let late = |time: Timestamp| now.duration_since(time) > LATE_AFTER;
    let next_after = |time| times.next_after(time).map(|o| o.at);
    if !late(due) {
        return Claim { run: Some(due), missed: None, next: next_after(due) };
    }
    let gap = Gap::from(times, due, now);
    // A gap ends with a time that can still run, if there is one.
    let run = (catch_up == CatchUp::RunOnce || !late(gap.last)).then_some(gap.last);
    let missed = match (run, gap.before_last) {
        (Some(_), None) => None,
        (Some(_), Some(last)) => Some((last, gap.count - 1)),
        (None, _) => Some((gap.last, gap.count)),
    };
    let missed = missed.map(|(last, count)| Missed {
        first: due,
        last,
        count: count.min(MISSED_COUNTED_AT_MOST),
        at_least: gap.more || count > MISSED_COUNTED_AT_MOST,
    });
    Claim { run, missed, next: next_after(now) }
}

/// The due times from one that is late up to now.
struct Gap {
    /// The last but one, if there are two.
    before_last: Option<Timestamp>,
    last: Timestamp,
    count: u64,
    /// Whether there are more than were counted.
    more: bool,
}

impl Gap {
    fn from(times: &Times, first: Timestamp, now: Timestamp) -> Self {
        let mut gap = Self { before_last: None, last: first, count: 1, more: false };
        while let Some(next) = times.next_after(gap.last).map(|o| o.at).filter(|at| *at <= now) {
            if gap.count > MISSED_COUNTED_AT_MOST {
                let last = times.last_until(gap.last, now).unwrap_or(next);
                let before = last.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(last);
                let before_last = times.last_until(gap.last, before).unwrap_or(gap.last);
                return Self { before_last: Some(before_last), last, count: gap.count, more: true };
            }
            gap = Self { before_last: Some(gap.last), last: next, count: gap.count + 1, more: false };
        }
        gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Cron;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn times(cron: &str, zone: &str) -> Times {
        Times::Cron(Box::new(Cron::parse(cron, TimeZone::get(zone).unwrap()).unwrap()))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// `run RUN; missed FIRST..LAST xCOUNT; next NEXT`, each time without the date of 2026-06-0.
    fn decided(cron: &str, catch_up: CatchUp, due: &str, now: &str) -> String {
        let claim = claim(&times(cron, "UTC"), catch_up, at(due), at(now));
        let short = |t: Timestamp| t.to_string().replace("2026-06-0", "").replace(":00Z", "");
        let time = |t: Option<Timestamp>| t.map_or("-".into(), short);
        let missed = claim.missed.map_or("-".into(), |m| {
            let more = if m.at_least { "+" } else { "" };
            format!("{}..{} x{}{more}", short(m.first), short(m.last), m.count)
        });
        format!("run {}; missed {missed}; next {}", time(claim.run), time(claim.next))
    }

    #[test]
    fn a_gap_becomes_one_row_and_at_most_one_run() {
        use CatchUp::{RunOnce, Skip};
        const HOURLY: &str = "0 * * * ? *";
        const MINUTE: &str = "* * * * ? *";
        for (cron, catch_up, due, now, expected) in [
            // On time, and late by no more than a backlog makes it.
            (
                HOURLY,
                RunOnce,
                "2026-06-01T06:00:00Z",
                "2026-06-01T06:00:02Z",
                "run 1T06:00; missed -; next 1T07:00",
            ),
            (
                HOURLY,
                Skip,
                "2026-06-01T06:00:00Z",
                "2026-06-01T06:15:00Z",
                "run 1T06:00; missed -; next 1T07:00",
            ),
            // One time in the gap.
            (
                HOURLY,
                RunOnce,
                "2026-06-01T06:00:00Z",
                "2026-06-01T06:15:01Z",
                "run 1T06:00; missed -; next 1T07:00",
            ),
            (
                HOURLY,
                Skip,
                "2026-06-01T06:00:00Z",
                "2026-06-01T06:15:01Z",
                "run -; missed 1T06:00..1T06:00 x1; next 1T07:00",
            ),
            // Several.
            (
                HOURLY,
                RunOnce,
                "2026-06-01T06:00:00Z",
                "2026-06-01T09:20:00Z",
                "run 1T09:00; missed 1T06:00..1T08:00 x3; next 1T10:00",
            ),
            (
                HOURLY,
                Skip,
                "2026-06-01T06:00:00Z",
                "2026-06-01T09:20:00Z",
                "run -; missed 1T06:00..1T09:00 x4; next 1T10:00",
            ),
            // The last one is on time: it runs whatever the policy.
            (
                HOURLY,
                Skip,
                "2026-06-01T06:00:00Z",
                "2026-06-01T09:00:20Z",
                "run 1T09:00; missed 1T06:00..1T08:00 x3; next 1T10:00",
            ),
            // Every minute, after a night: no more than one run.
            (
                MINUTE,
                RunOnce,
                "2026-06-01T00:00:00Z",
                "2026-06-01T07:00:30Z",
                "run 1T07:00; missed 1T00:00..1T06:59 x420; next 1T07:01",
            ),
            (
                MINUTE,
                Skip,
                "2026-06-01T00:00:00Z",
                "2026-06-01T07:00:30Z",
                "run 1T07:00; missed 1T00:00..1T06:59 x420; next 1T07:01",
            ),
            // A backlog of some minutes: each time is still claimed by itself.
            (
                MINUTE,
                RunOnce,
                "2026-06-01T00:00:00Z",
                "2026-06-01T00:05:30Z",
                "run 1T00:00; missed -; next 1T00:01",
            ),
            // The bound itself, one above it, and a week.
            (
                MINUTE,
                RunOnce,
                "2026-06-01T00:00:00Z",
                "2026-06-01T16:40:30Z",
                "run 1T16:40; missed 1T00:00..1T16:39 x1000; next 1T16:41",
            ),
            (
                MINUTE,
                RunOnce,
                "2026-06-01T00:00:00Z",
                "2026-06-01T16:41:30Z",
                "run 1T16:41; missed 1T00:00..1T16:40 x1000+; next 1T16:42",
            ),
            (
                MINUTE,
                RunOnce,
                "2026-06-01T00:00:00Z",
                "2026-06-08T00:00:30Z",
                "run 8T00:00; missed 1T00:00..7T23:59 x1000+; next 8T00:01",
            ),
            // Nothing comes after the last time.
            (
                "0 6 1 6 ? 2026",
                RunOnce,
                "2026-06-01T06:00:00Z",
                "2026-06-02T00:00:00Z",
                "run 1T06:00; missed -; next -",
            ),
            (
                "0 6 1 6 ? 2026",
                Skip,
                "2026-06-01T06:00:00Z",
                "2026-06-02T00:00:00Z",
                "run -; missed 1T06:00..1T06:00 x1; next -",
            ),
        ] {
            assert_eq!(decided(cron, catch_up, due, now), expected, "{cron} {catch_up:?} {due} {now}");
        }
    }

    proptest! {
        #[test]
        fn every_time_up_to_now_is_run_missed_or_next(
            cron in prop::sample::select(vec!["* * * * ? *", "0/7 * * * ? *", "30 2 * * ? *", "0 0/5 ? * MON-FRI *"]),
            zone in prop::sample::select(vec!["Europe/Oslo", "Australia/Lord_Howe", "America/Santiago"]),
            catch_up in prop::sample::select(vec![CatchUp::RunOnce, CatchUp::Skip]),
            start in 1_780_000_000i64..1_800_000_000, down_secs in 0i64..90_000,
        ) {
            let times = times(cron, zone);
            let due = times.next_after(Timestamp::from_second(start).unwrap()).unwrap().at;
            let now = due.saturating_add(SignedDuration::from_secs(down_secs)).unwrap();
            let claim = claim(&times, catch_up, due, now);
            // What stands for each time, walked one by one.
            let mut all = vec![due];
            while let Some(next) = times.next_after(*all.last().unwrap()).filter(|o| o.at <= now) {
                all.push(next.at);
            }
            let is_missed = |t: &Timestamp| claim.missed.as_ref().is_some_and(|m| (m.first..=m.last).contains(t));
            let is_next = |t: &Timestamp| claim.next.is_some_and(|next| *t >= next);
            for time in &all {
                let stands = [claim.run == Some(*time), is_missed(time), is_next(time)];
                prop_assert_eq!(stands.iter().filter(|s| **s).count(), 1, "{} {:?}", time, claim);
            }
            if let Some(missed) = &claim.missed {
                let count = all.iter().filter(|t| is_missed(t)).count() as u64;
                prop_assert!(missed.count == count || (missed.at_least && missed.count == 1_000 && count > 1_000), "{} {:?}", count, missed);
                prop_assert!(down_secs > LATE_AFTER.as_secs());
            }
            prop_assert!(claim.next.is_none_or(|next| next > now || now.duration_since(next) <= LATE_AFTER));
        }
    }
}
