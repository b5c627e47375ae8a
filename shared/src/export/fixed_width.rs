//! How lines of fixed width are written, as an administrator states it, and a record as such a line.
//!
//! Nothing is ever cut: what is longer than its column is its record's error.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Unfit,
    cell_text::{Kind, Written},
    cells::{Members, begins_as_a_mark},
    csv::{DecimalMark, LineEnd},
};
use crate::{mapping::Encoding, problem::FieldError};

/// Most columns of a line, and most characters of a column.
const MOST_COLUMNS: usize = 1000;
const MOST_WIDTH: u32 = 10_000;

/// How lines of fixed width are written: nothing of it is guessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedWidthOutput {
    /// The members of a record that become its cells, in this order, one right behind the other.
    pub columns: Vec<FixedColumn>,
    /// What ends a line.
    pub line_end: LineEnd,
    /// Whether the first line names the columns.
    #[serde(default)]
    pub header: bool,
    /// As of format `csv`. A record with a character that it does not have is not sent.
    #[serde(default = "utf_8")]
    pub encoding: String,
    /// What stands before the decimals of a number. Of texts only in columns with `decimal`.
    #[serde(default)]
    pub decimal_mark: DecimalMark,
}

fn utf_8() -> String {
    "utf-8".into()
}

/// A column of fixed width.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedColumn {
    /// The name of the member. One that is absent or null is a cell of spaces, whatever `fill` is.
    pub name: String,
    /// Its characters. A record with a longer value is not sent.
    pub width: u32,
    /// Where in its column a shorter value stands.
    pub align: Align,
    /// What fills the rest. A record with a value that ends in spaces where spaces follow, or begins with them where they
    /// go before, is not sent: nobody could tell them apart. Where numbers are filled with `0`, their sign stands before
    /// it.
    #[serde(default = "space")]
    pub fill: char,
    /// What the header line has in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// As of format `csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// As of format `csv`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// As of format `csv`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decimal: bool,
}

fn space() -> char {
    ' '
}

/// Where in its column a shorter value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// At its beginning.
    Left,
    /// At its end.
    Right,
}

/// How lines are made: the settings, read.
#[derive(Debug)]
pub(super) struct FixedLines<'a> {
    settings: &'a FixedWidthOutput,
    encoding: Encoding,
    kinds: Vec<Kind>,
}

impl<'a> FixedLines<'a> {
    pub(super) fn of(settings: &'a FixedWidthOutput) -> Result<Self, String> {
        let encoding = Encoding::named(&settings.encoding).map_err(|e| e.to_string())?;
        let kinds = settings.columns.iter().map(FixedColumn::kind).collect::<Result<_, _>>();
        Ok(Self { settings, encoding, kinds: kinds.map_err(|(field, why)| format!("{field}: {why}"))? })
    }

    /// How lines around the records are written.
    pub(super) fn frame(&self) -> (Encoding, DecimalMark, LineEnd) {
        (self.encoding, self.settings.decimal_mark, self.settings.line_end)
    }

    /// The line that names the columns, where there is to be one.
    pub(super) fn header(&self) -> Result<Vec<u8>, Unfit> {
        if !self.settings.header {
            return Ok(Vec::new());
        }
        let titles = self.settings.columns.iter().map(|column| {
            let title = column.header.clone().unwrap_or_else(|| column.name.clone());
            column.cell(&Written::Plain(title), ' ')
        });
        self.line(titles)
    }

    /// A record's line.
    pub(super) fn record(&self, members: &Members<'_>) -> Result<Vec<u8>, Unfit> {
        let cells = self.settings.columns.iter().zip(&self.kinds).map(|(column, kind)| {
            let value = members.get(&column.name).map_or("null", |value| value.get());
            let written = kind.text(&column.name, value, self.settings.decimal_mark)?;
            column.cell(&written, column.fill)
        });
        self.line(cells)
    }

    fn line(&self, cells: impl Iterator<Item = Result<String, Unfit>>) -> Result<Vec<u8>, Unfit> {
        let mut out = Vec::new();
        for (column, cell) in self.settings.columns.iter().zip(cells) {
            let cell = cell?;
            if out.is_empty() && begins_as_a_mark(self.encoding, &cell) {
                return Err(Unfit::BeginsAsAMark(column.name.clone()));
            }
            self.encoding.encode(&cell, &mut out).map_err(|character| Unfit::NoSuchCharacter {
                column: column.name.clone(),
                character,
                encoding: self.encoding.name(),
            })?;
        }
        // Every encoding that can be stated has the characters of a line end.
        let _ = self.encoding.encode(self.settings.line_end.text(), &mut out);
        Ok(out)
    }
}

