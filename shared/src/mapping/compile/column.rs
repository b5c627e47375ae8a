//! Resolves a column: its format, and what its default and its `values` become.

use std::collections::BTreeMap;

use crate::mapping::cell::CellFormat;
use crate::mapping::document::{Column, ColumnType};
use crate::mapping::json::push_string;
use crate::problem::FieldError;

/// A column with everything resolved that does not depend on a file.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct CompiledColumn {
    /// The input column.
    pub from: String,
    /// What comes before the column's token: `{` or `,`, its name as a JSON string, and the colon.
    pub lead: String,
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
        let mut check = Check { column, at, is_key, errors };
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
        let mut lead = String::from(if at == 0 { '{' } else { ',' });
        push_string(&mut lead, &column.name);
        lead.push(':');
        let is_required = column.required || is_key;
        Some(Self { from: column.from.clone(), lead, format, values, default, is_required, is_key })
    }
}

/// A column under check, and where errors go.
pub(super) struct Check<'c> {
    pub(super) column: &'c Column,
    at: usize,
    is_key: bool,
    errors: &'c mut Vec<FieldError>,
}

impl Check<'_> {
    pub(super) fn error(&mut self, field: &str, detail: impl Into<String>) {
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
    pub(super) fn check_reachable<'w>(
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
        if trimmed.is_empty() && (self.is_key || !matches!(format, CellFormat::Text)) {
            self.error(field, "is empty; only text outside of the key can be");
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
