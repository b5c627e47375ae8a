//! Resolves what a mapping states about a column's cells, per type.
//!
//! Nothing is assumed: what a type needs and the mapping does not state is an error.

use jiff::tz::TimeZone;

use super::column::Check;
use crate::mapping::cell::{BooleanFormat, CellFormat, DecimalFormat, LocalZone, Pattern, TimestampFormat};
use crate::mapping::document::ColumnType;

impl Check<'_> {
    /// Resolves what the mapping states about cells; None, and errors, where that is wrong.
    pub(super) fn format(&mut self) -> Option<CellFormat> {
        match self.column.kind {
            ColumnType::Text => Some(CellFormat::Text),
            ColumnType::Integer => Some(CellFormat::Integer),
            ColumnType::Decimal => self.decimal().map(CellFormat::Decimal),
            ColumnType::Date => self.date().map(CellFormat::Date),
            ColumnType::Timestamp => self.timestamp().map(CellFormat::Timestamp),
            ColumnType::Boolean => self.boolean().map(CellFormat::Boolean),
        }
    }

    fn decimal(&mut self) -> Option<DecimalFormat> {
        let Some(mark) = &self.column.decimal_mark else {
            self.error("decimal_mark", "is missing; state `,` or `.`");
            return None;
        };
        if DecimalFormat::new(mark, None).is_none() {
            self.error("decimal_mark", format!("{mark:?} is neither `,` nor `.`"));
            return None;
        }
        let format = DecimalFormat::new(mark, self.column.grouping.as_deref());
        if format.is_none() {
            self.error("grouping", "is not one of space, `.`, `,` and `'`, or is the decimal mark");
        }
        format
    }

    fn pattern(&mut self) -> Option<Pattern> {
        let Some(text) = &self.column.format else {
            self.error("format", "is missing; state how cells are written, such as %d.%m.%Y");
            return None;
        };
        let pattern = Pattern::new(text).map_err(|detail| self.error("format", detail)).ok()?;
        if let Some(lack) = pattern.lacks_for_date() {
            self.error("format", format!("lacks {lack}"));
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

    fn zone(&mut self) -> Option<LocalZone> {
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
