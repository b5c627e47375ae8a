//! Resolves what a mapping states about a column's cells, per type.
//!
//! Nothing is assumed: what a type needs and the mapping does not state is an error.

use jiff::tz::TimeZone;

use super::column::Check;
use crate::mapping::cell::{
    BooleanFormat, CellFormat, LocalZone, MovedDate, MovedTimestamp, Pattern, TimestampFormat,
};
use crate::mapping::document::{ColumnType, Source};

impl Check<'_, '_, '_> {
    /// Resolves what the mapping states about cells; None, and errors, where that is wrong.
    pub(super) fn format(&mut self, kind: ColumnType) -> Option<CellFormat> {
        match kind {
            ColumnType::Decimal => {
                let operations = self.operations();
                self.number(operations)
            }
            ColumnType::Date => {
                let pattern = self.date()?;
                Some(match self.moves(false) {
                    (moves, _) if moves.is_empty() => CellFormat::Date(pattern),
                    (moves, _) => CellFormat::MovedDate(Box::new(MovedDate { pattern, moves })),
                })
            }
            ColumnType::Timestamp => {
                let format = self.timestamp()?;
                Some(match self.moves(true) {
                    (moves, 0) if moves.is_empty() => CellFormat::Timestamp(format),
                    (moves, minutes) => {
                        CellFormat::MovedTimestamp(Box::new(MovedTimestamp { format, moves, minutes }))
                    }
                })
            }
            kind => self.format_as_stated(kind),
        }
    }

    /// Resolves the same without what is done to values.
    pub(super) fn format_as_stated(&mut self, kind: ColumnType) -> Option<CellFormat> {
        match kind {
            ColumnType::Text => Some(CellFormat::Text),
            ColumnType::Identifier => Some(CellFormat::Identifier),
            ColumnType::Integer => Some(CellFormat::Integer),
            ColumnType::Decimal => self.number(Vec::new()),
            ColumnType::Date => self.date().map(CellFormat::Date),
            ColumnType::Time => self.time().map(CellFormat::Time),
            ColumnType::Timestamp => self.timestamp().map(CellFormat::Timestamp),
            ColumnType::Duration if self.is_span() => Some(CellFormat::Span),
            ColumnType::Duration => self.duration().map(CellFormat::Duration),
            ColumnType::Boolean => self.boolean().map(CellFormat::Boolean),
        }
    }

    fn is_span(&self) -> bool {
        matches!(&self.column.from, Some(Source::Parts(parts)) if parts.start.is_some())
    }

    /// Takes the stated format apart.
    pub(super) fn any_pattern(&mut self, example: &str) -> Option<Pattern> {
        let Some(text) = &self.column.format else {
            self.error("format", format!("is missing; state how cells are written, {example}"));
            return None;
        };
        let from = self.column.two_digit_years_from;
        if from.is_some_and(|from| !(1..=9900).contains(&from)) {
            self.error("two_digit_years_from", "is not from 1 to 9900");
            return None;
        }
        let pattern = match from {
            Some(from) => Pattern::with_years_from(text, from),
            None => Pattern::new(text),
        };
        let pattern = pattern.map_err(|detail| self.error("format", detail)).ok()?;
        if from.is_some() && !pattern.has_two_digit_year() {
            self.error("two_digit_years_from", "is only for formats with %y; leave it out");
        }
        Some(pattern)
    }

    fn pattern(&mut self) -> Option<Pattern> {
        let pattern = self.any_pattern("such as %d.%m.%Y")?;
        if let Some(lack) = pattern.lacks_for_date() {
            self.error("format", format!("lacks {lack}"));
            return None;
        }
        Some(pattern)
    }

    fn time(&mut self) -> Option<Pattern> {
        let pattern = self.any_pattern("such as %H:%M")?;
        if let Some(lack) = pattern.lacks_for_time() {
            self.error("format", format!("lacks {lack}"));
            return None;
        }
        if pattern.has_any_date() || pattern.has_offset() {
            self.error("format", "has more than a time of day; map it as a date or a timestamp");
            return None;
        }
        Some(pattern)
    }

    fn date(&mut self) -> Option<Pattern> {
        let pattern = self.pattern()?;
        if pattern.has_offset() {
            self.error("format", "has an offset, which a date has no use for; map it as a timestamp");
            return None;
        }
        Some(pattern)
    }

    fn timestamp(&mut self) -> Option<TimestampFormat> {
        let zone = self.zone();
        let pattern = self.pattern()?;
        if let Some(lack) = pattern.lacks_for_time() {
            self.error("format", format!("lacks {lack}"));
            return None;
        }
        if pattern.has_offset() {
            for (field, is_given) in [
                ("time_zone", self.column.time_zone.is_some()),
                ("ambiguous", self.column.ambiguous.is_some()),
            ] {
                if is_given {
                    self.error(
                        field,
                        "contradicts the format, which reads the offset from the cells; leave it out",
                    );
                }
            }
            return Some(TimestampFormat { pattern, zone: None });
        }
        if self.column.time_zone.is_none() {
            self.error(
                "time_zone",
                "is missing; state the IANA zone of the file's local times, such as Europe/Oslo",
            );
        }
        Some(TimestampFormat { pattern, zone: Some(zone?) })
    }

    pub(super) fn zone(&mut self) -> Option<LocalZone> {
        let name = self.column.time_zone.as_ref()?;
        match TimeZone::get(name) {
            Ok(zone) if !zone.is_unknown() => {
                let name = zone.iana_name().unwrap_or(name).to_owned();
                Some(LocalZone::new(name, zone, self.column.ambiguous.unwrap_or_default()))
            }
            _ => {
                self.error("time_zone", format!("{name:?} is not a zone of the IANA database"));
                None
            }
        }
    }

    fn boolean(&mut self) -> Option<BooleanFormat> {
        let format = BooleanFormat {
            true_values: self.column.true_values.clone(),
            false_values: self.column.false_values.clone(),
        };
        for (field, words) in [("true_values", &format.true_values), ("false_values", &format.false_values)] {
            if words.is_empty() {
                self.error(field, "is missing; list the cells that mean it");
            }
            self.check_reachable(field, &CellFormat::Integer, words);
        }
        if let Some(word) = format.true_values.iter().find(|word| format.false_values.contains(word)) {
            self.error("false_values", format!("{word:?} means true too"));
        }
        Some(format)
    }
}
