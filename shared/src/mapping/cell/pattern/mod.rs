//! Dates and times of a stated format, read strictly.
//!
//! Directives mean what they mean to strptime, and what is read is checked against jiff's strtime in
//! a test; the reader is ours because strtime takes what is not there: it reads the year `26` as 26,
//! second 60 as 59, and `2026111` as the 1st of November. Here a year has four digits, numbers with
//! nothing between them have all of theirs, and spaces are literal. Two-digit years without a stated century, zone names
//! and locale formats are refused when the mapping is saved; names of months and days are English.
//!
//! Source: POSIX.1-2024, strptime.

mod directives;
mod item;
mod layout;
mod time_of_day;

use jiff::civil::{Date, Time};

use self::{
    item::{Item, PARTS, Part},
    layout::Layout,
};

/// A format, taken apart.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct Pattern {
    text: String,
    items: Vec<Item>,
    has: [bool; PARTS],
    /// Where everything is in cells whose numbers have all their digits, as most have.
    layout: Option<Layout>,
    /// Where years have two digits: the first of the hundred years that they mean.
    years_from: Option<i16>,
}

/// What a cell of a format says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    pub date: Date,
    /// Midnight where the format has no time.
    pub time: Time,
    /// Where the format has an offset: seconds east of UTC.
    pub offset_seconds: Option<i32>,
}

impl Pattern {
    /// Takes a format apart.
    ///
    /// # Errors
    ///
    /// In words: the directive that is unknown, refused, repeated or in need of another.
    pub fn new(text: &str) -> Result<Self, String> {
        Self::parse(text, None)
    }

    /// The same, of a format in which `%y` may stand for one of the hundred years from this one.
    ///
    /// # Errors
    ///
    /// As [`Pattern::new`].
    pub fn with_years_from(text: &str, first: i16) -> Result<Self, String> {
        Self::parse(text, Some(first))
    }

    fn parse(text: &str, years_from: Option<i16>) -> Result<Self, String> {
        let items = directives::parse(text, years_from.is_some())?;
        let mut has = [false; PARTS];
        for part in items.iter().flat_map(|item| item.parts()) {
            if std::mem::replace(&mut has[*part as usize], true) {
                return Err(format!("states {} twice", part.name()));
            }
        }
        let has_two_digits = |item: &Item| matches!(item, Item::Number { part: Part::Year, digits: 2, .. });
        let years_from = years_from.filter(|_| items.iter().any(has_two_digits));
        let layout = Layout::of(&items);
        let pattern = Self { text: text.into(), items, has, layout, years_from };
        if pattern.has(Part::Hour12) != pattern.has(Part::Afternoon) {
            return Err("has only one of %I and %p; each needs the other".into());
        }
        if pattern.has(Part::Nanosecond) && !pattern.has(Part::Second) {
            return Err("has a fraction without %S, the second".into());
        }
        Ok(pattern)
    }

    /// Returns the format as the mapping states it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns what a date still lacks, in words.
    pub fn lacks_for_date(&self) -> Option<&'static str> {
        if !self.has(Part::Year) {
            return Some("%Y, the year");
        }
        (!self.has(Part::Month) || !self.has(Part::Day)).then_some("%m and %d, the month and the day")
    }

    /// Returns what a time of day still lacks, in words.
    pub fn lacks_for_time(&self) -> Option<&'static str> {
        if !self.has(Part::Hour) {
            return Some("%H, the hour");
        }
        (!self.has(Part::Minute)).then_some("%M, the minute")
    }

    /// Returns whether years have two digits.
    pub fn has_two_digit_year(&self) -> bool {
        self.years_from.is_some()
    }

    /// Returns whether there is anything of a date.
    pub fn has_any_date(&self) -> bool {
        [Part::Year, Part::Month, Part::Day, Part::Weekday].into_iter().any(|part| self.has(part))
    }

    /// Returns whether cells state their offset from UTC.
    pub fn has_offset(&self) -> bool {
        self.has(Part::Offset)
    }

    /// Reads a cell; None where it is not of this format or no such day or time exists.
    pub(super) fn read(&self, cell: &str) -> Option<Moment> {
        let mut values = [0; PARTS];
        if let Some(layout) = &self.layout
            && layout.read(cell.as_bytes(), &mut values)
        {
            return self.moment(&values);
        }
        values = [0; PARTS];
        let mut rest = cell.as_bytes();
        for item in &self.items {
            let value = item.read(&mut rest)?;
            if let Some(part) = item.parts().first() {
                values[*part as usize] = value;
            }
        }
        if !rest.is_empty() {
            return None;
        }
        self.moment(&values)
    }

    fn moment(&self, values: &[i32; PARTS]) -> Option<Moment> {
        Some(Moment {
            date: self.date(values)?,
            time: self.time(values)?,
            offset_seconds: self.has_offset().then_some(values[Part::Offset as usize]),
        })
    }

    fn date(&self, values: &[i32; PARTS]) -> Option<Date> {
        let value = |part: Part| i16::try_from(values[part as usize]).ok();
        let small = |part: Part| i8::try_from(values[part as usize]).ok();
        let year = match self.years_from {
            None => value(Part::Year).filter(|year| *year > 0)?,
            Some(first) => first + (value(Part::Year)? - first).rem_euclid(100),
        };
        let date = if self.has(Part::DayOfYear) {
            Date::constant(year, 1, 1).with().day_of_year(value(Part::DayOfYear)?).build().ok()?
        } else {
            Date::new(year, small(Part::Month)?, small(Part::Day)?).ok()?
        };
        let is_right_weekday = || Some(date.weekday().to_monday_zero_offset()) == small(Part::Weekday);
        (!self.has(Part::Weekday) || is_right_weekday()).then_some(date)
    }

    fn time(&self, values: &[i32; PARTS]) -> Option<Time> {
        let small = |part: Part| i8::try_from(values[part as usize]).ok();
        let hour = if self.has(Part::Hour12) {
            let hour = small(Part::Hour12).filter(|hour| (1..=12).contains(hour))?;
            hour % 12 + 12 * small(Part::Afternoon)?
        } else {
            small(Part::Hour)?
        };
        Time::new(hour, small(Part::Minute)?, small(Part::Second)?, values[Part::Nanosecond as usize]).ok()
    }

    fn has(&self, part: Part) -> bool {
        self.has[part as usize]
    }
}

#[cfg(test)]
mod tests;
