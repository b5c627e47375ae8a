//! Calendar dates, and instants out of local times, by the rules of a zone.
//!
//! A local time that a zone skips in spring is an error, and one that it repeats in autumn is the
//! instant that the mapping states, or an error. Seconds that a format does not have are zero.
//!
//! Source: the IANA time zone database, in the binary through jiff; RFC 3339 for what goes out.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::{Pattern, Unfit, offsets::Offsets, pattern::Moment, rfc3339};
use crate::mapping::document::Ambiguous;
use crate::mapping::outcome::Reason;

static PRINTER: DateTimePrinter = DateTimePrinter::new();

/// How timestamps are written, and in which zone where they do not say it.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct TimestampFormat {
    pub pattern: Pattern,
    /// None where the pattern has an offset.
    pub zone: Option<LocalZone>,
}

/// The zone of local times, and what those mean that occur twice.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct LocalZone {
    pub name: String,
    pub zone: TimeZone,
    pub ambiguous: Ambiguous,
    offsets: Offsets,
}

impl LocalZone {
    /// A zone of the IANA database.
    pub fn new(name: String, zone: TimeZone, ambiguous: Ambiguous) -> Self {
        Self { name, zone, ambiguous, offsets: Offsets::new() }
    }
}

/// Appends a date as a JSON string.
pub(super) fn convert_date(pattern: &Pattern, cell: &str, out: &mut String) -> Result<(), Unfit> {
    rfc3339::push_date(out, read_date(pattern, cell)?);
    Ok(())
}

/// Reads a date.
pub(super) fn read_date(pattern: &Pattern, cell: &str) -> Result<Date, Unfit> {
    pattern.read(cell).map(|moment| moment.date).ok_or_else(|| Unfit {
        reason: Reason::NotADate,
        expected: format!("a date that exists, as {}", pattern.text()),
    })
}

/// Appends an instant as a JSON string.
pub(super) fn push_timestamp(timestamp: &Timestamp, out: &mut String) {
    out.push('"');
    PRINTER.print_timestamp(timestamp, &mut *out).expect("a String takes all that is written to it");
    out.push('"');
}

impl TimestampFormat {
    /// Appends the instant as a JSON string.
    pub(super) fn convert(&self, cell: &str, out: &mut String) -> Result<(), Unfit> {
        let moment = self.moment(cell)?;
        if self.push_plain(&moment, out) {
            return Ok(());
        }
        let timestamp = self.resolve(moment.date.to_datetime(moment.time), moment.offset_seconds)?;
        push_timestamp(&timestamp, out);
        Ok(())
    }

    /// Reads what a cell says.
    pub(super) fn moment(&self, cell: &str) -> Result<Moment, Unfit> {
        self.pattern.read(cell).ok_or_else(|| Unfit {
            reason: Reason::NotATimestamp,
            expected: format!("a date and time that exist, as {}", self.pattern.text()),
        })
    }

    /// Appends the instant where the zone has one offset all day and the time no fraction, as most; else false.
    fn push_plain(&self, Moment { date, time, .. }: &Moment, out: &mut String) -> bool {
        let offset = self.zone.as_ref().and_then(|zone| zone.offsets.all_day(&zone.zone, *date));
        let Some(offset) = offset.filter(|_| time.subsec_nanosecond() == 0 && PLAIN.contains(&date.year()))
        else {
            return false;
        };
        let (hour, minute, second) =
            (i32::from(time.hour()), i32::from(time.minute()), i32::from(time.second()));
        let of_day = hour * 3600 + minute * 60 + second - offset;
        let (date, of_day) = match of_day {
            0..DAY_SECONDS => (Some(*date), of_day),
            ..0 => (date.yesterday().ok(), of_day + DAY_SECONDS),
            _ => (date.tomorrow().ok(), of_day - DAY_SECONDS),
        };
        let Some(date) = date.filter(|_| (0..DAY_SECONDS).contains(&of_day)) else { return false };
        rfc3339::push(out, date, of_day as u32);
        true
    }

    /// Returns the instant of a local time.
    pub(super) fn resolve(&self, local: DateTime, offset_seconds: Option<i32>) -> Result<Timestamp, Unfit> {
        let offset = match (&self.zone, offset_seconds) {
            (Some(zone), _) => zone.offset(zone.zone.to_ambiguous_timestamp(local).offset())?,
            (None, seconds) => Offset::from_seconds(seconds.unwrap_or(0)).map_err(|_| out_of_range())?,
        };
        let timestamp = offset.to_timestamp(local).map_err(|_| out_of_range())?;
        // RFC 3339 has no years before 0000.
        check_year(timestamp)
    }
}

impl LocalZone {
    fn offset(&self, offset: AmbiguousOffset) -> Result<Offset, Unfit> {
        let unfit = |reason, what| Err(Unfit { reason, expected: format!("{what} {}", self.name) });
        match (offset, self.ambiguous) {
            (AmbiguousOffset::Unambiguous { offset }, _) => Ok(offset),
            (AmbiguousOffset::Fold { before, .. }, Ambiguous::Earliest) => Ok(before),
            (AmbiguousOffset::Fold { after, .. }, Ambiguous::Latest) => Ok(after),
            (AmbiguousOffset::Fold { .. }, Ambiguous::Error) => {
                unfit(Reason::AmbiguousTime, "a time that occurs once, since clocks go back here in")
            }
            (AmbiguousOffset::Gap { .. }, _) => {
                unfit(Reason::TimeInGap, "a time that exists, since clocks skip this one in")
            }
        }
    }
}

