//! Resolves where a column's text comes from, and what is done on the way.

use ::regex::Regex;

use super::column::{Check, CompiledColumn};
use super::condition::CompiledCondition;
use super::regex::with_one_group;
use crate::mapping::cell::SpanFormat;
use crate::mapping::document::{ColumnType, Otherwise, RunField, Source, SourceParts};
use crate::mapping::transform::TextTransform;

/// How a value is made that is not one cell as it stands.
#[derive(Clone, Debug)]
pub(in crate::mapping) struct Recipe {
    pub source: CompiledSource,
    pub transforms: Vec<TextTransform>,
    pub when: Option<CompiledCondition>,
    /// Whether the default goes out where the condition is not met, in place of null.
    pub else_default: bool,
    /// Whether the value tells how the record came, not what it is.
    pub is_circumstantial: bool,
}

/// Where a text comes from. Numbers are indexes of wanted columns.
#[derive(Clone, Debug)]
pub(in crate::mapping) enum CompiledSource {
    Column(usize),
    Joined {
        columns: Vec<usize>,
        join: String,
        skip_empty: bool,
    },
    /// The same JSON token in every record.
    Constant(String),
    /// An index into what is known of the file's surroundings.
    Given(usize),
    Line,
    /// Between two times.
    Span {
        date: Option<usize>,
        start: usize,
        end: usize,
        format: Box<SpanFormat>,
    },
}

/// Something that has to be known of a file's surroundings.
#[derive(Clone, Debug)]
pub(in crate::mapping) enum Given {
    /// What the one group matches in the file's name.
    FileName(Regex),
    Run(RunField),
}

impl CompiledColumn {
    /// Returns the input columns that it reads, as indexes.
    pub fn inputs(&self) -> Vec<usize> {
        match self.recipe.as_ref().map(|recipe| &recipe.source) {
            None => self.wanted.into_iter().collect(),
            Some(CompiledSource::Column(column)) => vec![*column],
            Some(CompiledSource::Joined { columns, .. }) => columns.clone(),
            Some(CompiledSource::Span { date, start, end, .. }) => {
                date.iter().chain([start, end]).copied().collect()
            }
            Some(CompiledSource::Constant(_) | CompiledSource::Given(_) | CompiledSource::Line) => Vec::new(),
        }
    }

    /// Returns whether it tells how the record came, not what it is.
    pub fn is_circumstantial(&self) -> bool {
        self.recipe.as_ref().is_some_and(|recipe| recipe.is_circumstantial)
    }
}

