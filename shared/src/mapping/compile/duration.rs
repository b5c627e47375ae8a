//! Resolves what a mapping states about lengths of time: in one cell, or between two times.

use super::column::Check;
use crate::mapping::cell::{DurationFormat, Pattern, SpanFormat, TimestampFormat};
use crate::mapping::document::{Notation, SameTime};

impl Check<'_, '_, '_> {
    /// Resolves the notations of a duration in one cell.
    pub(super) fn duration(&mut self) -> Option<DurationFormat> {
        let column = self.column;
        let of_spans = [
            ("format", column.format.is_some()),
            ("two_digit_years_from", column.two_digit_years_from.is_some()),
            ("time_zone", column.time_zone.is_some()),
            ("ambiguous", column.ambiguous.is_some()),
            ("overnight", column.overnight),
            ("same_time", column.same_time.is_some()),
        ];
        for (field, is_given) in of_spans {
            if is_given {
                self.error(field, "is only for durations with `start` and `end`; leave it out");
            }
        }
        let notations = &column.notations;
        if notations.is_empty() {
            self.error("notations", "is missing; state h:mm, h:mm:ss, decimal_hours or minutes");
            return None;
        }
        if notations.contains(&Notation::DecimalHours) && notations.contains(&Notation::Minutes) {
            self.error("notations", "has both decimal_hours and minutes, which cannot be told apart");
        }
        let mark = match (notations.contains(&Notation::DecimalHours), column.decimal_mark.as_deref()) {
            (true, Some(",")) => ',',
            (true, Some(".")) => '.',
            (true, None) => {
                self.error("decimal_mark", "is missing; state `,` or `.`");
                return None;
            }
            (true, Some(mark)) => {
                self.error("decimal_mark", format!("{mark:?} is neither `,` nor `.`"));
                return None;
            }
            (false, mark) => {
                if mark.is_some() {
                    self.error("decimal_mark", "is only for durations in decimal_hours; leave it out");
                }
                '.'
            }
        };
        Some(DurationFormat { notations: notations.clone(), mark })
    }

    /// Resolves a duration between two times.
    pub(super) fn span_format(&mut self, has_date_column: bool) -> Option<SpanFormat> {
        let column = self.column;
        let of_cells = [
            ("notations", !column.notations.is_empty()),
            ("decimal_mark", column.decimal_mark.is_some()),
            ("default", column.default.is_some()),
            ("values", column.values.is_some()),
        ];
        for (field, is_given) in of_cells {
            if is_given {
                self.error(field, "is not for durations with `start` and `end`; leave it out");
            }
        }
        let pattern = self.any_pattern("such as %H:%M")?;
        if let Some(lack) = pattern.lacks_for_time() {
            self.error("format", format!("lacks {lack}"));
            return None;
        }
        let has_date = self.span_has_date(&pattern, has_date_column)?;
        match column.same_time {
            Some(_) if !column.overnight => self.error("same_time", "is only for durations with `overnight`"),
            _ => {}
        }
        if column.overnight && has_date && !has_date_column {
            self.error(
                "overnight",
                "contradicts the format, in which each time has its own date; leave it out",
            );
        }
        let has_zone = column.time_zone.is_some();
        if has_zone && (!has_date || pattern.has_offset()) {
            self.error("time_zone", "is only for times with a date and without an offset; leave it out");
        }
        if column.ambiguous.is_some() && !has_zone {
            self.error("ambiguous", "is only for durations with a `time_zone`; leave it out");
        }
        let zone = match has_zone {
            true => Some(self.zone()?),
            false => None,
        };
        Some(SpanFormat {
            timestamp: TimestampFormat { pattern, zone },
            has_date,
            overnight: column.overnight,
            same_time: column.same_time.unwrap_or(SameTime::Error),
        })
    }

    fn span_has_date(&mut self, pattern: &Pattern, has_date_column: bool) -> Option<bool> {
        let lack = pattern.lacks_for_date();
        if let (Some(lack), true) = (lack, has_date_column || pattern.has_any_date()) {
            self.error("format", format!("lacks {lack}"));
            return None;
        }
        let has_date = lack.is_none();
        if pattern.has_offset() && (!has_date || has_date_column) {
            self.error("format", "has an offset, which only times with their own date can have");
            return None;
        }
        Some(has_date)
    }
}
