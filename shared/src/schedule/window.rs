//! Windows: between two local times, at a moment of the schedule's own.
//!
//! Many schedules share a window such as 19:00–07:00; each takes a moment of it by a hash of its id, so that
//! they do not all start at once. The moment is a local time, the same every day, and whole minutes, since
//! `dispatch` looks every minute. A change of the clocks does to it what it does to a cron time.

use jiff::{
    SignedDuration, Timestamp,
    civil::{self, Date},
    tz::TimeZone,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Occurrence;
use crate::id;

/// A span of the day, or of one night of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Local time at which it begins, for example `19:00`.
    pub from: LocalTime,
    /// Local time at which it ends, for example `07:00`. If it is not after `from`, on the next day.
    pub to: LocalTime,
    /// The day on which it begins, if not every day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekday: Option<Weekday>,
}

/// A local time of day in whole minutes, `00:00` to `23:59`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
pub struct LocalTime(u16);

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

const DAY_MINUTES: u16 = 24 * 60;

impl TryFrom<String> for LocalTime {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = |part: &str, below: u16| {
            let two = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            part.parse::<u16>().ok().filter(|n| two && *n < below)
        };
        text.split_once(':')
            .and_then(|(h, m)| Some(Self(number(h, 24)? * 60 + number(m, 60)?)))
            .ok_or("must be a local time from 00:00 to 23:59, for example 19:00; midnight is 00:00")
    }
}

impl From<LocalTime> for String {
    fn from(time: LocalTime) -> Self {
        format!("{:02}:{:02}", time.0 / 60, time.0 % 60)
    }
}

impl From<Weekday> for civil::Weekday {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Monday => Self::Monday,
            Weekday::Tuesday => Self::Tuesday,
            Weekday::Wednesday => Self::Wednesday,
            Weekday::Thursday => Self::Thursday,
            Weekday::Friday => Self::Friday,
            Weekday::Saturday => Self::Saturday,
            Weekday::Sunday => Self::Sunday,
        }
    }
}

impl Window {
    /// How long it is by the clock on the wall, in minutes: 0 when it ends as it begins.
    pub(super) fn minutes(&self) -> u16 {
        (self.to.0 + DAY_MINUTES - self.from.0) % DAY_MINUTES
    }

    /// The moments at which the schedule with this id is due.
    pub(super) fn moments(&self, schedule: &str, zone: TimeZone) -> Moments {
        let hash = id::hash128(&["window", schedule]);
        let spread =
            u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) % u32::from(self.minutes().max(1));
        Moments { minute: u32::from(self.from.0) + spread, weekday: self.weekday.map(Into::into), zone }
    }
}

/// The moments of a window at which one schedule is due.
#[derive(Clone, Debug)]
pub struct Moments {
    /// Minutes by the clock after the midnight before the window begins; a day or more where it passes the
    /// next one.
    pub(super) minute: u32,
    /// The day on which the window begins, if not every day.
    pub(super) weekday: Option<civil::Weekday>,
    pub(super) zone: TimeZone,
}

impl Moments {
    /// First moment after `after`, or `None` when there is none up to the year 2199.
    pub(super) fn next_after(&self, after: Timestamp) -> Option<Occurrence> {
        // A window that began the day before may still have its moment ahead; where a zone skips a whole
        // day, so may the one before that.
        let start = after.to_zoned(self.zone.clone()).date().checked_sub(SignedDuration::from_hours(48));
        let mut day: Date = start.ok()?;
        loop {
            if day.year() > 2199 {
                return None;
            }
            if self.weekday.is_none_or(|weekday| weekday == day.weekday()) {
                let minutes = SignedDuration::from_mins(self.minute.into());
                let wall = day.to_datetime(civil::Time::midnight()).checked_add(minutes).ok()?;
                let occurrence = Occurrence::of(wall, &self.zone)?;
                if occurrence.at > after {
                    return Some(occurrence);
                }
            }
            day = day.tomorrow().ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(from: &str, to: &str) -> Window {
        let time = |t: &str| LocalTime::try_from(t.to_string()).unwrap();
        Window { from: time(from), to: time(to), weekday: None }
    }

    #[test]
    fn a_local_time_is_read_strictly() {
        for good in ["00:00", "07:05", "19:00", "23:59"] {
            assert_eq!(String::from(LocalTime::try_from(good.to_string()).unwrap()), good);
        }
        for bad in ["24:00", "7:00", "07:0", "07:60", "0700", "07:00:00", "+7:00", "", "19.00", "٠٧:٠٠"] {
            assert!(LocalTime::try_from(bad.to_string()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_window_may_pass_midnight() {
        assert_eq!(window("19:00", "07:00").minutes(), 12 * 60);
        assert_eq!(window("07:00", "19:00").minutes(), 12 * 60);
        assert_eq!(window("19:00", "00:00").minutes(), 5 * 60);
        assert_eq!(window("07:00", "06:59").minutes(), DAY_MINUTES - 1);
        assert_eq!(window("07:00", "07:00").minutes(), 0);
    }

    #[test]
    fn many_schedules_are_spread_over_the_whole_window_and_each_keeps_its_moment() {
        let night = window("19:00", "07:00");
        let mut an_hour = [0u32; 12];
        for n in 0..12_000 {
            let id = format!("sch_{n}");
            let moments = night.moments(&id, TimeZone::UTC);
            assert!((19 * 60..31 * 60).contains(&moments.minute), "{}", moments.minute);
            assert_eq!(night.moments(&id, TimeZone::UTC).minute, moments.minute);
            an_hour[(moments.minute as usize - 19 * 60) / 60] += 1;
        }
        // 1,000 each if it were exact; 6 standard deviations of a fair spread are 182.
        assert!(an_hour.iter().all(|n| (818..=1182).contains(n)), "{an_hour:?}");
    }

    proptest! {
        #[test]
        fn the_moment_is_in_the_window_of_its_weekday(id in "[a-z0-9]{1,20}", from in 0u16..1440, minutes in 1u16..1440, start in 1_700_000_000i64..2_000_000_000) {
            let window = Window { from: LocalTime(from), to: LocalTime((from + minutes) % 1440), weekday: Some(Weekday::Saturday) };
            let moments = window.moments(&id, TimeZone::UTC);
            let start = Timestamp::from_second(start).unwrap();
            let next = moments.next_after(start).unwrap().at;
            prop_assert!(next > start && next.duration_since(start) <= SignedDuration::from_hours(7 * 24));
            let begun = next.to_zoned(TimeZone::UTC).datetime().checked_sub(SignedDuration::from_mins((moments.minute - u32::from(from)).into())).unwrap();
            prop_assert_eq!(begun.weekday(), civil::Weekday::Saturday);
            prop_assert_eq!((begun.hour() as u16) * 60 + begun.minute() as u16, from);
            prop_assert!(moments.minute < u32::from(from) + u32::from(minutes));
        }
    }
}
