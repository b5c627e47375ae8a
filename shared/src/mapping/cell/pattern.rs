//! Dates and times of a stated format, read strictly.
//!
//! Directives mean what they mean to strptime, and what is read is checked against jiff's strtime in
//! a test; the reader is ours because strtime takes what is not there: it reads the year `26` as 26,
//! second 60 as 59, and `2026111` as the 11th of November. Here a year has four digits, numbers without
//! anything between them have all of theirs, and spaces are literal. Two-digit years, zone names and
//! locale formats are refused when the mapping is saved; names of months and days are English.
//!
//! Source: POSIX.1-2024 strptime.

use jiff::civil::{Date, Time, Weekday};

use self::Item::{DotFraction, Fraction, Literal, Meridiem, MonthName, Number, Offset, WeekdayName};

/// A format, taken apart.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct Pattern {
    text: String,
    items: Vec<Item>,
}

/// What a cell of a format says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    pub date: Date,
    /// Midnight where the format has no time.
    pub time: Time,
    pub offset_seconds: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Item {
    Literal(u8),
    /// Up to so many digits, or exactly so many, perhaps after one space of padding.
    Number { part: Part, digits: usize, is_exact: bool, is_padded: bool },
    MonthName { is_full: bool },
    WeekdayName { is_full: bool },
    Meridiem,
    /// Up to nine digits of a second.
    Fraction,
    /// The same after a point, or nothing.
    DotFraction,
    /// `+0200`, or `+02:00` with a colon, or `Z`.
    Offset { has_colon: bool },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Year,
    Month,
    Day,
    DayOfYear,
    Weekday,
    Hour,
    Hour12,
    Minute,
    Second,
    Nanosecond,
    Meridiem,
    Offset,
}

const PARTS: usize = Part::Offset as usize + 1;

impl Pattern {
    /// Takes a format apart.
    ///
    /// # Errors
    ///
    /// In words: the directive that is unknown, refused, repeated or in need of another.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut items = Vec::new();
        push_items(text, &mut items)?;
        for at in 1..items.len() {
            if let [Number { is_exact: left, .. }, Number { is_exact: right, .. }] = &mut items[at - 1..=at] {
                (*left, *right) = (true, true);
            }
        }
        let pattern = Self { text: text.into(), items };
        pattern.check()?;
        Ok(pattern)
    }

    /// Returns the format as the mapping states it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns what a date still lacks, in words.
    pub fn lacks_for_date(&self) -> Option<&'static str> {
        let has = |part| self.has(part);
        let has_day = has(Part::DayOfYear) || has(Part::Month) && has(Part::Day);
        match (has(Part::Year), has_day) {
            (true, true) => None,
            (false, _) => Some("%Y, the year"),
            (true, false) => Some("%m and %d, the month and the day"),
        }
    }

    /// Returns what a time of day still lacks, in words.
    pub fn lacks_for_time(&self) -> Option<&'static str> {
        match (self.has(Part::Hour) || self.has(Part::Hour12), self.has(Part::Minute)) {
            (true, true) => None,
            (false, _) => Some("%H, the hour"),
            (true, false) => Some("%M, the minute"),
        }
    }

    /// Returns whether cells state their offset from UTC.
    pub fn has_offset(&self) -> bool {
        self.has(Part::Offset)
    }

    fn has(&self, part: Part) -> bool {
        self.items.iter().any(|item| item.part() == Some(part))
    }

    fn check(&self) -> Result<(), String> {
        let mut parts: Vec<Part> = self.items.iter().filter_map(|item| item.part()).collect();
        if self.has(Part::DayOfYear) {
            parts.extend([Part::Month, Part::Day]);
        }
        if self.has(Part::Hour12) {
            parts.push(Part::Hour);
        }
        if let Some(at) = (1..parts.len()).find(|at| parts[..*at].contains(&parts[*at])) {
            return Err(format!("states the {} twice", format!("{:?}", parts[at]).to_lowercase()));
        }
        if self.has(Part::Hour12) != self.has(Part::Meridiem) {
            return Err("has only one of %I and %p; each needs the other".into());
        }
        if self.has(Part::Nanosecond) && !self.has(Part::Second) {
            return Err("has a fraction without %S, the second".into());
        }
        Ok(())
    }

    /// Reads a cell; None where it is not of this format or no such day or time exists.
    pub(super) fn read(&self, cell: &str) -> Option<Moment> {
        let mut rest = cell.as_bytes();
        let mut values = [0; PARTS];
        for item in &self.items {
            let value = item.read(&mut rest)?;
            if let Some(part) = item.part() {
                values[part as usize] = value;
            }
        }
        if !rest.is_empty() {
            return None;
        }
        self.moment(&values)
    }

    fn moment(&self, values: &[i32; PARTS]) -> Option<Moment> {
        let value = |part: Part| values[part as usize];
        let year = i16::try_from(value(Part::Year)).ok().filter(|year| *year > 0)?;
        let date = if self.has(Part::DayOfYear) {
            let day = i16::try_from(value(Part::DayOfYear)).ok()?;
            Date::new(year, 1, 1).ok()?.with().day_of_year(day).build().ok()?
        } else {
            let small = |part| i8::try_from(value(part)).ok();
            Date::new(year, small(Part::Month)?, small(Part::Day)?).ok()?
        };
        if self.has(Part::Weekday) && i32::from(date.weekday().to_monday_zero_offset()) != value(Part::Weekday) {
            return None;
        }
        let hour = match value(Part::Hour12) {
            0 if !self.has(Part::Hour12) => value(Part::Hour),
            hour @ 1..=12 => hour % 12 + 12 * value(Part::Meridiem),
            _ => return None,
        };
        let small = |value: i32| i8::try_from(value).ok();
        let (minute, second) = (small(value(Part::Minute))?, small(value(Part::Second))?);
        let time = Time::new(small(hour)?, minute, second, value(Part::Nanosecond)).ok()?;
        let offset_seconds = self.has_offset().then(|| value(Part::Offset));
        Some(Moment { date, time, offset_seconds })
    }
}

