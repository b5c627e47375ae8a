//! Dates, times and durations of cells as text, in one form each.
//!
//! A day is `2026-10-25`, and with a time of day `2026-10-25T06:00:00`; a time of day alone is `06:00:00`, elapsed time
//! `31:30:00`. Milliseconds are written where there are any. A workbook does not say of midnight whether a time was
//! meant: it is written where the mapping reads the column as a timestamp, and left out elsewhere.

use jiff::civil::{Date, DateTime, date};

use super::cell::Flaw;
use crate::mapping::outcome::Reason;

const DAY_MS: i64 = 86_400_000;

/// The number of the last day that there is, 9999-12-31, in the system of 1900.
const LAST_DAY: i64 = 2_958_465;

/// From which day a workbook counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Epoch {
    /// Day 1 is 1900-01-01, and day 60 a 29th of February that never was.
    #[default]
    Since1900,
    /// Day 0 is 1904-01-01.
    Since1904,
}

impl Epoch {
    fn day(self, number: i64) -> Option<Date> {
        let before = match (self, number) {
            (Self::Since1900, 1..=59) => date(1899, 12, 31),
            (Self::Since1900, 61..=LAST_DAY) => date(1899, 12, 30),
            (Self::Since1904, 0..=LAST_DAY) => date(1904, 1, 1),
            _ => return None,
        };
        before.checked_add(jiff::Span::new().days(number)).ok()
    }
}

/// Appends a day number with a fraction; below 1 it is a time of day.
pub(super) fn push_serial(serial: f64, epoch: Epoch, has_time: bool, out: &mut String) -> Result<(), Flaw> {
    let unknown = || {
        let detail = "found a day number that is no date from 1900-01-01 to 9999-12-31".to_string();
        Flaw::new(Reason::OutOfRange, detail)
    };
    if !(0.0..=(LAST_DAY + 1) as f64).contains(&serial) {
        return Err(unknown());
    }
    let ms = (serial * DAY_MS as f64).round() as i64;
    let (day, rest) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    if serial < 1.0 && day == 0 {
        push_clock(rest, out);
        return Ok(());
    }
    let day = epoch.day(day).ok_or_else(unknown)?;
    push_day(day, rest, has_time, out);
    Ok(())
}

/// Appends a date and time; midnight is left out where no time is asked for.
pub(super) fn push_civil(at: DateTime, has_time: bool, out: &mut String) {
    let midnight = at.date().to_datetime(jiff::civil::Time::midnight());
    let ms = at.duration_since(midnight).as_millis();
    push_day(at.date(), i64::try_from(ms).expect("a day has few milliseconds"), has_time, out);
}

fn push_day(day: Date, ms: i64, has_time: bool, out: &mut String) {
    out.push_str(&day.to_string());
    if ms != 0 || has_time {
        out.push('T');
        push_clock(ms, out);
    }
}

/// Appends elapsed days with a fraction.
pub(super) fn push_elapsed_days(days: f64, out: &mut String) -> Result<(), Flaw> {
    if days.abs() > LAST_DAY as f64 || days.is_nan() {
        let detail = "found a duration that is longer than can be".to_string();
        return Err(Flaw::new(Reason::OutOfRange, detail));
    }
    push_elapsed((days * DAY_MS as f64).round() as i64, out);
    Ok(())
}

/// Appends elapsed milliseconds.
pub(super) fn push_elapsed(ms: i64, out: &mut String) {
    if ms < 0 {
        out.push('-');
    }
    push_clock(ms.saturating_abs(), out);
}

fn push_clock(ms: i64, out: &mut String) {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    out.push_str(&format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    if ms != 0 {
        out.push_str(&format!(".{ms:03}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(serial: f64, epoch: Epoch, has_time: bool) -> Option<String> {
        let mut out = String::new();
        push_serial(serial, epoch, has_time, &mut out).ok().map(|()| out)
    }

    #[test]
    fn days_are_counted_as_the_workbook_does() {
        use Epoch::{Since1900, Since1904};
        for (number, epoch, text) in [
            (1.0, Since1900, Some("1900-01-01")),
            (59.0, Since1900, Some("1900-02-28")),
            (60.0, Since1900, None), // the day that never was
            (60.5, Since1900, None),
            (61.0, Since1900, Some("1900-03-01")),
            (46_320.0, Since1900, Some("2026-10-25")),
            (46_320.25, Since1900, Some("2026-10-25T06:00:00")),
            (46_320.75 + 0.001 / 86_400.0, Since1900, Some("2026-10-25T18:00:00.001")),
            (46_319.999_999_999_99, Since1900, Some("2026-10-25")),
            (44_858.25, Since1904, Some("2026-10-25T06:00:00")),
            (0.25, Since1904, Some("06:00:00")),
            (1.0, Since1904, Some("1904-01-02")),
            (0.0, Since1900, Some("00:00:00")),
            (0.25, Since1900, Some("06:00:00")),
            (0.999_988_425_925_926, Since1900, Some("23:59:59")),
            (2_958_465.0, Since1900, Some("9999-12-31")),
            (2_958_466.0, Since1900, None),
            (2_957_003.0, Since1904, Some("9999-12-31")),
            (2_957_004.0, Since1904, None),
            (-1.0, Since1900, None),
            (f64::NAN, Since1900, None),
            (f64::INFINITY, Since1900, None),
        ] {
            assert_eq!(serial(number, epoch, false).as_deref(), text, "{number} {epoch:?}");
        }
        assert_eq!(serial(46_320.0, Since1900, true).unwrap(), "2026-10-25T00:00:00");
    }

    #[test]
    fn elapsed_time_goes_beyond_a_day() {
        for (days, text) in [
            (1.3125, Some("31:30:00")),
            (0.25, Some("06:00:00")),
            (-0.0625, Some("-01:30:00")),
            (0.0, Some("00:00:00")),
            (100.5, Some("2412:00:00")),
            (1e9, None),
            (f64::NAN, None),
        ] {
            let mut out = String::new();
            assert_eq!(push_elapsed_days(days, &mut out).ok().map(|()| out).as_deref(), text, "{days}");
        }
    }
}
