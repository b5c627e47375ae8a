use jiff::civil::{DateTime, datetime};
use jiff::fmt::strtime;
use proptest::prelude::*;

use super::*;

fn read(format: &str, cell: &str) -> Option<DateTime> {
    Pattern::new(format).unwrap().read(cell).map(|moment| moment.date.to_datetime(moment.time))
}

#[test]
fn cells_are_read_as_stated() {
    let day = datetime(2026, 10, 5, 0, 0, 0, 0);
    let cases = [
        ("%d.%m.%Y", "05.10.2026", Some(day)),
        ("%d.%m.%Y", "5.10.2026", Some(day)), // files vary, and nothing is ambiguous
        ("%-d.%-m.%Y", "5.10.2026", Some(day)),
        ("%F", "2026-10-05", Some(day)),
        ("%Y%m%d", "20261005", Some(day)),
        ("%e. %B %Y", " 5. october 2026", Some(day)),
        ("%e. %B %Y", "5. October 2026", Some(day)),
        ("%a %d-%b-%Y", "Mon 05-Oct-2026", Some(day)),
        ("%Y-%j", "2026-278", Some(day)),
        ("100%% %F", "100% 2026-10-05", Some(day)),
        ("%Y\u{5e74}%m\u{6708}%d", "2026\u{5e74}10\u{6708}05", Some(day)),
        ("%d.%m.%Y %H:%M", "05.10.2026 23:59", Some(datetime(2026, 10, 5, 23, 59, 0, 0))),
        ("%F %I:%M %p", "2026-10-05 12:30 am", Some(datetime(2026, 10, 5, 0, 30, 0, 0))),
        ("%F %l:%M %p", "2026-10-05  1:30 PM", Some(datetime(2026, 10, 5, 13, 30, 0, 0))),
        ("%FT%T%.f", "2026-10-05T08:00:01.25", Some(datetime(2026, 10, 5, 8, 0, 1, 250_000_000))),
        ("%FT%T%.f", "2026-10-05T08:00:01", Some(datetime(2026, 10, 5, 8, 0, 1, 0))),
        ("%F %T,%f", "2026-10-05 08:00:01,123456789", Some(datetime(2026, 10, 5, 8, 0, 1, 123_456_789))),
        ("%Y%m%d%H%M", "202610050800", Some(datetime(2026, 10, 5, 8, 0, 0, 0))),
    ];
    for (format, cell, expected) in cases {
        assert_eq!(read(format, cell), expected, "{format} {cell}");
    }
}

#[test]
fn two_digits_are_a_year_of_the_stated_hundred() {
    let cases = [
        (1950, "01.02.50", Some(datetime(1950, 2, 1, 0, 0, 0, 0))),
        (1950, "01.02.99", Some(datetime(1999, 2, 1, 0, 0, 0, 0))),
        (1950, "01.02.00", Some(datetime(2000, 2, 1, 0, 0, 0, 0))),
        (1950, "01.02.49", Some(datetime(2049, 2, 1, 0, 0, 0, 0))),
        (2000, "01.02.99", Some(datetime(2099, 2, 1, 0, 0, 0, 0))),
        (1, "01.02.00", Some(datetime(100, 2, 1, 0, 0, 0, 0))),
        (9900, "01.02.99", Some(datetime(9999, 2, 1, 0, 0, 0, 0))),
        (1950, "29.02.00", Some(datetime(2000, 2, 29, 0, 0, 0, 0))),
        (1950, "29.02.01", None),
        (1950, "01.02.5", None),
        (1950, "01.02.1950", None),
    ];
    for (first, cell, expected) in cases {
        let pattern = Pattern::with_years_from("%d.%m.%y", first).unwrap();
        let read = pattern.read(cell).map(|moment| moment.date.to_datetime(moment.time));
        assert_eq!(read, expected, "{first} {cell}");
    }
    let four_digits = Pattern::with_years_from("%d.%m.%Y", 1950).unwrap();
    assert!(!four_digits.has_two_digit_year());
    assert_eq!(four_digits.read("01.02.0050").map(|moment| moment.date.year()), Some(50));
}

