//! The time between a start and an end, of shifts that may pass midnight or a change of the clocks.
//!
//! Times without a date are of one clock: 22:00 to 06:00 is eight hours, whatever the night. With a date and a zone, what
//! counts is the time that passes. Without a zone, again, it is what the clock shows.

use jiff::civil::{Date, DateTime, Time};

use super::duration::push;
use super::timestamp::out_of_range;
use super::{Exact, TimestampFormat, Unfit, trim_spaces};
use crate::mapping::document::SameTime;
use crate::mapping::outcome::Reason;

/// How starts and ends are written.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct SpanFormat {
    /// With a zone only where there are dates.
    pub timestamp: TimestampFormat,
    /// Whether there is a date, in the cells or in a column of its own.
    pub has_date: bool,
    /// Whether an end that is not after the start can be on the next day.
    pub overnight: bool,
    pub same_time: SameTime,
}

/// The cells of one span.
#[derive(Clone, Copy)]
pub(in crate::mapping) struct SpanCells<'c> {
    /// Where a column has it.
    pub date: Option<&'c str>,
    pub start: &'c str,
    pub end: &'c str,
}

impl SpanCells<'_> {
    /// Returns whether there is neither a start nor an end.
    pub fn are_empty(&self) -> bool {
        trim_spaces(self.start).is_empty() && trim_spaces(self.end).is_empty()
    }

    /// Returns all of it as one text, for errors.
    pub fn text(&self) -> String {
        let date = self.date.map(|date| format!("{date} ")).unwrap_or_default();
        format!("{date}{} – {}", self.start, self.end)
    }
}

impl SpanFormat {
    /// Appends the duration as a JSON string.
    pub fn convert(&self, cells: SpanCells<'_>, out: &mut String) -> Result<(), Unfit> {
        let seconds = Exact::of(self.nanoseconds(cells)?, 9).map_err(|_| out_of_range())?;
        push(seconds, out);
        Ok(())
    }

    fn nanoseconds(&self, cells: SpanCells<'_>) -> Result<i128, Unfit> {
        let (start, end) = (trim_spaces(cells.start), trim_spaces(cells.end));
        if start.is_empty() || end.is_empty() {
            return Err(Unfit { reason: Reason::NotADuration, expected: "both a start and an end".into() });
        }
        if !self.has_date {
            let (start, end) = (self.time(start)?, self.time(end)?);
            let day = Date::constant(2000, 1, 1);
            let end = self.end_day(day, start, end)?.to_datetime(end);
            return Ok(end.duration_since(day.to_datetime(start)).as_nanos());
        }
        let Some(date) = cells.date else {
            return self.between(self.timestamp.moment(start)?, self.timestamp.moment(end)?);
        };
        let date = trim_spaces(date);
        let start = self.timestamp.moment(&format!("{date} {start}"))?;
        let mut end = self.timestamp.moment(&format!("{date} {end}"))?;
        end.date = self.end_day(start.date, start.time, end.time)?;
        self.between(start, end)
    }

    /// Reads a time of a format without a date.
    fn time(&self, cell: &str) -> Result<Time, Unfit> {
        let pattern = &self.timestamp.pattern;
        pattern.read_time(cell).ok_or_else(|| Unfit {
            reason: Reason::NotATime,
            expected: format!("a time of day, as {}", pattern.text()),
        })
    }

    /// Tells the day of an end of which only the time is known.
    fn end_day(&self, day: Date, start: Time, end: Time) -> Result<Date, Unfit> {
        let same = || match self.same_time {
            SameTime::Zero => Ok(false),
            SameTime::Day => Ok(true),
            SameTime::Error => {
                let expected = "an end at another time than the start, since it could be no time or a day";
                Err(Unfit { reason: Reason::AmbiguousDuration, expected: expected.into() })
            }
        };
        let is_next_day = match end.cmp(&start) {
            std::cmp::Ordering::Less if !self.overnight => return Err(end_before_start()),
            std::cmp::Ordering::Equal if self.overnight => same()?,
            order => order.is_lt(),
        };
        if is_next_day { day.tomorrow().map_err(|_| out_of_range()) } else { Ok(day) }
    }

    fn between(&self, start: super::pattern::Moment, end: super::pattern::Moment) -> Result<i128, Unfit> {
        let local = |moment: &super::pattern::Moment| -> DateTime { moment.date.to_datetime(moment.time) };
        let passed = if self.timestamp.zone.is_some() || start.offset_seconds.is_some() {
            let start = self.timestamp.resolve(local(&start), start.offset_seconds)?;
            self.timestamp.resolve(local(&end), end.offset_seconds)?.duration_since(start)
        } else {
            local(&end).duration_since(local(&start))
        };
        if passed.is_negative() { Err(end_before_start()) } else { Ok(passed.as_nanos()) }
    }
}

