//! Cron times and windows in five zones, in the nights in which their clocks change.
//!
//! The instants are not this crate's own: Python's `zoneinfo` (package tzdata 2026f) converted every minute of
//! UTC around each change into local time, and the first minute that showed the wanted time was taken, or the
//! first beyond it where none did.

use jiff::{Timestamp, ToSpan, civil::Weekday, tz::TimeZone};

use super::{Cron, LocalTime, Occurrence, Shift, Times, Window, window::Moments};

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn in_short(times: &[Occurrence]) -> Vec<String> {
    let mark = |o: &Occurrence| o.shift.map(|shift| format!(" {shift:?}")).unwrap_or_default();
    times.iter().map(|o| format!("{}{}", o.at, mark(o))).collect()
}

/// A night in which the clocks change: zone, hour and minute, an instant before the first of three times.
type Night = (&'static str, u32, u32, &'static str, [&'static str; 3]);

const NIGHTS: [Night; 11] = [
    // 02:00 → 03:00, and 03:00 → 02:00.
    (
        "Europe/Oslo",
        2,
        30,
        "2026-03-27T12:00:00Z",
        ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z AfterGap", "2026-03-30T00:30:00Z"],
    ),
    (
        "Europe/Oslo",
        2,
        30,
        "2026-10-23T12:00:00Z",
        ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z FirstOfTwo", "2026-10-26T01:30:00Z"],
    ),
    (
        "America/New_York",
        2,
        30,
        "2026-03-06T12:00:00Z",
        ["2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z AfterGap", "2026-03-09T06:30:00Z"],
    ),
    (
        "America/New_York",
        1,
        30,
        "2026-10-30T12:00:00Z",
        ["2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z FirstOfTwo", "2026-11-02T06:30:00Z"],
    ),
    // Half an hour: 02:00 → 02:30 in October, 02:00 → 01:30 in April.
    (
        "Australia/Lord_Howe",
        2,
        15,
        "2026-10-02T00:00:00Z",
        ["2026-10-02T15:45:00Z", "2026-10-03T15:30:00Z AfterGap", "2026-10-04T15:15:00Z"],
    ),
    (
        "Australia/Lord_Howe",
        1,
        45,
        "2026-04-03T00:00:00Z",
        ["2026-04-03T14:45:00Z", "2026-04-04T14:45:00Z FirstOfTwo", "2026-04-05T15:15:00Z"],
    ),
    // Summer time is the standard, and is taken back for Ramadan: 03:00 → 02:00, and 02:00 → 03:00 after it.
    (
        "Africa/Casablanca",
        2,
        30,
        "2026-02-13T12:00:00Z",
        ["2026-02-14T01:30:00Z", "2026-02-15T01:30:00Z FirstOfTwo", "2026-02-16T02:30:00Z"],
    ),
    (
        "Africa/Casablanca",
        2,
        30,
        "2026-03-20T12:00:00Z",
        ["2026-03-21T02:30:00Z", "2026-03-22T02:00:00Z AfterGap", "2026-03-23T01:30:00Z"],
    ),
    // At midnight: the day of 6 September begins at 01:00, and the last hour of 4 April comes twice.
    (
        "America/Santiago",
        0,
        15,
        "2026-09-04T12:00:00Z",
        ["2026-09-05T04:15:00Z", "2026-09-06T04:00:00Z AfterGap", "2026-09-07T03:15:00Z"],
    ),
    (
        "America/Santiago",
        0,
        0,
        "2026-09-04T12:00:00Z",
        ["2026-09-05T04:00:00Z", "2026-09-06T04:00:00Z AfterGap", "2026-09-07T03:00:00Z"],
    ),
    (
        "America/Santiago",
        23,
        30,
        "2026-04-03T12:00:00Z",
        ["2026-04-04T02:30:00Z", "2026-04-05T02:30:00Z FirstOfTwo", "2026-04-06T03:30:00Z"],
    ),
];

#[test]
fn a_change_of_the_clocks_does_the_same_to_cron_times_and_to_moments_of_windows() {
    for (name, hour, minute, after, expected) in NIGHTS {
        let cron = Cron::parse(&format!("{minute} {hour} * * ? *"), zone(name)).unwrap();
        let moments = |minute| Times::Window(Moments { minute, weekday: None, zone: zone(name) });
        let of_day = hour * 60 + minute;
        for (what, times) in [
            ("cron", Times::Cron(Box::new(cron))),
            ("a window that began that day", moments(of_day)),
            ("a window that began the day before", moments(of_day + 24 * 60)),
        ] {
            let found = times.upcoming(after.parse().unwrap(), 3);
            assert_eq!(in_short(&found), expected, "{what}, {hour}:{minute:02} in {name}");
        }
    }
}

#[test]
fn a_window_of_one_weekday_runs_in_the_night_that_begins_on_it() {
    // Santiago skips Sunday 00:00 to 01:00 on 2026-09-06; the window begins on Saturday.
    let saturday = |minute| {
        Times::Window(Moments { minute, weekday: Some(Weekday::Saturday), zone: zone("America/Santiago") })
    };
    let after: Timestamp = "2026-08-30T12:00:00Z".parse().unwrap();
    assert_eq!(
        in_short(&saturday(23 * 60 + 30).upcoming(after, 2)),
        ["2026-09-06T03:30:00Z", "2026-09-13T02:30:00Z"]
    );
    assert_eq!(
        in_short(&saturday(24 * 60 + 15).upcoming(after, 2)),
        ["2026-09-06T04:00:00Z AfterGap", "2026-09-13T03:15:00Z"]
    );
    // Asked in the night itself: its moment is still ahead, then a week ahead.
    let sunday_half_past_midnight: Timestamp = "2026-09-13T03:30:00Z".parse().unwrap();
    assert_eq!(
        in_short(&saturday(24 * 60 + 45).upcoming(sunday_half_past_midnight, 2)),
        ["2026-09-13T03:45:00Z", "2026-09-20T03:45:00Z"]
    );
}

#[test]
fn wherever_a_window_begins_or_ends_its_moment_stays_in_it() {
    // Edges before, in and after the gap or the repeated time of each night, in steps of a quarter of an hour.
    for (name, hour, minute, _, expected) in NIGHTS {
        let zone = zone(name);
        let changing = expected[1].split(' ').next().unwrap().parse::<Timestamp>().unwrap();
        let day = changing.to_zoned(zone.clone()).date();
        let of_day = i32::try_from(hour * 60 + minute).unwrap();
        let instant = |minutes: i32| {
            let wall = day.to_datetime(jiff::civil::Time::midnight()) + i64::from(minutes).minutes();
            Occurrence::of(wall, &zone).unwrap().at
        };
        let mut shifted = 0;
        for from in (of_day - 120..=of_day + 120).step_by(15) {
            for to in (from + 15..=of_day + 135).step_by(15) {
                let (begin, end) = (instant(from), instant(to));
                assert!(begin <= end, "{name}: {from} {to}");
                let mut last = None;
                for minute in (from..to).step_by(5) {
                    let found = instant(minute);
                    assert!((begin..=end).contains(&found), "{name}: {from} {minute} {to}");
                    assert!(last.is_none_or(|last| last <= found), "later by the clock is not earlier");
                    last = Some(found);
                    shifted += u32::from(found == changing);
                }
            }
        }
        assert!(shifted > 0, "no window of {name} had its moment in the change");
    }
}

#[test]
fn a_window_that_lies_in_the_gap_as_a_whole_still_runs_once() {
    let time = |text: &str| LocalTime::try_from(text.to_string()).unwrap();
    let window = Window { from: time("02:10"), to: time("02:50"), weekday: None };
    for id in ["sch_a", "sch_b", "sch_c"] {
        let times = Times::Window(window.moments(id, zone("Europe/Oslo")));
        let found = times.upcoming("2026-03-28T12:00:00Z".parse().unwrap(), 2);
        assert_eq!(in_short(&found[..1]), ["2026-03-29T01:00:00Z AfterGap"], "{id}");
        assert_eq!(found[1].shift, None::<Shift>);
        assert_eq!(found[1].at.to_zoned(zone("Europe/Oslo")).date().to_string(), "2026-03-30");
    }
}