const DAY_SECONDS: i32 = 86_400;

/// The years in which no zone leads out of the calendar.
const PLAIN: std::ops::Range<i16> = 1..9999;

const YEAR_ZERO: Timestamp = Timestamp::constant(-62_167_219_200, 0);

/// Refuses an instant that RFC 3339 cannot write.
pub(super) fn check_year(timestamp: Timestamp) -> Result<Timestamp, Unfit> {
    if timestamp < YEAR_ZERO { Err(out_of_range()) } else { Ok(timestamp) }
}

pub(super) fn out_of_range() -> Unfit {
    Unfit { reason: Reason::OutOfRange, expected: "an instant within the years 0000 to 9999".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(format: &str, zone: Option<&str>, ambiguous: Ambiguous, cell: &str) -> Result<String, Reason> {
        let zone = zone.map(|name| LocalZone::new(name.into(), TimeZone::get(name).unwrap(), ambiguous));
        let format = TimestampFormat { pattern: Pattern::new(format).unwrap(), zone };
        let mut out = String::new();
        format.convert(cell, &mut out).map_err(|unfit| unfit.reason)?;
        Ok(out.trim_matches('"').to_owned())
    }

    #[test]
    fn local_times_follow_their_zone_through_both_changes() {
        use Reason::{AmbiguousTime, TimeInGap};
        // (local time, error, earliest, latest); Oslo goes back at 03:00 on 2026-10-25 and forward at 02:00 on
        // 2027-03-28.
        let cases = [
            ("25.10.2026 01:59", Ok("2026-10-24T23:59:00Z"), "2026-10-24T23:59:00Z", "2026-10-24T23:59:00Z"),
            ("25.10.2026 02:00", Err(AmbiguousTime), "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"),
            ("25.10.2026 02:30", Err(AmbiguousTime), "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
            ("25.10.2026 02:59", Err(AmbiguousTime), "2026-10-25T00:59:00Z", "2026-10-25T01:59:00Z"),
            ("25.10.2026 03:00", Ok("2026-10-25T02:00:00Z"), "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z"),
            ("28.03.2027 01:59", Ok("2027-03-28T00:59:00Z"), "2027-03-28T00:59:00Z", "2027-03-28T00:59:00Z"),
            ("28.03.2027 02:00", Err(TimeInGap), "gap", "gap"),
            ("28.03.2027 02:59", Err(TimeInGap), "gap", "gap"),
            ("28.03.2027 03:00", Ok("2027-03-28T01:00:00Z"), "2027-03-28T01:00:00Z", "2027-03-28T01:00:00Z"),
            ("01.07.2050 12:00", Ok("2050-07-01T10:00:00Z"), "2050-07-01T10:00:00Z", "2050-07-01T10:00:00Z"),
        ];
        for (cell, error, earliest, latest) in cases {
            let convert = |ambiguous| convert("%d.%m.%Y %H:%M", Some("Europe/Oslo"), ambiguous, cell);
            let or_gap = |text: &str| if text == "gap" { Err(TimeInGap) } else { Ok(text.to_owned()) };
            assert_eq!(convert(Ambiguous::Error), error.map(str::to_owned), "{cell}");
            assert_eq!(convert(Ambiguous::Earliest), or_gap(earliest), "{cell}");
            assert_eq!(convert(Ambiguous::Latest), or_gap(latest), "{cell}");
        }
    }

    #[test]
    fn instants_go_out_in_utc() {
        use Reason::{NotATimestamp, OutOfRange};
        let kolkata = Some("Asia/Kolkata");
        let cases = [
            ("%FT%T%.f%:z", None, "2026-10-25T02:30:00.120+02:00", Ok("2026-10-25T00:30:00.12Z")),
            ("%FT%R%:z", None, "2026-10-25T02:30Z", Ok("2026-10-25T02:30:00Z")),
            ("%F %R", kolkata, "2026-01-01 00:00", Ok("2025-12-31T18:30:00Z")),
            ("%F %R", Some("UTC"), "2026-01-01 00:00", Ok("2026-01-01T00:00:00Z")),
            ("%F %R", kolkata, "0001-01-01 00:00", Ok("0000-12-31T18:06:32Z")),
            ("%F %R", kolkata, "2026-01-01", Err(NotATimestamp)),
            ("%F %R", kolkata, "9999-12-31 23:59", Err(OutOfRange)),
        ];
        for (format, zone, cell, expected) in cases {
            assert_eq!(convert(format, zone, Ambiguous::Error, cell), expected.map(str::to_owned), "{cell}");
        }
    }

    #[test]
    fn dates_have_no_zone() {
        let mut out = String::new();
        convert_date(&Pattern::new("%d.%m.%Y").unwrap(), "25.10.2026", &mut out).unwrap();
        assert_eq!(out, "\"2026-10-25\"");
        let unfit = convert_date(&Pattern::new("%d.%m.%Y").unwrap(), "31.02.2026", &mut out).unwrap_err();
        assert_eq!(unfit.reason, Reason::NotADate);
        assert_eq!(unfit.expected, "a date that exists, as %d.%m.%Y");
    }
}