fn end_before_start() -> Unfit {
    Unfit { reason: Reason::EndBeforeStart, expected: "an end that is not before the start".into() }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::mapping::cell::{LocalZone, Pattern};
    use crate::mapping::document::Ambiguous;

    fn format(pattern: &str, zone: Option<(&str, Ambiguous)>, same_time: SameTime) -> SpanFormat {
        let pattern = Pattern::new(pattern).unwrap();
        let has_date = pattern.lacks_for_date().is_none();
        let zone = zone
            .map(|(name, ambiguous)| LocalZone::new(name.into(), TimeZone::get(name).unwrap(), ambiguous));
        SpanFormat { timestamp: TimestampFormat { pattern, zone }, has_date, overnight: true, same_time }
    }

    fn convert(format: &SpanFormat, date: Option<&str>, start: &str, end: &str) -> Result<String, Reason> {
        let mut out = String::new();
        format.convert(SpanCells { date, start, end }, &mut out).map_err(|unfit| unfit.reason)?;
        Ok(out.trim_matches('"').to_owned())
    }

    #[test]
    fn a_night_is_as_long_as_the_clock_shows() {
        use Reason::{AmbiguousDuration, EndBeforeStart, NotADuration, NotATime};
        let night = |same_time| format("%H:%M", None, same_time);
        let day = SpanFormat { overnight: false, ..night(SameTime::Error) };
        let cases = [
            (night(SameTime::Error), "22:00", "06:00", Ok("PT8H")),
            (night(SameTime::Error), "08:00", "15:30", Ok("PT7H30M")),
            (night(SameTime::Error), "00:00", "23:59", Ok("PT23H59M")),
            (night(SameTime::Error), "23:59", "00:00", Ok("PT1M")),
            (night(SameTime::Error), "22:00", "22:00", Err(AmbiguousDuration)),
            (night(SameTime::Zero), "22:00", "22:00", Ok("PT0S")),
            (night(SameTime::Day), "22:00", "22:00", Ok("PT24H")),
            (night(SameTime::Error), "22:00", "", Err(NotADuration)),
            (night(SameTime::Error), " ", "06:00", Err(NotADuration)),
            (night(SameTime::Error), "22:00", "24:00", Err(NotATime)),
            (day.clone(), "08:00", "15:30", Ok("PT7H30M")),
            (day.clone(), "08:00", "08:00", Ok("PT0S")),
            (day, "22:00", "06:00", Err(EndBeforeStart)),
        ];
        for (format, start, end, expected) in cases {
            assert_eq!(convert(&format, None, start, end), expected.map(str::to_owned), "{start} {end}");
        }
    }

    /// Expected values are differences of aware datetimes in Python 3's zoneinfo, with fold=0 and fold=1:
    /// `(end.astimezone(UTC) - start.astimezone(UTC))`.
    #[test]
    fn a_night_is_as_long_as_it_lasts_where_date_and_zone_are_known() {
        use Ambiguous::{Earliest, Error, Latest};
        use Reason::{AmbiguousTime, TimeInGap};
        let oslo = "Europe/Oslo";
        let cases = [
            (oslo, Error, "23.10.2026", "22:00", "06:00", Ok("PT8H")),
            (oslo, Error, "24.10.2026", "22:00", "06:00", Ok("PT9H")),
            (oslo, Error, "27.03.2027", "22:00", "06:00", Ok("PT7H")),
            (oslo, Error, "24.10.2026", "22:00", "02:30", Err(AmbiguousTime)),
            (oslo, Earliest, "24.10.2026", "22:00", "02:30", Ok("PT4H30M")),
            (oslo, Latest, "24.10.2026", "22:00", "02:30", Ok("PT5H30M")),
            (oslo, Latest, "27.03.2027", "22:00", "02:30", Err(TimeInGap)),
            (oslo, Error, "24.10.2026", "12:00", "12:00", Ok("PT25H")),
            (oslo, Error, "27.03.2027", "12:00", "12:00", Ok("PT23H")),
            ("America/New_York", Error, "31.10.2026", "22:00", "06:00", Ok("PT9H")),
            ("Australia/Lord_Howe", Error, "03.04.2027", "22:00", "06:00", Ok("PT8H30M")),
            ("Australia/Lord_Howe", Error, "02.10.2027", "22:00", "06:00", Ok("PT7H30M")),
            (oslo, Error, "25.10.2026", "01:00", "04:00", Ok("PT4H")),
        ];
        for (zone, ambiguous, date, start, end, expected) in cases {
            let format = format("%d.%m.%Y %H:%M", Some((zone, ambiguous)), SameTime::Day);
            let result = convert(&format, Some(date), start, end);
            assert_eq!(result, expected.map(str::to_owned), "{zone} {date} {start} {end}");
        }
        let wall = format("%d.%m.%Y %H:%M", None, SameTime::Day);
        assert_eq!(convert(&wall, Some("24.10.2026"), "22:00", "06:00").as_deref(), Ok("PT8H"));
    }

    #[test]
    fn times_with_their_own_date_need_no_night() {
        let zone = Some(("Europe/Oslo", Ambiguous::Error));
        let own = SpanFormat { overnight: false, ..format("%d.%m.%Y %H:%M", zone, SameTime::Error) };
        let cases = [
            ("24.10.2026 22:00", "25.10.2026 06:00", Ok("PT9H")),
            ("24.10.2026 22:00", "27.10.2026 22:00", Ok("PT73H")),
            ("24.10.2026 22:00", "24.10.2026 22:00", Ok("PT0S")),
            ("24.10.2026 22:00", "24.10.2026 21:59", Err(Reason::EndBeforeStart)),
            ("24.10.2026 22:00", "06:00", Err(Reason::NotATimestamp)),
        ];
        for (start, end, expected) in cases {
            assert_eq!(convert(&own, None, start, end), expected.map(str::to_owned), "{start} {end}");
        }
        let offset = SpanFormat { overnight: false, ..format("%FT%R%:z", None, SameTime::Error) };
        let passed = convert(&offset, None, "2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00");
        assert_eq!(passed.as_deref(), Ok("PT1H"));
    }
}
