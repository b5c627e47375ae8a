//! Resolves a column: its format, and what its default and its `values` become.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::source::Recipe;
use crate::mapping::cell::CellFormat;
use crate::mapping::document::{Column, ColumnType};

/// A column with everything resolved that does not depend on a file.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct CompiledColumn {
    /// The input column, or what else errors call the source.
    pub from: String,
    /// Of a column of a list of children: its path from the item.
    pub path_in_list: Option<String>,
    /// What comes before the column's token: `{` or `,`, its name as a JSON string, and the colon; nothing in a list.
    pub lead: String,
    pub format: CellFormat,
    /// JSON tokens by the cells that stand for them.
    pub values: Option<BTreeMap<String, String>>,
    /// The JSON token that an empty cell stands for.
    pub default: Option<String>,
    pub is_required: bool,
    pub is_key: bool,
    /// Whether it is tagged as personal data.
    pub is_personal: bool,
    /// Whether it is, or reads what such a column reads, so that its cells are shown masked.
    pub is_masked: bool,
    /// The index of the input column; None where there is a recipe.
    pub wanted: Option<usize>,
    /// How the value is made where it is not one cell as it stands.
    pub recipe: Option<Box<Recipe>>,
}

impl CompiledColumn {
    /// Resolves a column with a value; None where its format is wrong.
    pub(super) fn compile(
        column: &Column,
        field: &str,
        lead: String,
        is_key: bool,
        draft: &mut Draft<'_>,
    ) -> Option<Self> {
        let mut check = Check { column, field, is_key, draft };
        let Some(kind) = column.kind else {
            check.error("type", "is missing; state what the cells are");
            return None;
        };
        check.refuse_what_the_type_does_not_take(kind);
        let (from, wanted, source) = check.source()?;
        let texts = check.text_transforms(kind);
        let format = check.format(kind)?;
        // What the mapping itself states is final: it is not added to or moved.
        let stated = check.format_of_what_is_stated(kind, &format)?;
        let default = match &column.default {
            Some(default) => check.token(&stated, "default", default),
            None => None,
        };
        let values = column.values.as_ref().map(|values| check.values(&stated, values));
        let recipe = check.recipe(source, texts);
        let mut compiled = Self {
            from,
            path_in_list: None,
            lead,
            format,
            values,
            default,
            is_required: column.required || is_key,
            is_key,
            is_personal: column.pii,
            is_masked: column.pii,
            wanted,
            recipe,
        };
        check.resolve_constant(&mut compiled);
        Some(compiled)
    }
}

/// A column under check, and where errors go.
pub(super) struct Check<'c, 'd, 'm> {
    pub(super) column: &'c Column,
    pub(super) field: &'c str,
    pub(super) is_key: bool,
    pub(super) draft: &'d mut Draft<'m>,
}

impl Check<'_, '_, '_> {
    pub(super) fn error(&mut self, field: &str, detail: impl Into<String>) {
        self.draft.error(format!("{}.{field}", self.field), detail);
    }

    /// Refuses what is stated and means nothing for the type.
    pub(super) fn refuse_what_the_type_does_not_take(&mut self, kind: ColumnType) {
        use ColumnType::{Boolean, Date, Decimal, Duration, Time, Timestamp};
        let column = self.column;
        let options: [(&str, bool, &[ColumnType]); 16] = [
            ("decimal_mark", column.decimal_mark.is_some(), &[Decimal, Duration]),
            ("grouping", column.grouping.is_some(), &[Decimal]),
            ("sign", column.sign.is_some(), &[Decimal]),
            ("prefixes", !column.prefixes.is_empty(), &[Decimal]),
            ("suffixes", !column.suffixes.is_empty(), &[Decimal]),
            ("scale", column.scale.is_some(), &[Decimal]),
            ("round", column.round.is_some(), &[Decimal]),
            ("format", column.format.is_some(), &[Date, Time, Timestamp, Duration]),
            ("two_digit_years_from", column.two_digit_years_from.is_some(), &[Date, Timestamp, Duration]),
            ("time_zone", column.time_zone.is_some(), &[Timestamp, Duration]),
            ("ambiguous", column.ambiguous.is_some(), &[Timestamp, Duration]),
            ("true_values", !column.true_values.is_empty(), &[Boolean]),
            ("false_values", !column.false_values.is_empty(), &[Boolean]),
            ("notations", !column.notations.is_empty(), &[Duration]),
            ("overnight", column.overnight, &[Duration]),
            ("same_time", column.same_time.is_some(), &[Duration]),
        ];
        for (field, is_given, types) in options {
            if is_given && !types.contains(&kind) {
                self.error(field, "is not for columns of this type; leave it out");
            }
        }
    }

    /// Resolves the format once more without what is done to values; what is wrong with it was said the first time.
    fn format_of_what_is_stated(&mut self, kind: ColumnType, format: &CellFormat) -> Option<CellFormat> {
        if self.column.transforms.is_empty() {
            return Some(format.clone());
        }
        let known = self.draft.errors.len();
        let stated = self.format_as_stated(kind);
        self.draft.errors.truncate(known);
        stated
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