#[test]
fn nothing_is_read_into_a_cell() {
    for (format, cell) in [
        ("%d.%m.%Y", "05.10.26"),
        ("%d.%m.%Y", "05.10.026"),
        ("%d.%m.%Y", "05.10.20261"),
        ("%d.%m.%Y", "31.11.2026"),
        ("%d.%m.%Y", "29.02.2026"),
        ("%d.%m.%Y", "2026-10-05"),
        ("%d.%m.%Y", "05.10.2026 "),
        ("%d.%m.%Y", "05.10.0000"),
        ("%d.%m.%Y", "-5.10.2026"),
        ("%d.%m.%Y", "00.00.0000"),
        ("%Y%m%d", "2026111"), // January or November
        ("%d%m%Y", "5102026"),
        ("%Y-%j", "2026-366"),
        ("%a %F", "Tue 2026-10-05"),
        ("%d %B %Y", "5 oktober 2026"),
        ("%F %R", "2026-10-05 24:00"),
        ("%F %R", "2026-10-05 08:60"),
        ("%F %R", "2026-10-05  08:00"),
        ("%F %R", "2026-10-0508:00"),
        ("%F %T", "2026-10-05 23:59:60"),
        ("%F %I:%M %p", "2026-10-05 13:00 PM"),
        ("%F %I:%M %p", "2026-10-05 00:00 AM"),
        ("%F %T,%f", "2026-10-05 08:00:01,"),
        ("%F %R%z", "2026-10-05 08:00+02:00"),
        ("%F %R%:z", "2026-10-05 08:00+0200"),
        ("%F %R%z", "2026-10-05 08:00+2400"),
    ] {
        assert_eq!(read(format, cell), None, "{format} {cell}");
    }
}

#[test]
fn offsets_are_seconds_east() {
    for (format, cell, expected) in [
        ("%F %R%z", "2026-10-05 08:00-0330", -12_600),
        ("%F %R%:z", "2026-10-05 08:00+02:00", 7200),
        ("%F %R%:z", "2026-10-05 08:00Z", 0),
    ] {
        let moment = Pattern::new(format).unwrap().read(cell).unwrap();
        assert_eq!(moment.offset_seconds, Some(expected), "{cell}");
    }
}

#[test]
fn formats_that_leave_a_guess_are_refused() {
    for (format, message) in [
        ("%d.%m.%y", "%y has a two-digit year, which has no century; use %Y, or state two_digit_years_from"),
        ("%D", "%D has a two-digit year, which has no century; only %Y and %y are read"),
        ("%Q", "%Q is not a directive that is read"),
        ("%F %s", "%s is not a directive that is read"),
        ("%3f", "%3f is not a directive that is read"),
        ("%d.%m.%Y %", "ends within a directive"),
        ("%d.%d.%Y", "states the day twice"),
        ("%j %d %Y", "states the day twice"),
        ("%B %m", "states the month twice"),
        ("%H %I %p", "states the hour twice"),
        ("%F %I:%M", "has only one of %I and %p; each needs the other"),
        ("%F %H:%M %p", "has only one of %I and %p; each needs the other"),
        ("%F %H:%M.%f", "has a fraction without %S, the second"),
    ] {
        assert_eq!(Pattern::new(format).unwrap_err(), message, "{format}");
    }
}

const FORMATS: [&str; 8] = [
    "%d.%m.%Y %H:%M",
    "%Y%m%d%H%M%S",
    "%A, %B %d, %Y at %I:%M:%S %p",
    "%FT%T%.f",
    "%j/%Y %R",
    "%e %b %Y %k.%M",
    "%H:%M %a %m/%d/%Y",
    "%F %T,%f",
];

proptest! {
    #[test]
    fn all_that_jiff_writes_is_read(seconds in -62_135_596_800_i64..253_370_764_800, nanos in 0..1_000_000_000) {
        let at = jiff::Timestamp::new(seconds, nanos).unwrap();
        let at = jiff::tz::Offset::UTC.to_datetime(at);
        for format in FORMATS {
            let cell = strtime::format(format, at).unwrap();
            let theirs = strtime::parse(format, &cell).unwrap().to_datetime().unwrap();
            prop_assert_eq!(read(format, &cell), Some(theirs), "{} {}", format, cell);
        }
    }

    #[test]
    fn all_that_is_read_jiff_reads_the_same(cell in "[0-9]{1,2}\\.[0-9]{1,2}\\.[0-9]{3,5} [0-9]{1,2}:[0-9]{1,2}|.*") {
        for format in FORMATS {
            if let Some(ours) = read(format, &cell) {
                let theirs = strtime::parse(format, &cell).unwrap().to_datetime().unwrap();
                prop_assert_eq!(ours, theirs, "{} {}", format, cell);
            }
        }
    }
}