impl FixedColumn {
    fn kind(&self) -> Result<Kind, (&'static str, String)> {
        Kind::of(self.date_format.as_deref(), self.time_zone.as_deref(), self.decimal)
    }

    /// A value in its place.
    fn cell(&self, written: &Written, fill: char) -> Result<String, Unfit> {
        let (Written::Text(text) | Written::Plain(text)) = written;
        if text.contains(|c: char| c.is_control() && c != '\t') {
            return Err(Unfit::LineBreak(self.name.clone()));
        }
        let length = text.chars().count();
        let Some(rest) = (self.width as usize).checked_sub(length) else {
            return Err(Unfit::TooLong { column: self.name.clone(), length, most: self.width as usize });
        };
        let is_edged = match self.align {
            Align::Left => text.ends_with(' '),
            Align::Right => text.starts_with(' '),
        };
        if fill == ' ' && is_edged {
            return Err(Unfit::EdgedBySpace(self.name.clone()));
        }
        let filling = |with: char| with.to_string().repeat(rest);
        Ok(match (self.align, written) {
            _ if text.is_empty() => filling(' '),
            (Align::Left, _) => format!("{text}{}", filling(fill)),
            (Align::Right, Written::Plain(number)) if fill == '0' && number.starts_with('-') => {
                format!("-{}{}", filling('0'), &number[1..])
            }
            (Align::Right, _) => format!("{}{text}", filling(fill)),
        })
    }
}

