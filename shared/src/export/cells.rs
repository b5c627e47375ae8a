//! A record as a line of CSV.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{
    Unfit,
    csv::{Column, CsvOutput, FormulaCells, Quoting, StatedColumn},
    formula::is_formula,
    moment::{MomentFormat, NoMoment},
    number::plain,
    sum::Amount,
};
use crate::mapping::Encoding;

/// How the lines of a CSV file are made: the settings, read.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    csv: &'a CsvOutput,
    encoding: Encoding,
    /// How the cells of each column are written.
    kinds: Vec<Kind>,
}

/// How the cells of a column are written.
#[derive(Debug)]
enum Kind {
    AsItIs,
    Decimal,
    Moment(MomentFormat),
}

impl<'a> Lines<'a> {
    /// Reads the settings.
    ///
    /// # Errors
    /// Says what in them cannot be used. Settings that were checked have nothing of that.
    pub(super) fn of(csv: &'a CsvOutput) -> Result<Self, String> {
        let encoding = Encoding::named(&csv.encoding).map_err(|e| e.to_string())?;
        let kinds = csv.columns.iter().map(Kind::of).collect::<Result<_, _>>()?;
        Ok(Self { csv, encoding, kinds })
    }

    /// The encoding of the file.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The line that names the columns.
    pub(super) fn header(&self) -> Result<Vec<u8>, Unfit> {
        self.line(self.csv.columns.iter().map(|c| c.header().to_string()))
    }

    /// A record's line.
    pub(super) fn record(&self, members: &Members<'_>) -> Result<Vec<u8>, Unfit> {
        let mut cells = Vec::with_capacity(self.kinds.len());
        for (column, kind) in self.csv.columns.iter().zip(&self.kinds) {
            let value = members.get(column.name()).map_or("null", |value| value.get());
            cells.push(self.cell(column.name(), kind, value)?);
        }
        self.line(cells.into_iter())
    }

    fn cell(&self, column: &str, kind: &Kind, value: &str) -> Result<String, Unfit> {
        let number = |text: &str| match plain(text) {
            Some(number) => Ok(self.csv.decimal_mark.put_into(number)),
            None => Err(Unfit::NotANumber(column.into())),
        };
        match (value.as_bytes().first(), kind) {
            (Some(b'n') | None, _) => Ok(String::new()),
            (Some(b'{' | b'['), _) => Err(Unfit::NotACell(column.into())),
            (Some(b'"'), kind) => {
                let text: String = serde_json::from_str(value).map_err(|_| Unfit::NotJson)?;
                match kind {
                    Kind::AsItIs => self.text(column, text),
                    Kind::Decimal => number(&text),
                    Kind::Moment(format) => format.write(&text).map_err(|why| no_moment(why, column)),
                }
            }
            (_, Kind::Moment(_)) => Err(Unfit::NotADate(column.into())),
            (Some(b't' | b'f'), Kind::Decimal) => Err(Unfit::NotANumber(column.into())),
            (Some(b't' | b'f'), Kind::AsItIs) => Ok(value.into()),
            (Some(_), Kind::AsItIs | Kind::Decimal) => number(value),
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
    fn line(&self, cells: impl Iterator<Item = String>) -> Result<Vec<u8>, Unfit> {
        let mut out = Vec::new();
        let mark = self.csv.delimiter.to_string();
        for (i, (column, cell)) in self.csv.columns.iter().zip(cells).enumerate() {
            if i > 0 {
                self.put(column, &mark, &mut out)?;
            }
            let cell =
                if self.is_quoted(&cell) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell };
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

impl Kind {
    fn of(column: &Column) -> Result<Self, String> {
        Ok(match column {
            Column::Stated(StatedColumn { date_format: Some(format), time_zone, .. }) => {
                let format = MomentFormat::of(format, time_zone.as_deref());
                Self::Moment(format.map_err(|(field, why)| format!("{field} of {}: {why}", column.name()))?)
            }
            Column::Stated(StatedColumn { decimal: true, .. }) => Self::Decimal,
            Column::Name(_) | Column::Stated(_) => Self::AsItIs,
        })
    }
}

fn no_moment(why: NoMoment, column: &str) -> Unfit {
    match why {
        NoMoment::Unreadable => Unfit::NotADate(column.into()),
        NoMoment::DateOnly => Unfit::NoTimeOfDay(column.into()),
    }
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