impl Item {
    fn part(self) -> Option<Part> {
        Some(match self {
            Literal(_) => return None,
            Number { part, .. } => part,
            MonthName { .. } => Part::Month,
            WeekdayName { .. } => Part::Weekday,
            Meridiem => Part::Meridiem,
            Fraction | DotFraction => Part::Nanosecond,
            Offset { .. } => Part::Offset,
        })
    }

    /// Takes the item off the front of a cell, and returns its value.
    fn read(self, rest: &mut &[u8]) -> Option<i32> {
        match self {
            Literal(byte) => {
                *rest = rest.strip_prefix(&[byte])?;
                Some(0)
            }
            Number { digits, is_exact, is_padded, .. } => {
                let is_spaced = is_padded && rest.first() == Some(&b' ');
                *rest = &rest[usize::from(is_spaced)..];
                let (value, count) = read_digits(rest, digits - usize::from(is_spaced));
                (count > 0 && (count == digits || is_spaced || !is_exact)).then_some(value)
            }
            MonthName { is_full } => read_name(rest, &MONTHS, is_full),
            WeekdayName { is_full } => read_name(rest, &WEEKDAYS, is_full),
            Meridiem => read_name(rest, &["AM", "PM"], true),
            DotFraction if rest.first() != Some(&b'.') => Some(0),
            DotFraction => {
                *rest = &rest[1..];
                Fraction.read(rest)
            }
            Fraction => {
                let (value, count) = read_digits(rest, 9);
                (count > 0).then(|| value * 10_i32.pow(9 - count as u32))
            }
            Offset { has_colon } => read_offset(rest, has_colon),
        }
    }
}

/// Appends the items of a format.
fn push_items(format: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let mut bytes = format.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            items.push(Literal(byte));
            continue;
        }
        let rest = bytes.as_slice();
        let length = rest.iter().position(|byte| byte.is_ascii_alphabetic() || *byte == b'%').map_or(rest.len(), |at| at + 1);
        let directive = String::from_utf8_lossy(&rest[..length]).into_owned();
        bytes = rest[length..].iter().copied().collect::<Vec<_>>().into_iter().as_slice().iter().copied().collect::<Vec<_>>().leak().bytes();
        let _ = directive;
    }
    Ok(())
}
