//! The times of cron fields against those of `croner`, which has a rule of its own for the nights when clocks change.
//!
//! This hub asks croner for local times only and decides itself which instants they are (`occurrence`). Where hour and
//! minute are stated, both come to the same. Where either is a range, a list or a step, they differ, and in nothing else:
//! croner takes a time that occurs twice twice, and passes over one in the gap.

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use proptest::prelude::*;

use super::Cron;
use crate::schedule::{Occurrence, Shift};

/// Changes by an hour and by half of one, at midnight, back across midnight, and in both halves of the world.
const ZONES: [&str; 9] = [
    "Europe/Oslo",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Beirut",
    "UTC",
];

fn of_croner(cron: &Cron, after: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let mut found = Vec::new();
    let mut at = after.to_zoned(cron.zone.clone());
    while let Ok(next) = cron.fields.find_next_occurrence(&at, false) {
        if next.timestamp() > until {
            break;
        }
        found.push(next.timestamp());
        at = next;
    }
    found
}

fn of_hub(cron: &Cron, after: Timestamp, until: Timestamp) -> Vec<Occurrence> {
    let next = |from| cron.next_after(from).filter(|occurrence| occurrence.at <= until);
    std::iter::successors(next(after), |last| next(last.at)).collect()
}

/// Two days before a change of the clocks and two behind it.
fn around(zone: &TimeZone, year: i16, nth: usize) -> (Timestamp, Timestamp) {
    let start = jiff::civil::date(year, 1, 1).to_zoned(zone.clone()).expect("a year begins").timestamp();
    let change = zone.following(start).nth(nth).map_or(start, |change| change.timestamp());
    (change - 48.hours(), change + 48.hours())
}

/// Whether a time is the second of two that the clock shows alike.
fn is_second(zone: &TimeZone, at: Timestamp) -> bool {
    let ambiguous = zone.to_ambiguous_zoned(at.to_zoned(zone.clone()).datetime());
    ambiguous.is_ambiguous() && ambiguous.later().is_ok_and(|later| later.timestamp() == at)
}

proptest! {
    #[test]
    fn stated_times_are_those_of_croner(
        zone in prop::sample::select(ZONES.to_vec()), year in 2000i16..2036, nth in 0usize..2,
        hour in prop_oneof![0u8..5, 22u8..24, 0u8..24], minute in 0u8..60,
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let (after, until) = around(&zone, year, nth);
        let cron = Cron::parse(&format!("{minute} {hour} * * ? *"), zone).unwrap();
        let hub: Vec<Timestamp> = of_hub(&cron, after, until).iter().map(|occurrence| occurrence.at).collect();
        prop_assert_eq!(hub, of_croner(&cron, after, until));
    }

    #[test]
    fn repeated_times_differ_in_the_two_ways_that_are_stated(
        zone in prop::sample::select(ZONES.to_vec()), year in 2000i16..2036, nth in 0usize..2,
        fields in prop_oneof![
            (1u8..31).prop_map(|step| format!("0/{step} *")),
            (1u8..12).prop_map(|step| format!("30 0/{step}")),
            (0u8..4).prop_map(|hour| format!("* {hour}")),
        ],
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let (after, until) = around(&zone, year, nth);
        let cron = Cron::parse(&format!("{fields} * * ? *"), zone.clone()).unwrap();
        let hub = of_hub(&cron, after, until);
        let croner = of_croner(&cron, after, until);
        for at in croner.iter().filter(|at| hub.iter().all(|occurrence| occurrence.at != **at)) {
            prop_assert!(is_second(&zone, *at), "{at} is croner's alone");
        }
        for only in hub.iter().filter(|occurrence| !croner.contains(&occurrence.at)) {
            prop_assert_eq!(only.shift, Some(Shift::AfterGap), "{} is the hub's alone", only.at);
        }
    }
}
