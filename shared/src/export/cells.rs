//! A record as a line of CSV.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{
    Unfit,
    cell_text::{Kind, Written},
    csv::{Column, CsvOutput, DecimalMark, FormulaCells, LineEnd, Quoting, StatedColumn},
    formula::is_formula,
    number::plain,
    sum::Amount,
};
use crate::mapping::{Encoding, MARKS};

/// How the lines of a CSV file are made: the settings, read.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    csv: &'a CsvOutput,
    encoding: Encoding,
    /// How the cells of each column are written.
    kinds: Vec<Kind>,
}

impl<'a> Lines<'a> {
    /// Reads the settings.
    ///
    /// # Errors
    /// Says what in them cannot be used. Settings that were checked have nothing of that.
    pub(super) fn of(csv: &'a CsvOutput) -> Result<Self, String> {
        let encoding = Encoding::named(&csv.encoding).map_err(|e| e.to_string())?;
        let kinds = csv.columns.iter().map(kind).collect::<Result<_, _>>()?;
        Ok(Self { csv, encoding, kinds })
    }

    /// How lines around the records are written.
    pub(super) fn line(&self) -> (Encoding, DecimalMark, LineEnd) {
        (self.encoding, self.csv.decimal_mark, self.csv.line_end)
    }

    /// The byte order mark, where there is to be one.
    pub(super) fn mark(&self) -> &'static [u8] {
        let mark = if self.csv.bom { self.encoding.byte_order_mark() } else { None };
        mark.unwrap_or_default()
    }

    /// The line that names the columns, where there is to be one.
    pub(super) fn header(&self) -> Result<Vec<u8>, Unfit> {
        if !self.csv.header {
            return Ok(Vec::new());
        }
        self.joined(self.csv.columns.iter().map(|c| c.header().to_string()))
    }

    /// A record's line.
    pub(super) fn record(&self, members: &Members<'_>) -> Result<Vec<u8>, Unfit> {
        let mut cells = Vec::with_capacity(self.kinds.len());
        for (column, kind) in self.csv.columns.iter().zip(&self.kinds) {
            let value = members.get(column.name()).map_or("null", |value| value.get());
            cells.push(self.cell(column.name(), kind, value)?);
        }
        self.joined(cells.into_iter())
    }

    fn cell(&self, column: &str, kind: &Kind, value: &str) -> Result<String, Unfit> {
        match kind.text(column, value, self.csv.decimal_mark)? {
            Written::Text(text) => self.text(column, text),
            Written::Plain(text) => Ok(text),
        }
    }

    fn text(&self, column: &str, text: String) -> Result<String, Unfit> {
        match self.csv.formula_cells {
            FormulaCells::Refuse if is_formula(&text) => Err(Unfit::Formula(column.into())),
            FormulaCells::QuotePrefix if is_formula(&text) => Ok(format!("'{text}")),
            _ => Ok(text),
        }
    }

    /// A line of CSV.
    ///
    /// Source: RFC 4180, section 2.
    fn joined(&self, cells: impl Iterator<Item = String>) -> Result<Vec<u8>, Unfit> {
        let mut out = Vec::new();
        let mark = self.csv.delimiter.to_string();
        for (i, (column, cell)) in self.csv.columns.iter().zip(cells).enumerate() {
            if i > 0 {
                self.put(column, &mark, &mut out)?;
            }
            // What comes first in a file could be taken for its byte order mark.
            let is_quoted = self.is_quoted(&cell) || i == 0 && begins_as_a_mark(self.encoding, &cell);
            let cell = if is_quoted { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell };
            self.put(column, &cell, &mut out)?;
        }
        // Every encoding that can be stated has the characters of a line end.
        let _ = self.encoding.encode(self.csv.line_end.text(), &mut out);
        Ok(out)
    }

    fn is_quoted(&self, cell: &str) -> bool {
        let is_edged = cell.starts_with(' ') || cell.ends_with(' ');
        let is_alone = cell.is_empty() && self.csv.columns.len() == 1; // an empty line would be no record
        self.csv.quoting == Quoting::All
            || is_edged
            || is_alone
            || cell.contains([self.csv.delimiter, '"', '\r', '\n'])
    }

    fn put(&self, column: &Column, text: &str, out: &mut Vec<u8>) -> Result<(), Unfit> {
        self.encoding.encode(text, out).map_err(|character| Unfit::NoSuchCharacter {
            column: column.name().into(),
            character,
            encoding: self.encoding.name(),
        })
    }
}

/// Says whether a text has the bytes of a byte order mark at its beginning, in the encoding that it is written in.
pub(super) fn begins_as_a_mark(encoding: Encoding, text: &str) -> bool {
    // Its first characters are enough, and what the encoding does not have is no mark.
    let first: String = text.chars().take(4).collect();
    let mut bytes = Vec::new();
    encoding.encode(&first, &mut bytes).is_ok() && MARKS.iter().any(|(_, mark)| bytes.starts_with(mark))
}

fn kind(column: &Column) -> Result<Kind, String> {
    let Column::Stated(StatedColumn { date_format, time_zone, decimal, .. }) = column else {
        return Ok(Kind::AsItIs);
    };
    let kind = Kind::of(date_format.as_deref(), time_zone.as_deref(), *decimal);
    kind.map_err(|(field, why)| format!("{field} of {}: {why}", column.name()))
}

/// The members of a record, each as its JSON.
pub(super) type Members<'a> = HashMap<String, &'a RawValue>;

/// Reads the members of a record.
pub(super) fn members(record: &[u8]) -> Result<Members<'_>, Unfit> {
    serde_json::from_slice::<IgnoredAny>(record).map_err(|_| Unfit::NotJson)?;
    serde_json::from_slice(record).map_err(|_| Unfit::NotAnObject)
}

/// What a member adds to the sum of its column: nothing where it is absent or null.
pub(super) fn amount(members: &Members<'_>, column: &str) -> Result<Amount, Unfit> {
    let value = members.get(column).map_or("null", |value| value.get());
    let number = match value.as_bytes().first() {
        Some(b'n') | None => return Ok(Amount::default()),
        Some(b'"') => serde_json::from_str::<String>(value).map_err(|_| Unfit::NotJson)?,
        Some(_) => value.into(),
    };
    plain(&number).as_deref().and_then(Amount::of).ok_or_else(|| Unfit::NotAnAmount(column.into()))
}