impl FixedWidthOutput {
    pub(super) fn check(&self, errors: &mut Vec<FieldError>) {
        let mut wrong = |field: &str, detail: String| {
            errors.push(FieldError::new(format!("export.fixed_width.{field}"), detail));
        };
        if self.columns.is_empty() || self.columns.len() > MOST_COLUMNS {
            wrong("columns", format!("must be 1 to {MOST_COLUMNS} columns"));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.columns.iter().find(|column| !seen.insert(&column.name)) {
            wrong("columns", format!("has '{}' twice", twice.name));
        }
        let encoding = Encoding::named(&self.encoding);
        if let Err(why) = &encoding {
            wrong("encoding", why.to_string());
        }
        for (i, column) in self.columns.iter().enumerate() {
            let mut of = |field: &str, detail: String| wrong(&format!("columns[{i}].{field}"), detail);
            if !(1..=MOST_WIDTH).contains(&column.width) {
                of("width", format!("must be 1 to {MOST_WIDTH} characters"));
            }
            if column.fill.is_control() || (column.fill == '0' && column.align == Align::Left) {
                of(
                    "fill",
                    "must be no control character, and no 0 behind a value: it would change a number".into(),
                );
            }
            if let Err((field, detail)) = column.kind() {
                of(field, detail);
            }
            let title = column.header.as_ref().unwrap_or(&column.name);
            let Ok(encoding) = &encoding else { continue };
            if encoding.encode(&column.fill.to_string(), &mut Vec::new()).is_err() {
                of("fill", format!("is not in {}", encoding.name()));
            }
            if !self.header {
                continue;
            }
            match column.cell(&Written::Plain(title.clone()), ' ') {
                Err(why) => of("header", why.to_string()),
                Ok(cell) if i == 0 && begins_as_a_mark(*encoding, &cell) => {
                    of("header", Unfit::BeginsAsAMark(column.name.clone()).to_string());
                }
                Ok(cell) if encoding.encode(&cell, &mut Vec::new()).is_err() => {
                    of("header", format!("has a character that {} does not have", encoding.name()));
                }
                Ok(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::export::{Export, Rendering};

    fn export(columns: Value, more: Value) -> Export {
        let mut settings = json!({ "columns": columns, "line_end": "crlf" });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let export = json!({ "file_name": "f", "format": "fixed_width", "fixed_width": settings });
        serde_json::from_value(export).unwrap()
    }

    fn line(export: &Export, record: &Value) -> Result<String, Unfit> {
        let piece = Rendering::of(export).unwrap().record(record.to_string().as_bytes())?;
        Ok(String::from_utf8_lossy(&piece.bytes).trim_end_matches("\r\n").to_string())
    }

    #[test]
    fn values_stand_in_their_place_and_nothing_is_cut() {
        let left = |width: u32| json!({ "name": "a", "width": width, "align": "left" });
        let zeros = json!({ "name": "a", "width": 6, "align": "right", "fill": "0", "decimal": true });
        let date = json!({ "name": "a", "width": 8, "align": "left", "date_format": "%Y%m%d" });
        for (column, value, wanted) in [
            (left(5), json!("Åse"), Ok("Åse  ")),
            (left(3), json!("Åse"), Ok("Åse")),
            (left(2), json!("Åse"), Err(Unfit::TooLong { column: "a".into(), length: 3, most: 2 })),
            (left(5), json!("a "), Err(Unfit::EdgedBySpace("a".into()))),
            (left(5), json!(" a"), Ok(" a   ")),
            (left(5), json!("a\nb"), Err(Unfit::LineBreak("a".into()))),
            (left(5), json!([1]), Err(Unfit::NotACell("a".into()))),
            (left(5), json!(true), Ok("true ")),
            (left(5), Value::Null, Ok("     ")),
            (json!({ "name": "a", "width": 5, "align": "right" }), json!("7"), Ok("    7")),
            (json!({ "name": "a", "width": 5, "align": "right", "fill": "0" }), json!("0042"), Ok("00042")),
            (zeros.clone(), json!("-1.50"), Ok("-01,50")),
            (zeros.clone(), json!(12), Ok("000012")),
            (zeros.clone(), Value::Null, Ok("      ")),
            (
                zeros.clone(),
                json!("-12345.0"),
                Err(Unfit::TooLong { column: "a".into(), length: 8, most: 6 }),
            ),
            (zeros, json!("x"), Err(Unfit::NotANumber("a".into()))),
            (date, json!("2026-10-25"), Ok("20261025")),
        ] {
            let export = export(json!([column]), json!({ "decimal_mark": "," }));
            assert_eq!(line(&export, &json!({ "a": value })), wanted.map(String::from), "{column} {value}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_named_when_it_is_saved() {
        let column = |more: Value| {
            let mut column = json!({ "name": "id", "width": 5, "align": "left" });
            column.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!([column])
        };
        for (columns, more, field) in [
            (column(json!({})), json!({ "header": true }), None),
            (json!([]), json!({}), Some("columns")),
            (column(json!({ "width": 0 })), json!({}), Some("columns[0].width")),
            (column(json!({ "fill": "\n" })), json!({}), Some("columns[0].fill")),
            (column(json!({ "fill": "0" })), json!({}), Some("columns[0].fill")),
            (column(json!({ "fill": "€" })), json!({ "encoding": "iso-8859-1" }), Some("columns[0].fill")),
            (column(json!({ "header": "Ansattnr" })), json!({ "header": true }), Some("columns[0].header")),
            (column(json!({ "header": "Ansattnr" })), json!({}), None),
            (column(json!({ "time_zone": "UTC" })), json!({}), Some("columns[0].time_zone")),
            (column(json!({})), json!({ "encoding": "latin1" }), Some("encoding")),
        ] {
            let mut errors = Vec::new();
            export(columns.clone(), more).fixed_width.unwrap().check(&mut errors);
            let found: Vec<String> = errors.into_iter().map(|e| e.field).collect();
            let wanted: Vec<String> = field.map(|f| format!("export.fixed_width.{f}")).into_iter().collect();
            assert_eq!(found, wanted, "{columns}");
        }
    }

    proptest! {
        /// Where a record fits, the places of its columns say it again.
        #[test]
        fn what_is_written_is_read_again_by_its_places(
            values in prop::collection::vec("[a-zÅ0 ]{0,6}", 3),
            right in any::<[bool; 3]>(),
        ) {
            let names = ["a", "b", "c"];
            let align = |right| if right { "right" } else { "left" };
            let columns = names.iter().zip(right).map(|(name, right)| json!({ "name": name, "width": 6, "align": align(right) }));
            let export = export(columns.collect(), json!({}));
            let record: Value = names.iter().zip(&values).map(|(name, value)| (name.to_string(), json!(value))).collect();
            let is_edged = values.iter().zip(right).any(|(v, right)| if right { v.starts_with(' ') } else { v.ends_with(' ') });
            match line(&export, &record) {
                Ok(line) => {
                    prop_assert!(!is_edged);
                    let characters: Vec<char> = line.chars().collect();
                    let read: Vec<String> = characters.chunks(6).zip(right).map(|(cell, right)| {
                        let cell: String = cell.iter().collect();
                        if right { cell.trim_start_matches(' ').into() } else { cell.trim_end_matches(' ').into() }
                    }).collect();
                    prop_assert_eq!(read, values);
                }
                Err(_) => prop_assert!(is_edged),
            }
        }
    }
}
