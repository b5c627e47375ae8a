//! Dates and whole seconds in UTC as RFC 3339 writes them, as JSON strings.

use jiff::civil::Date;

/// Appends an instant: a date of the years 0 to 9999, and the seconds of its day.
pub(super) fn push(out: &mut String, date: Date, of_day: u32) {
    let mut text = *b"\"0000-00-00T00:00:00Z\"";
    put_date(&mut text, date);
    for (at, pair) in [(12, of_day / 3600), (15, of_day / 60 % 60), (18, of_day % 60)] {
        put(&mut text, at, pair);
    }
    out.push_str(std::str::from_utf8(&text).expect("it is ASCII"));
}

/// Appends a date of the years 0 to 9999.
pub(super) fn push_date(out: &mut String, date: Date) {
    let mut text = *b"\"0000-00-00\"";
    put_date(&mut text, date);
    out.push_str(std::str::from_utf8(&text).expect("it is ASCII"));
}

fn put_date(text: &mut [u8], date: Date) {
    let year = u32::from(date.year().unsigned_abs());
    let (month, day) = (u32::from(date.month().unsigned_abs()), u32::from(date.day().unsigned_abs()));
    for (at, pair) in [(1, year / 100), (3, year % 100), (6, month), (9, day)] {
        put(text, at, pair);
    }
}

fn put(text: &mut [u8], at: usize, pair: u32) {
    text[at] = b'0' + (pair / 10) as u8;
    text[at + 1] = b'0' + (pair % 10) as u8;
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::TimeZone};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn instants_are_written_as_jiff_does(seconds in -62_167_219_200i64..=253_402_207_200) {
            let timestamp = Timestamp::from_second(seconds).unwrap();
            let date = timestamp.to_zoned(TimeZone::UTC).date();
            let mut text = String::new();
            push(&mut text, date, seconds.rem_euclid(86_400) as u32);
            prop_assert_eq!(text, format!("\"{timestamp}\""));
            let mut text = String::new();
            push_date(&mut text, date);
            prop_assert_eq!(text, format!("\"{date}\""));
        }
    }
}
