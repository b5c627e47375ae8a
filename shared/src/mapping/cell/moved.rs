//! Dates and timestamps that are moved or truncated, on the calendar and the clock that the file shows.
//!
//! Of a timestamp, months, days and truncation come first, in local time; then the zone makes an instant of it, by the
//! same rules as of any cell; then the minutes pass.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{SignedDuration, Span};

use super::timestamp::{check_year, out_of_range, push_timestamp, read_date};
use super::{Pattern, TimestampFormat, Unfit, rfc3339};
use crate::mapping::document::Unit;

/// A date to which something is done.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct MovedDate {
    pub pattern: Pattern,
    pub moves: Vec<Move>,
}

/// A timestamp to which something is done.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct MovedTimestamp {
    pub format: TimestampFormat,
    pub moves: Vec<Move>,
    pub minutes: i64,
}

/// What is done on the calendar.
#[derive(Clone, Copy, Debug)]
pub(in crate::mapping) enum Move {
    Shift { months: i32, days: i32 },
    Truncate(Unit),
}

impl MovedDate {
    /// Appends the date as a JSON string.
    pub(super) fn convert(&self, cell: &str, out: &mut String) -> Result<(), Unfit> {
        let date = read_date(&self.pattern, cell)?;
        let moved = moved(date.to_datetime(jiff::civil::Time::midnight()), &self.moves)?;
        rfc3339::push_date(out, moved.date());
        Ok(())
    }
}

impl MovedTimestamp {
    /// Appends the instant as a JSON string.
    pub(super) fn convert(&self, cell: &str, out: &mut String) -> Result<(), Unfit> {
        let moment = self.format.moment(cell)?;
        let local = moved(moment.date.to_datetime(moment.time), &self.moves)?;
        let timestamp = self.format.resolve(local, moment.offset_seconds)?;
        let minutes = SignedDuration::from_mins(self.minutes);
        let timestamp = timestamp.checked_add(minutes).map_err(|_| out_of_range())?;
        push_timestamp(&check_year(timestamp)?, out);
        Ok(())
    }
}

fn moved(from: DateTime, moves: &[Move]) -> Result<DateTime, Unfit> {
    let moved = moves.iter().try_fold(from, |local, step| step.apply(local)).map_err(|_| out_of_range())?;
    // Years before 1 are not read either.
    if moved.year() < 1 { Err(out_of_range()) } else { Ok(moved) }
}

impl Move {
    fn apply(self, local: DateTime) -> Result<DateTime, jiff::Error> {
        match self {
            Self::Shift { months, days } => {
                let months = Span::new().try_months(months)?;
                local.checked_add(months)?.checked_add(Span::new().try_days(days)?)
            }
            Self::Truncate(unit) => truncated(local, unit),
        }
    }
}

