//! Resolves a column: its format, and what its default and its `values` become.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::mapping::cell::{BooleanFormat, CellFormat, DecimalFormat, LocalZone, Pattern, TimestampFormat};
use crate::mapping::document::{Column, ColumnType};
use crate::mapping::json::push_string;
use crate::problem::FieldError;

/// A column with everything resolved that does not depend on a file.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct CompiledColumn {
    /// The input column.
    pub from: String,
    /// The member's name as a JSON string, and the colon.
    pub member: String,
    pub format: CellFormat,
    /// JSON tokens by the cells that stand for them.
    pub values: Option<BTreeMap<String, String>>,
    /// The JSON token that an empty cell stands for.
    pub default: Option<String>,
    pub is_required: bool,
    pub is_key: bool,
}

impl CompiledColumn {
    /// Resolves the column at an index; None where its format is wrong.
    pub fn compile(column: &Column, at: usize, is_key: bool, errors: &mut Vec<FieldError>) -> Option<Self> {
        let mut check = Check { column, at, errors };
        if column.name.is_empty() {
            check.error("name", "is empty; name the member of the JSON record");
        }
        check.refuse_what_the_type_does_not_take();
        let format = check.format()?;
        let default = match &column.default {
            Some(default) => check.token(&format, "default", default),
            None => None,
        };
        let values = column.values.as_ref().map(|values| check.values(&format, values));
        let mut member = String::new();
        push_string(&mut member, &column.name);
        member.push(':');
        let is_required = column.required || is_key;
        Some(Self { from: column.from.clone(), member, format, values, default, is_required, is_key })
    }
}

/// A column under check, and where errors go.
struct Check<'c> {
    column: &'c Column,
    at: usize,
    errors: &'c mut Vec<FieldError>,
}

impl Check<'_> {
    fn error(&mut self, field: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(format!("columns[{}].{field}", self.at), detail));
    }

    fn refuse_what_the_type_does_not_take(&mut self) {
        use ColumnType::{Boolean, Date, Decimal, Timestamp};
        let column = self.column;
        let options: [(&str, bool, &[ColumnType]); 7] = [
            ("decimal_mark", column.decimal_mark.is_some(), &[Decimal]),
            ("grouping", column.grouping.is_some(), &[Decimal]),
            ("format", column.format.is_some(), &[Date, Timestamp]),
            ("time_zone", column.time_zone.is_some(), &[Timestamp]),
            ("ambiguous", column.ambiguous.is_some(), &[Timestamp]),
            ("true_values", !column.true_values.is_empty(), &[Boolean]),
            ("false_values", !column.false_values.is_empty(), &[Boolean]),
        ];
        for (field, is_given, types) in options {
            if is_given && !types.contains(&column.kind) {
                self.error(field, "is not for columns of this type; leave it out");
            }
        }
    }

    fn format(&mut self) -> Option<CellFormat> {
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
                Some(LocalZone { name, zone, ambiguous: self.column.ambiguous.unwrap_or_default() })
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

    fn values(&mut self, format: &CellFormat, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        if values.is_empty() {
            self.error("values", "is empty, which makes every cell an error; leave it out");
        }
        self.check_reachable("values", format, values.keys());
        let tokens = values.iter().map(|(cell, value)| {
            let token = self.token(format, &format!("values.{cell}"), value);
            (cell.clone(), token.unwrap_or_default())
        });
        tokens.collect()
    }

    /// Refuses words that no cell can ever be.
    fn check_reachable<'w>(
        &mut self,
        field: &str,
        format: &CellFormat,
        words: impl IntoIterator<Item = &'w String>,
    ) {
        for word in words {
            if word.is_empty() {
                self.error(field, "has an empty text, but empty cells go by `default` and `required`");
            } else if format.trim(word) != word {
                self.error(
                    field,
                    format!("{word:?} can never match, since outer spaces are taken off cells"),
                );
            }
        }
    }

    /// Converts what the mapping itself says as a cell.
    fn token(&mut self, format: &CellFormat, field: &str, cell: &str) -> Option<String> {
        let mut token = String::new();
        let trimmed = format.trim(cell);
        if trimmed.is_empty() && !matches!(format, CellFormat::Text) {
            self.error(field, "is empty; only text can be");
            return None;
        }
        match format.convert(trimmed, &mut token) {
            Ok(()) => Some(token),
            Err(unfit) => {
                self.error(field, format!("{cell:?} does not fit this column; expected {}", unfit.expected));
                None
            }
        }
    }
}