impl Check<'_, '_, '_> {
    /// Resolves the source: what errors call it, the input column where it is only one, and itself.
    pub(super) fn source(&mut self) -> Option<(String, Option<usize>, CompiledSource)> {
        let column = self.column;
        match &column.from {
            None => {
                self.error("from", "is missing; name the input column");
                None
            }
            Some(Source::Column(name)) => {
                let wanted = self.want("from", name, None);
                Some((name.clone(), Some(wanted), CompiledSource::Column(wanted)))
            }
            Some(Source::Parts(parts)) => {
                self.check_parts(parts)?;
                let (from, source) = self.parts(parts)?;
                Some((from, None, source))
            }
        }
    }

    fn want(&mut self, field: &str, name: &str, nth: Option<u32>) -> usize {
        self.draft.want(&format!("{}.{field}", self.field), name, nth)
    }

    fn check_parts(&mut self, parts: &SourceParts) -> Option<()> {
        let kinds = [
            parts.column.is_some(),
            parts.columns.is_some(),
            parts.constant.is_some(),
            parts.file_name.is_some(),
            parts.run.is_some(),
            parts.start.is_some() || parts.end.is_some(),
        ];
        if kinds.iter().filter(|is_given| **is_given).count() != 1 {
            let detail = "needs exactly one of column, columns, constant, file_name, run, and start with end";
            self.error("from", detail);
            return None;
        }
        let companions = [
            ("nth", parts.nth.is_some(), parts.column.is_some(), "`column`"),
            ("join", parts.join.is_some(), parts.columns.is_some(), "`columns`"),
            ("skip_empty", parts.skip_empty, parts.columns.is_some(), "`columns`"),
            ("date", parts.date.is_some(), parts.start.is_some(), "`start` and `end`"),
        ];
        for (field, is_given, fits, with) in companions {
            if is_given && !fits {
                self.error(
                    &format!("from.{field}"),
                    format!("is only for sources with {with}; leave it out"),
                );
            }
        }
        Some(())
    }

    fn parts(&mut self, parts: &SourceParts) -> Option<(String, CompiledSource)> {
        if let Some(name) = &parts.column {
            let wanted = self.want("from", name, parts.nth);
            let from = parts.nth.map_or_else(|| name.clone(), |nth| format!("{name} ({nth})"));
            return Some((from, CompiledSource::Column(wanted)));
        }
        if let Some(names) = &parts.columns {
            return self.joined(names, parts);
        }
        if let Some(text) = &parts.constant {
            return Some(("a constant".into(), CompiledSource::Constant(text.clone())));
        }
        if let Some(pattern) = &parts.file_name {
            // The pattern is checked on its own first, so that the error is about what the user wrote.
            let whole = with_one_group(pattern).and_then(|_| with_one_group(&format!("^(?:{pattern})$")));
            let regex = whole.map_err(|detail| self.error("from.file_name", detail)).ok()?;
            let given = self.draft.give(Given::FileName(regex));
            return Some(("the file's name".into(), CompiledSource::Given(given)));
        }
        if let Some(field) = parts.run {
            return self.run_field(field);
        }
        self.span(parts)
    }

    fn joined(&mut self, names: &[String], parts: &SourceParts) -> Option<(String, CompiledSource)> {
        if names.len() < 2 {
            self.error("from.columns", "has fewer than two columns; name one column as a text");
        }
        let Some(join) = &parts.join else {
            self.error(
                "from.join",
                "is missing; state what stands between the columns, perhaps an empty text",
            );
            return None;
        };
        let wanted = |(at, name): (usize, &String)| self.want(&format!("from.columns[{at}]"), name, None);
        let columns = names.iter().enumerate().map(wanted).collect();
        let source = CompiledSource::Joined { columns, join: join.clone(), skip_empty: parts.skip_empty };
        Some((names.join(", "), source))
    }

    fn run_field(&mut self, field: RunField) -> Option<(String, CompiledSource)> {
        if self.is_key {
            self.error("from.run", "cannot be in the key, since no record would be the same in two runs");
        }
        if self.draft.list.is_some() || self.draft.paths.last().is_some_and(|path| path.is_item) {
            self.error("from.run", "cannot be within a list; put it beside the list");
        }
        let source = match field {
            RunField::Line => CompiledSource::Line,
            field => CompiledSource::Given(self.draft.give(Given::Run(field))),
        };
        Some(("the run".into(), source))
    }

    fn span(&mut self, parts: &SourceParts) -> Option<(String, CompiledSource)> {
        let (Some(start), Some(end)) = (&parts.start, &parts.end) else {
            self.error("from", "has only one of start and end; each needs the other");
            return None;
        };
        if self.column.kind != Some(ColumnType::Duration) {
            self.error("from.start", "is only for durations; leave it out");
            return None;
        }
        let date = parts.date.as_ref().map(|name| (name, self.want("from.date", name, None)));
        let format = self.span_format(date.is_some());
        let columns = (self.want("from.start", start, None), self.want("from.end", end, None));
        let from = match date {
            Some((date, _)) => format!("{date}, {start}, {end}"),
            None => format!("{start}, {end}"),
        };
        let date = date.map(|(_, wanted)| wanted);
        Some((from, CompiledSource::Span { date, start: columns.0, end: columns.1, format: format?.into() }))
    }

    /// Resolves what is done on the way from the source; None where that is nothing.
    pub(super) fn recipe(
        &mut self,
        source: CompiledSource,
        transforms: Vec<TextTransform>,
    ) -> Option<Box<Recipe>> {
        let column = self.column;
        let when = column.when.as_ref().and_then(|condition| {
            let field = format!("{}.when", self.field);
            CompiledCondition::compile(condition, &field, self.draft)
        });
        if column.when.is_some() && self.is_key {
            self.error("when", "cannot be on a key column, which always has a value");
        }
        match column.otherwise {
            Some(_) if column.when.is_none() => {
                self.error("else", "is only for columns with `when`; leave it out")
            }
            Some(Otherwise::Default) if column.default.is_none() => {
                self.error("else", "is the default, but the column has none; state `default`");
            }
            _ => {}
        }
        let is_plain = matches!(column.from, Some(Source::Column(_)));
        if is_plain && transforms.is_empty() && column.when.is_none() {
            return None;
        }
        let else_default = column.otherwise == Some(Otherwise::Default);
        let is_circumstantial = match &column.from {
            Some(Source::Parts(parts)) => parts.run.is_some(),
            _ => false,
        };
        Some(Box::new(Recipe { source, transforms, when, else_default, is_circumstantial }))
    }

    /// Makes a constant's token, once for all records.
    pub(super) fn resolve_constant(&mut self, compiled: &mut CompiledColumn) {
        let Some(recipe) = compiled.recipe.as_deref() else { return };
        let CompiledSource::Constant(text) = &recipe.source else { return };
        if text.is_empty() {
            self.error("from.constant", "is empty; leave the column out, or state a text");
            return;
        }
        let mut token = String::new();
        let result = recipe.transformed(text).and_then(|text| compiled.convert(&text, &mut token));
        match result {
            Err(unfit) => {
                let detail = format!("{text:?} does not fit this column; expected {}", unfit.expected);
                self.error("from.constant", detail);
            }
            Ok(()) => {
                if let Some(recipe) = &mut compiled.recipe {
                    recipe.source = CompiledSource::Constant(token);
                }
            }
        }
    }
}
