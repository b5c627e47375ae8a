//! Dates and timestamps of records, in a stated format and zone.

use jiff::{
    Timestamp, Zoned,
    civil::Date,
    fmt::{strtime, temporal::Pieces},
    tz::TimeZone,
};

/// How the dates and timestamps of a column are written.
#[derive(Clone, Debug)]
pub(super) struct MomentFormat {
    format: String,
    /// The zone of timestamps; without it they stay in the offset that they came with.
    zone: Option<TimeZone>,
}

/// Why a value cannot be written so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoMoment {
    /// It is neither a date nor a timestamp of RFC 3339.
    Unreadable,
    /// It is a date, and the format has a time of day, a zone or an offset.
    DateOnly,
}

impl MomentFormat {
    /// Reads a format and the name of a zone.
    ///
    /// # Errors
    /// Says what is wrong with which of the two.
    pub(super) fn of(format: &str, zone: Option<&str>) -> Result<Self, (&'static str, String)> {
        if !format.contains('%') {
            return Err(("date_format", "has no directive; write for example %d.%m.%Y".into()));
        }
        let example = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        if let Err(why) = strtime::format(format, &example) {
            return Err(("date_format", format!("cannot be written: {why}")));
        }
        let zone = match zone.map(TimeZone::get) {
            None => None,
            Some(Ok(zone)) => Some(zone),
            Some(Err(_)) => return Err(("time_zone", "is not an IANA time zone".into())),
        };
        Ok(Self { format: format.into(), zone })
    }

    /// Writes a date, or a timestamp, of RFC 3339.
    pub(super) fn write(&self, value: &str) -> Result<String, NoMoment> {
        match Moment::read(value, self.zone.as_ref()).ok_or(NoMoment::Unreadable)? {
            Moment::Date(date) => strtime::format(&self.format, date).map_err(|_| NoMoment::DateOnly),
            Moment::At(at) => strtime::format(&self.format, &*at).map_err(|_| NoMoment::Unreadable),
        }
    }
}

/// A date, or an instant on the clock of a zone.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Moment {
    Date(Date),
    At(Box<Zoned>),
}

impl Moment {
    /// Reads what is of RFC 3339; without a zone a timestamp stays in the offset that it came with.
    pub(super) fn read(value: &str, zone: Option<&TimeZone>) -> Option<Self> {
        if has_shape(value, DATE) {
            return value.parse().ok().map(Self::Date);
        }
        let at = timestamp(value)?;
        let zone = match zone {
            Some(zone) => zone.clone(),
            None => TimeZone::fixed(Pieces::parse(value).ok()?.to_numeric_offset()?),
        };
        Some(Self::At(Box::new(at.to_zoned(zone))))
    }
}

const DATE: &str = "0000-00-00";

/// Up to the seconds; jiff would take more than RFC 3339 has, and 60 for 59.
fn timestamp(value: &str) -> Option<Timestamp> {
    let (clock, rest) = value.split_at_checked(19)?;
    let (minutes, offset) = (clock.get(..17)?, clock.get(17..)?);
    let fraction = rest.strip_prefix('.').map(|f| f.trim_start_matches(|c: char| c.is_ascii_digit()));
    let tail = match fraction {
        Some(tail) if tail.len() + 1 == rest.len() => return None, // a mark without digits
        Some(tail) => tail,
        None => rest,
    };
    let is_rfc = has_shape(minutes, "0000-00-00T00:00:")
        && has_shape(offset, "00")
        && offset < "60"
        && (tail == "Z" || has_shape(tail, "+00:00") || has_shape(tail, "-00:00"));
    if is_rfc { value.parse().ok() } else { None }
}

/// Says whether a text has digits where the shape has zeros, and otherwise its characters.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(b, s)| if s == b'0' { b.is_ascii_digit() } else { b == s })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_in_the_stated_zone_or_in_its_own_offset() {
        for (format, zone, value, written) in [
            ("%d.%m.%Y", None, "2026-11-25", Ok("25.11.2026")),
            ("%d.%m.%Y", Some("Europe/Oslo"), "2026-11-25", Ok("25.11.2026")),
            ("%d.%m.%Y", Some("Europe/Oslo"), "2026-11-25T23:30:00Z", Ok("26.11.2026")),
            ("%d.%m.%Y %H:%M", None, "2026-11-25T23:30:00Z", Ok("25.11.2026 23:30")),
            ("%Y%m%d%H%M%S%z", None, "2026-11-25T23:30:05.250-05:00", Ok("20261125233005-0500")),
            // Summer time, and the hour that comes twice, are the zone's.
            ("%H:%M %Z", Some("Europe/Oslo"), "2026-07-01T10:00:00Z", Ok("12:00 CEST")),
            ("%H:%M %:z", Some("Europe/Oslo"), "2026-10-25T01:30:00Z", Ok("02:30 +01:00")),
            ("%H:%M", None, "2026-11-25", Err(NoMoment::DateOnly)),
            ("%Y", None, "2026-02-30", Err(NoMoment::Unreadable)),
            ("%Y", None, "2026-02-30T10:00:00Z", Err(NoMoment::Unreadable)),
        ] {
            let format = MomentFormat::of(format, zone).unwrap();
            assert_eq!(format.write(value), written.map(String::from), "{format:?} {value}");
        }
    }

    #[test]
    fn what_is_not_of_rfc_3339_is_no_date() {
        let format = MomentFormat::of("%Y", None).unwrap();
        for value in [
            "",
            "2026",
            "20261125",
            "25.11.2026",
            "2026-11-25T10:00Z",
            "2026-11-25T10:00:00",
            "2026-11-25 10:00:00Z",
            "2026-11-25T10:00:60Z",
            "2026-11-25T10:00:00.Z",
            "2026-11-25T10:00:00+01",
            "2026-11-25T10:00:00Z[Europe/Oslo]",
            "2026-11-25T25:00:00Z",
            "2026-11-25å10:00:00Z",
            " 2026-11-25",
        ] {
            assert_eq!(format.write(value), Err(NoMoment::Unreadable), "{value:?}");
        }
    }

    #[test]
    fn a_format_that_cannot_be_written_is_refused() {
        for (format, zone, field) in [
            ("dd.mm.yyyy", None, "date_format"),
            ("%", None, "date_format"),
            ("%!", None, "date_format"),
            ("%Y", Some("Oslo"), "time_zone"),
        ] {
            assert_eq!(MomentFormat::of(format, zone).unwrap_err().0, field, "{format} {zone:?}");
        }
    }
}