fn truncated(local: DateTime, unit: Unit) -> Result<DateTime, jiff::Error> {
    let (date, time) = (local.date(), local.time());
    let midnight = |date: Date| date.to_datetime(jiff::civil::Time::midnight());
    match unit {
        Unit::Year => Ok(midnight(date.first_of_year())),
        Unit::Month => Ok(midnight(date.first_of_month())),
        Unit::Week if date.weekday() == Weekday::Monday => Ok(midnight(date)),
        Unit::Week => Ok(midnight(date.nth_weekday(-1, Weekday::Monday)?)),
        Unit::Day => Ok(midnight(date)),
        Unit::Hour => Ok(date.at(time.hour(), 0, 0, 0)),
        Unit::Minute => Ok(date.at(time.hour(), time.minute(), 0, 0)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::mapping::cell::LocalZone;
    use crate::mapping::document::Ambiguous;
    use crate::mapping::outcome::Reason;

    const fn shift(months: i32, days: i32) -> Move {
        Move::Shift { months, days }
    }

    #[test]
    fn dates_move_on_the_calendar() {
        let cases: [(&str, &[Move], Result<&str, Reason>); 13] = [
            ("2026-01-31", &[shift(1, 0)], Ok("2026-02-28")),
            ("2026-01-30", &[shift(1, 1)], Ok("2026-03-01")),
            ("2028-01-31", &[shift(1, 0)], Ok("2028-02-29")),
            ("2026-01-31", &[shift(1, 1)], Ok("2026-03-01")),
            ("2026-03-01", &[shift(0, -1)], Ok("2026-02-28")),
            ("2024-02-29", &[shift(12, 0)], Ok("2025-02-28")),
            ("2026-10-25", &[Move::Truncate(Unit::Month), shift(1, -1)], Ok("2026-10-31")),
            ("2026-10-25", &[Move::Truncate(Unit::Week)], Ok("2026-10-19")),
            ("2026-10-19", &[Move::Truncate(Unit::Week)], Ok("2026-10-19")),
            ("2027-01-01", &[Move::Truncate(Unit::Week)], Ok("2026-12-28")),
            ("2026-10-25", &[Move::Truncate(Unit::Year)], Ok("2026-01-01")),
            ("9999-12-31", &[shift(0, 1)], Err(Reason::OutOfRange)),
            ("0001-01-01", &[shift(0, -1)], Err(Reason::OutOfRange)),
        ];
        for (cell, moves, expected) in cases {
            let mut out = String::new();
            let format = MovedDate { pattern: Pattern::new("%F").unwrap(), moves: moves.to_vec() };
            let result =
                format.convert(cell, &mut out).map(|()| out.trim_matches('"')).map_err(|unfit| unfit.reason);
            assert_eq!(result, expected, "{cell} {moves:?}");
        }
    }

    #[test]
    fn timestamps_move_on_the_local_clock_and_then_by_minutes_that_pass() {
        use Reason::{AmbiguousTime, TimeInGap};
        type Case<'c> = (&'c str, &'c [Move], i64, Result<&'c str, Reason>);
        let cases: [Case<'_>; 9] = [
            ("2026-10-24 12:00", &[shift(0, 1)], 0, Ok("2026-10-25T11:00:00Z")),
            ("2026-10-24 12:00", &[], 24 * 60, Ok("2026-10-25T10:00:00Z")),
            ("2026-10-24 02:30", &[shift(0, 1)], 0, Err(AmbiguousTime)),
            ("2027-03-27 02:30", &[shift(0, 1)], 0, Err(TimeInGap)),
            ("2027-03-28 01:59", &[], 1, Ok("2027-03-28T01:00:00Z")),
            ("2026-10-25 12:34", &[Move::Truncate(Unit::Day)], 0, Ok("2026-10-24T22:00:00Z")),
            ("2026-10-25 12:34", &[Move::Truncate(Unit::Hour)], 0, Ok("2026-10-25T11:00:00Z")),
            ("2026-10-25 12:34", &[Move::Truncate(Unit::Month)], -1, Ok("2026-09-30T21:59:00Z")),
            ("9999-12-31 23:00", &[], 60, Err(Reason::OutOfRange)),
        ];
        for (cell, moves, minutes, expected) in cases {
            let mut out = String::new();
            let name = "Europe/Oslo";
            let zone = LocalZone::new(name.into(), TimeZone::get(name).unwrap(), Ambiguous::Error);
            let format = TimestampFormat { pattern: Pattern::new("%F %R").unwrap(), zone: Some(zone) };
            let format = MovedTimestamp { format, moves: moves.to_vec(), minutes };
            let result =
                format.convert(cell, &mut out).map(|()| out.trim_matches('"')).map_err(|unfit| unfit.reason);
            assert_eq!(result, expected, "{cell} {moves:?}");
        }
        let mut out = String::new();
        let format = TimestampFormat { pattern: Pattern::new("%FT%T%.f%:z").unwrap(), zone: None };
        let format = MovedTimestamp { format, moves: vec![Move::Truncate(Unit::Minute)], minutes: 0 };
        format.convert("2026-10-25T00:30:59.5+02:00", &mut out).unwrap();
        assert_eq!(out, "\"2026-10-24T22:30:00Z\"");
    }
}
