//! When something is due: cron fields read in a time zone.
//!
//! The fields are AWS's six (minutes, hours, day of month, month, day of week, year). Which wall-clock
//! times match is left to `croner`; which instant a wall-clock time is, is decided here: a time in the
//! spring gap runs at the first instant after the gap, a time that occurs twice in autumn runs once, at
//! the first. Windows and catch-up are not here yet.

mod cron;
mod settings;

pub use cron::{Cron, CronError, Occurrence, Shift};
pub use settings::{Schedule, ScheduleState};

use crate::problem::FieldError;

/// Says what is wrong with the name of a time zone, if anything.
pub fn check_zone(field: &str, zone: &str) -> Option<FieldError> {
    jiff::tz::TimeZone::get(zone).err().map(|_| {
        FieldError::new(field, format!("'{zone}' is not an IANA time zone, for example Europe/Oslo"))
    })
}
