//! Makes a value that is not one cell as it stands: condition, source, transforms, then the column's type.

use std::borrow::Cow;

use super::cell::{SpanCells, Unfit, trim_spaces};
use super::compile::{Compiled, CompiledColumn, CompiledSource, Recipe};
use super::fields::{Fields, Layout};
use super::input::raw_record::Children;
use super::map::Verdict;

/// A record under way, and where its file has what is wanted.
#[derive(Clone, Copy)]
pub(super) struct Record<'a, 'r> {
    pub layout: &'a Layout,
    pub fields: &'a Fields<'r>,
    /// The repeated children of the record.
    pub children: &'a [Children],
    /// In a list of children: which of them the fields are of.
    pub child: Option<usize>,
    pub line: u64,
    /// What tells it from all others of its file.
    pub place: u64,
}

impl Compiled {
    /// Appends the token of the column with this index.
    pub(super) fn token(&self, at: usize, record: Record<'_, '_>, out: &mut String) -> Result<(), Verdict> {
        let column = &self.columns[at];
        if let Some(recipe) = &column.recipe {
            return self.follow(column, recipe, record, out);
        }
        let cell = match record.fields.get(record.layout.columns[at]) {
            Ok(cell) => cell,
            Err(bytes) => return Err(column.malformed(bytes)),
        };
        column.convert(cell, out).map_err(|unfit| column.failed(cell, unfit))
    }

    /// Appends a token as a recipe says.
    pub(super) fn follow(
        &self,
        column: &CompiledColumn,
        recipe: &Recipe,
        record: Record<'_, '_>,
        out: &mut String,
    ) -> Result<(), Verdict> {
        if let Some(when) = &recipe.when {
            let is_met = when.meets(record.layout, record.fields);
            if !is_met.map_err(|why| self.unanswered(why))? {
                let default = column.default.as_ref().filter(|_| recipe.else_default);
                out.push_str(default.map_or("null", String::as_str));
                return Ok(());
            }
        }
        let cell = |wanted: usize| {
            record.fields.get(record.layout.wanted[wanted]).map_err(|bytes| self.malformed(wanted, bytes))
        };
        let text = match &recipe.source {
            CompiledSource::Constant(token) => {
                out.push_str(token);
                return Ok(());
            }
            CompiledSource::Column(wanted) => Cow::Borrowed(cell(*wanted)?),
            CompiledSource::Joined { columns, join, skip_empty } => {
                let cells = columns.iter().map(|wanted| cell(*wanted)).collect::<Result<Vec<_>, _>>()?;
                Cow::Owned(joined(&cells, join, *skip_empty))
            }
            CompiledSource::Given(at) => Cow::Borrowed(record.layout.given[*at].as_str()),
            CompiledSource::Line => Cow::Owned(record.line.to_string()),
            CompiledSource::Span { date, start, end, format } => {
                let date = date.map(cell).transpose()?;
                let cells = SpanCells { date, start: cell(*start)?, end: cell(*end)? };
                let converted =
                    if cells.are_empty() { column.convert("", out) } else { format.convert(cells, out) };
                return converted.map_err(|unfit| column.failed(&cells.text(), unfit));
            }
        };
        let converted = recipe.transformed(&text).and_then(|text| column.convert(&text, out));
        converted.map_err(|unfit| column.failed(&text, unfit))
    }
}

impl Recipe {
    /// Returns a text with everything done to it, in order; what is empty stays so.
    pub(super) fn transformed<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, Unfit> {
        let mut text = Cow::Borrowed(text);
        for transform in &self.transforms {
            if text.is_empty() {
                break;
            }
            text = transform.apply(text)?;
        }
        Ok(text)
    }
}

/// Joins cells; nothing where none of them has anything but spaces.
fn joined(cells: &[&str], join: &str, skip_empty: bool) -> String {
    let is_empty = |cell: &str| trim_spaces(cell).is_empty();
    if cells.iter().all(|cell| is_empty(cell)) {
        return String::new();
    }
    let kept: Vec<&str> = cells.iter().copied().filter(|cell| !(skip_empty && is_empty(cell))).collect();
    kept.join(join)
}
