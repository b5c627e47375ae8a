//! When something is due, in a time zone, and what becomes of times that passed.
//!
//! A schedule has cron fields (AWS's six: minutes, hours, day of month, month, day of week, year) or a
//! window, of which it takes one moment. Both name local times; which instant a local time is, is decided
//! once, in `occurrence`: a time in the spring gap runs at the first instant after the gap, a time that
//! occurs twice in autumn runs once, at the first. Which local times match cron fields is left to `croner`.
//! Nothing here reads the clock: `now` is an argument.

mod cron;
mod due;
mod occurrence;
mod settings;
mod times;
mod window;

#[cfg(test)]
mod zone_tests;

pub use cron::{Cron, CronError};
pub use due::{CatchUp, Claim, LATE_AFTER, MISSED_COUNTED_AT_MOST, claim};
pub use occurrence::{Occurrence, Shift};
pub use settings::{Overlap, Schedule, ScheduleState};
pub use times::Times;
pub use window::{LocalTime, Weekday, Window};

use crate::problem::FieldError;

/// Says what is wrong with the name of a time zone, if anything.
pub fn check_zone(field: &str, zone: &str) -> Option<FieldError> {
    jiff::tz::TimeZone::get(zone).err().map(|_| {
        FieldError::new(field, format!("'{zone}' is not an IANA time zone, for example Europe/Oslo"))
    })
}
