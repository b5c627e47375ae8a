//! Remembers which offset a zone has on which day, so that most times of a file need no look-up in its rules.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use jiff::{
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};

/// Days that are remembered at once: each of a year has a place of its own.
const DAYS: usize = 12 * 32;

/// The offset of days on which it does not change.
#[derive(Clone, Debug)]
pub(super) struct Offsets {
    /// By month and day: the date in the upper half, the offset in the lower.
    days: Arc<[AtomicU64]>,
}

/// What no offset is: on such a day the rules have to be asked.
const CHANGES: i32 = i32::MIN;

impl Offsets {
    pub fn new() -> Self {
        // No day is so early, so that nothing is remembered yet.
        let never = || AtomicU64::new(pack(i32::MIN, 0));
        Self { days: std::iter::repeat_with(never).take(DAYS).collect() }
    }

    /// The offset in seconds that a zone has all through a day; None where it may change.
    pub fn all_day(&self, zone: &TimeZone, date: Date) -> Option<i32> {
        let place = (i32::from(date.month()) - 1) * 32 + i32::from(date.day());
        let day = i32::from(date.year()) * DAYS as i32 + place;
        let place = &self.days[place as usize];
        let known = place.load(Ordering::Relaxed);
        let offset = match (known >> 32) as u32 as i32 == day {
            true => known as u32 as i32,
            false => {
                let offset = look_up(zone, date).unwrap_or(CHANGES);
                place.store(pack(day, offset), Ordering::Relaxed);
                offset
            }
        };
        (offset != CHANGES).then_some(offset)
    }
}

fn pack(day: i32, offset: i32) -> u64 {
    u64::from(day as u32) << 32 | u64::from(offset as u32)
}

fn look_up(zone: &TimeZone, date: Date) -> Option<i32> {
    let at = |local: DateTime| match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => Some((offset, offset.to_timestamp(local).ok()?)),
        _ => None,
    };
    let (first, begin) = at(date.at(0, 0, 0, 0))?;
    let (last, end) = at(date.tomorrow().ok()?.at(0, 0, 0, 0))?;
    // Twice in a day, and back, is a change too.
    let changes = zone.following(begin).next().is_some_and(|change| change.timestamp() <= end);
    (first == last && !changes).then(|| first.seconds())
}
