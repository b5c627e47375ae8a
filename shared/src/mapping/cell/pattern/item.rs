//! The pieces of a date format, and how each is taken off the front of a cell.

use self::Item::{Afternoon, DotFraction, Fraction, Literal, MonthName, Number, Offset, WeekdayName};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Item {
    Literal(u8),
    /// Up to so many digits, or exactly so many; perhaps with a space in place of the first.
    Number {
        part: Part,
        digits: usize,
        is_exact: bool,
        is_padded: bool,
    },
    MonthName {
        is_full: bool,
    },
    WeekdayName {
        is_full: bool,
    },
    Afternoon,
    /// One to nine digits of a second.
    Fraction,
    /// The same after a point, or nothing.
    DotFraction,
    /// `+0200`, or `+02:00` where it has a colon; `Z` is as good as zero.
    Offset {
        has_colon: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    Year,
    Month,
    Day,
    DayOfYear,
    Weekday,
    Hour,
    Hour12,
    Afternoon,
    Minute,
    Second,
    Nanosecond,
    Offset,
}

pub(super) const PARTS: usize = Part::Offset as usize + 1;

impl Item {
    /// Returns the part that the item states, and after it those that follow from it.
    pub fn parts(&self) -> &'static [Part] {
        match self {
            Literal(_) => &[],
            Number { part, .. } => match part {
                Part::Year => &[Part::Year],
                Part::Month => &[Part::Month],
                Part::Day => &[Part::Day],
                Part::DayOfYear => &[Part::DayOfYear, Part::Month, Part::Day],
                Part::Hour => &[Part::Hour],
                Part::Hour12 => &[Part::Hour12, Part::Hour],
                Part::Minute => &[Part::Minute],
                _ => &[Part::Second],
            },
            MonthName { .. } => &[Part::Month],
            WeekdayName { .. } => &[Part::Weekday],
            Afternoon => &[Part::Afternoon],
            Fraction | DotFraction => &[Part::Nanosecond],
            Offset { .. } => &[Part::Offset],
        }
    }

    /// Takes the item off the front of a cell and returns its value; None where it is not there.
    #[inline]
    pub fn read(&self, rest: &mut &[u8]) -> Option<i32> {
        match *self {
            Literal(byte) => take(rest, byte).then_some(0),
            Number { digits, is_exact, is_padded, .. } => {
                let padding = usize::from(is_padded && take(rest, b' '));
                let (value, count) = read_digits(rest, digits - padding);
                (count > 0 && (!is_exact || count + padding == digits)).then_some(value)
            }
            MonthName { is_full } => read_name(rest, &MONTHS, is_full),
            WeekdayName { is_full } => read_name(rest, &WEEKDAYS, is_full),
            Afternoon => read_name(rest, &["AM", "PM"], true),
            DotFraction if !take(rest, b'.') => Some(0),
            DotFraction | Fraction => {
                let (value, count) = read_digits(rest, 9);
                (count > 0).then(|| (count..9).fold(value, |value, _| value * 10))
            }
            Offset { has_colon } => read_offset(rest, has_colon),
        }
    }
}

impl Part {
    /// Returns the part in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "the year",
            Self::Month => "the month",
            Self::Day | Self::DayOfYear => "the day",
            Self::Weekday => "the weekday",
            Self::Hour | Self::Hour12 => "the hour",
            Self::Afternoon => "AM or PM",
            Self::Minute => "the minute",
            Self::Second => "the second",
            Self::Nanosecond => "the fraction",
            Self::Offset => "the offset",
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Reads a name in any case, or its first three letters: months from 1, all else from 0.
fn read_name(rest: &mut &[u8], names: &[&str], is_full: bool) -> Option<i32> {
    for (at, name) in names.iter().enumerate() {
        let name = if is_full { name } else { &name[..3] };
        if rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes())) {
            *rest = &rest[name.len()..];
            return i32::try_from(at + usize::from(names.len() == MONTHS.len())).ok();
        }
    }
    None
}

/// Reads an offset as seconds east of UTC.
fn read_offset(rest: &mut &[u8], has_colon: bool) -> Option<i32> {
    if take(rest, b'Z') {
        return Some(0);
    }
    let is_west = take(rest, b'-');
    if !is_west && !take(rest, b'+') {
        return None;
    }
    let (hours, hour_digits) = read_digits(rest, 2);
    let has_separator = !has_colon || take(rest, b':');
    let (minutes, minute_digits) = read_digits(rest, 2);
    let is_whole = has_separator && hour_digits == 2 && minute_digits == 2;
    let seconds = hours * 3600 + minutes * 60;
    (is_whole && hours < 24 && minutes < 60).then_some(if is_west { -seconds } else { seconds })
}

/// Reads up to nine digits; returns their value and how many there are.
fn read_digits(rest: &mut &[u8], at_most: usize) -> (i32, usize) {
    let (mut value, mut count) = (0, 0);
    for byte in &rest[..at_most.min(rest.len())] {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value * 10 + i32::from(digit);
        count += 1;
    }
    *rest = &rest[count..];
    (value, count)
}

fn take(rest: &mut &[u8], byte: u8) -> bool {
    match rest.split_first() {
        Some((first, others)) if *first == byte => {
            *rest = others;
            true
        }
        _ => false,
    }
}
