//! Cron fields in a zone, and the instants they name.

#[cfg(test)]
mod as_croner;

use croner::parser::{CronParser, Seconds, Year};
use jiff::{Timestamp, tz::TimeZone};

use super::Occurrence;

/// Cron fields that were read, with their zone.
#[derive(Clone, Debug)]
pub struct Cron {
    fields: croner::Cron,
    zone: TimeZone,
}

/// Why a cron string cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not six fields.
    #[error("expected 6 fields (minutes hours day-of-month month day-of-week year), got {0}")]
    Fields(usize),
    /// Neither or both of the two day fields are `?`.
    #[error("exactly one of day-of-month and day-of-week must be '?'")]
    Days,
    /// The fields cannot be read.
    #[error("cannot be read: {0}")]
    Syntax(String),
}

impl Cron {
    /// Reads `min hour day-of-month month day-of-week year`, with or without `cron(…)` around it.
    ///
    /// Source: Amazon EventBridge, "cron expressions".
    ///
    /// # Errors
    /// When the fields cannot be read.
    pub fn parse(text: &str, zone: TimeZone) -> Result<Self, CronError> {
        let text = text.trim();
        let inner = text.strip_prefix("cron(").and_then(|t| t.strip_suffix(')')).unwrap_or(text);
        let parts: Vec<&str> = inner.split_whitespace().collect();
        let [_, _, day, _, weekday, _] = parts[..] else { return Err(CronError::Fields(parts.len())) };
        if (day == "?") == (weekday == "?") {
            return Err(CronError::Days);
        }
        let fields = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .alternative_weekdays(true) // 1 is Sunday
            .sloppy_ranges(true) // 0/15
            .build()
            .parse(&format!("0 {}", parts.join(" ")))
            .map_err(|e| CronError::Syntax(e.to_string()))?;
        Ok(Self { fields, zone })
    }

    /// First due time after `after`, or `None` when there is none up to the year 2199.
    pub fn next_after(&self, after: Timestamp) -> Option<Occurrence> {
        let mut wall = after.to_zoned(self.zone.clone()).datetime();
        loop {
            wall = self.fields.find_next_occurrence(&wall, false).ok()?;
            if wall.year() > 2199 {
                return None;
            }
            let occurrence = Occurrence::of(wall, &self.zone)?;
            // A wall-clock time in the gap names the same instant as its neighbours there, and one
            // that is shown twice may name an instant that has passed: neither is due again.
            if occurrence.at > after {
                return Some(occurrence);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Times;
    use proptest::prelude::*;

    fn cron(text: &str, zone: &str) -> Times {
        Times::Cron(Box::new(Cron::parse(text, TimeZone::get(zone).unwrap()).unwrap()))
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn upcoming(text: &str, zone: &str, after: &str, n: usize) -> Vec<String> {
        cron(text, zone)
            .upcoming(at(after), n)
            .iter()
            .map(|o| match o.shift {
                None => o.at.to_string(),
                Some(shift) => format!("{} {shift:?}", o.at),
            })
            .collect()
    }

    #[test]
    fn fields_are_read_as_aws_reads_them() {
        let after = "2026-06-01T00:00:00Z"; // a Monday
        for (text, expected) in [
            ("0/15 * * * ? *", "2026-06-01T00:15:00Z"),
            ("cron(30 6 * * ? *)", "2026-06-01T06:30:00Z"),
            ("0 6 ? * 1 *", "2026-06-07T06:00:00Z"), // 1 is Sunday
            ("0 6 ? * MON-FRI *", "2026-06-01T06:00:00Z"),
            ("0 6 ? * 6#3 *", "2026-06-19T06:00:00Z"), // third Friday
            ("0 6 L * ? *", "2026-06-30T06:00:00Z"),
            ("0 6 15W * ? *", "2026-06-15T06:00:00Z"),
            ("0 0 1 1 ? 2030", "2030-01-01T00:00:00Z"),
            ("0 0 29 2 ? *", "2028-02-29T00:00:00Z"),
        ] {
            assert_eq!(upcoming(text, "UTC", after, 1), [expected], "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_reason() {
        let parse = |text| Cron::parse(text, TimeZone::UTC).unwrap_err();
        assert_eq!(parse("* * * * ?"), CronError::Fields(5));
        assert_eq!(parse("* * * * * *"), CronError::Days);
        assert_eq!(parse("* * ? * ? *"), CronError::Days);
        assert!(matches!(parse("61 * * * ? *"), CronError::Syntax(_)));
        assert!(matches!(parse("a * * * ? *"), CronError::Syntax(_)));
        let now = at("2026-06-01T00:00:00Z");
        assert_eq!(cron("0 0 30 2 ? *", "UTC").next_after(now), None);
        assert_eq!(cron("0 0 1 1 ? 2020", "UTC").next_after(now), None);
    }

    #[test]
    fn a_time_in_the_gap_runs_at_the_first_instant_after_it() {
        // Oslo skips 02:00 to 03:00 on 2027-03-28.
        assert_eq!(
            upcoming("30 2 * * ? *", "Europe/Oslo", "2027-03-27T00:00:00Z", 3),
            ["2027-03-27T01:30:00Z", "2027-03-28T01:00:00Z AfterGap", "2027-03-29T00:30:00Z"]
        );
        assert_eq!(
            upcoming("0/30 * * * ? *", "Europe/Oslo", "2027-03-28T00:00:00Z", 3),
            ["2027-03-28T00:30:00Z", "2027-03-28T01:00:00Z AfterGap", "2027-03-28T01:30:00Z"],
            "three wall-clock times name the same instant, which is due once"
        );
        // Lord Howe skips half an hour.
        assert_eq!(
            upcoming("15 2 * * ? *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", 1),
            ["2026-10-03T15:30:00Z AfterGap"]
        );
    }

    #[test]
    fn a_time_that_occurs_twice_runs_once_at_the_first() {
        // Oslo shows 02:00 to 03:00 twice on 2026-10-25.
        assert_eq!(
            upcoming("30 2 * * ? *", "Europe/Oslo", "2026-10-24T01:00:00Z", 3),
            ["2026-10-25T00:30:00Z FirstOfTwo", "2026-10-26T01:30:00Z", "2026-10-27T01:30:00Z"]
        );
        assert_eq!(
            upcoming("0/30 * * * ? *", "Europe/Oslo", "2026-10-25T00:30:00Z", 2),
            ["2026-10-25T02:00:00Z", "2026-10-25T02:30:00Z"],
            "nothing runs in the second showing"
        );
    }

    proptest! {
        #[test]
        fn due_times_only_go_forward(start in 1_700_000_000i64..2_000_000_000, zone in 0usize..5, minute in 0u8..60) {
            let zone = ["Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Santiago"][zone];
            let mut last = Timestamp::from_second(start).unwrap();
            for next in cron(&format!("{minute} 0/2 * * ? *"), zone).upcoming(last, 20) {
                prop_assert!(next.at > last);
                last = next.at;
            }
        }
    }
}
