//! Days and seconds of the Gregorian calendar as numbers, and instants as text, without a step in between.
//!
//! Source: "chrono-Compatible Low-Level Date Algorithms", H. Hinnant, 2013; RFC 3339, section 5.6.

/// Seconds of a day.
pub(super) const DAY_SECONDS: i64 = 86_400;

/// Days of 400 years, after which the calendar repeats itself.
const ERA_DAYS: u32 = 146_097;

/// Days from 0000-03-01, with which the count of leap years begins, to 1970-01-01.
const EPOCH: u32 = 719_468;

/// Years are counted from 400 before that, so that no number here is negative.
const BEFORE: u32 = 400;

/// The number of a day of the years 0 to 9999, from 1970-01-01; the date must exist.
pub(super) fn day_number(year: i16, month: i8, day: i8) -> i32 {
    let (month, day) = (month as u32, day as u32);
    let year = (i32::from(year) + BEFORE as i32) as u32 - u32::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    days as i32 - (EPOCH + ERA_DAYS) as i32
}

/// Appends an instant of the years 0000 to 9999 as RFC 3339 text in UTC; `seconds` are from 1970-01-01.
pub(super) fn push_instant(out: &mut String, seconds: i64) {
    let day = (seconds.div_euclid(DAY_SECONDS) + i64::from(EPOCH + ERA_DAYS)) as u32;
    let second = seconds.rem_euclid(DAY_SECONDS) as u32;
    let (era, of_era) = (day / ERA_DAYS, day % ERA_DAYS);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + u32::from(month <= 2) - BEFORE;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let mut text = *b"0000-00-00T00:00:00Z";
    let pairs = [
        (0, year / 100),
        (2, year % 100),
        (5, month),
        (8, day),
        (11, second / 3600),
        (14, second / 60 % 60),
        (17, second % 60),
    ];
    for (at, pair) in pairs {
        text[at] += (pair / 10) as u8;
        text[at + 1] += (pair % 10) as u8;
    }
    out.push_str(std::str::from_utf8(&text).expect("it is ASCII"));
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, civil::Date, tz::Offset};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn instants_are_written_as_jiff_does(seconds in -62_167_219_200i64..=253_402_207_200) {
            let mut text = String::new();
            push_instant(&mut text, seconds);
            prop_assert_eq!(text, Timestamp::from_second(seconds).unwrap().to_string());
        }

        #[test]
        fn days_are_counted_as_jiff_does(days in -719_162i32..=2_932_896) {
            let date = Date::constant(1970, 1, 1).saturating_add(jiff::Span::new().days(days));
            let counted = day_number(date.year(), date.month(), date.day());
            prop_assert_eq!(counted, days);
            let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).map(|t| t.as_second());
            prop_assert_eq!(midnight.unwrap_or(i64::from(counted) * DAY_SECONDS), i64::from(counted) * DAY_SECONDS);
        }
    }
}
