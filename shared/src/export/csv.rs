//! How CSV is written, as an administrator states it.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell_text::Kind;
use crate::{mapping::Encoding, problem::FieldError};

/// Most columns of a CSV file.
const MOST_COLUMNS: usize = 1000;

/// How CSV is written: nothing of it is guessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvOutput {
    /// The members of a record that become its cells, in this order; a member that is absent or null is an empty cell.
    pub columns: Vec<Column>,
    /// One character of ASCII between cells.
    pub delimiter: char,
    /// Whether the first line names the columns.
    pub header: bool,
    /// What ends a line.
    pub line_end: LineEnd,
    /// `utf-8`, `utf-16le`, `utf-16be`, `iso-8859-1`, `windows-1252`, or another single-byte encoding by its WHATWG
    /// name. A record with a character that it does not have is not sent.
    #[serde(default = "utf_8")]
    pub encoding: String,
    /// Whether the file begins with a byte order mark, by which some programs know its encoding. For UTF only.
    #[serde(default)]
    pub bom: bool,
    /// Which cells stand in quotation marks.
    #[serde(default)]
    pub quoting: Quoting,
    /// What stands before the decimals of a number. Of texts only in columns with `decimal`.
    #[serde(default)]
    pub decimal_mark: DecimalMark,
    /// What becomes of a text that a spreadsheet would take for a formula.
    #[serde(default)]
    pub formula_cells: FormulaCells,
}

fn utf_8() -> String {
    "utf-8".into()
}

/// A column: the name of a member, or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a column is the name of a member, or an object with name and optionally header, \
                               date_format, time_zone and decimal"
)]
pub enum Column {
    /// The name of a member, which the header line has too.
    Name(String),
    /// How its cells are written.
    Stated(StatedColumn),
}

/// A column and how its cells are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatedColumn {
    /// The name of the member.
    pub name: String,
    /// What the header line has in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// How dates are written, in strftime directives, for example `%d.%m.%Y`. The member must be a date or a timestamp of
    /// RFC 3339: a record with another value is not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// The IANA time zone in which timestamps are written. Without it they stay in the offset that they came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Whether the member is a number also where it is text, as mappings write decimals: it gets the `decimal_mark`. A
    /// record with another value is not sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decimal: bool,
}

impl Column {
    /// The name of the member.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Stated(column) => &column.name,
        }
    }

    /// What the header line has.
    pub fn header(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Stated(column) => column.header.as_deref().unwrap_or(&column.name),
        }
    }
}

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// `\n`.
    Lf,
    /// `\r\n`.
    Crlf,
}

impl LineEnd {
    /// Its characters.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Lf => "\n",
            Self::Crlf => "\r\n",
        }
    }
}

/// Which cells stand in quotation marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quoting {
    /// Those that would be read otherwise than they are.
    #[default]
    Needed,
    /// All, those of the header line and empty ones too.
    All,
}

/// What stands before the decimals of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DecimalMark {
    /// A point.
    #[default]
    #[serde(rename = ".")]
    Point,
    /// A comma.
    #[serde(rename = ",")]
    Comma,
}

impl DecimalMark {
    /// Puts it into a number that has a point.
    pub(super) fn put_into(self, number: String) -> String {
        match self {
            Self::Point => number,
            Self::Comma => number.replace('.', ","),
        }
    }
}

/// What becomes of a text that a spreadsheet would take for a formula: one that begins with `=`, `+`, `-`, `@`, a tab or
/// a line end. Numbers, also with a sign, and phone numbers are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormulaCells {
    /// The record is not sent, and its report says why: nothing is changed in silence, and nothing runs.
    #[default]
    Refuse,
    /// It stays as it is: for files that only programs read.
    Keep,
    /// It gets `'` before it: for files that people open in a spreadsheet. A program gets another text than it was.
    QuotePrefix,
}

impl CsvOutput {
    pub(super) fn check(&self, errors: &mut Vec<FieldError>) {
        let mut wrong = |field: &str, detail: String| {
            errors.push(FieldError::new(format!("export.csv.{field}"), detail));
        };
        if self.columns.is_empty() || self.columns.len() > MOST_COLUMNS {
            wrong("columns", format!("must be 1 to {MOST_COLUMNS} names of members of a record"));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.columns.iter().find(|c| !seen.insert(c.name())) {
            wrong("columns", format!("has '{}' twice", twice.name()));
        }
        if !self.delimiter.is_ascii() || matches!(self.delimiter, '"' | '\r' | '\n' | '\0') {
            let detail = "must be one character of ASCII, and neither a quotation mark nor a line end";
            wrong("delimiter", detail.into());
        }
        for (i, column) in self.columns.iter().enumerate() {
            let Column::Stated(column) = column else { continue };
            if let Err((field, detail)) = column.check() {
                wrong(&format!("columns[{i}].{field}"), detail);
            }
        }
        let encoding = match Encoding::named(&self.encoding) {
            Ok(encoding) => encoding,
            Err(why) => return wrong("encoding", why.to_string()),
        };
        if self.bom && encoding.byte_order_mark().is_none() {
            wrong("bom", format!("{} has no byte order mark", encoding.name()));
        }
        if !self.header {
            return;
        }
        for (i, column) in self.columns.iter().enumerate() {
            if let Err(missing) = encoding.encode(column.header(), &mut Vec::new()) {
                let detail =
                    format!("has the character '{missing}', which {} does not have", encoding.name());
                wrong(&format!("columns[{i}].header"), detail);
            }
        }
    }
}

impl StatedColumn {
    fn check(&self) -> Result<(), (&'static str, String)> {
        Kind::of(self.date_format.as_deref(), self.time_zone.as_deref(), self.decimal).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn with(field: &str, value: Value) -> Value {
        let mut csv = json!({ "columns": ["id"], "delimiter": ";", "header": true, "line_end": "lf" });
        csv[field] = value;
        csv
    }

    fn errors(csv: &Value) -> Vec<String> {
        let csv: CsvOutput = serde_json::from_value(csv.clone()).unwrap();
        let mut errors = Vec::new();
        csv.check(&mut errors);
        errors.into_iter().map(|e| e.field).collect()
    }

    #[test]
    fn what_cannot_be_written_is_named_when_it_is_saved() {
        let column = |column: Value| with("columns", json!(["id", column]));
        let latin = |column: Value| {
            let mut csv = with("columns", json!(["id", column]));
            csv["encoding"] = "iso-8859-1".into();
            csv
        };
        let mut marked = with("encoding", "windows-1252".into());
        marked["bom"] = true.into();
        for (csv, field) in [
            (with("columns", json!([])), Some("columns")),
            (column("id".into()), Some("columns")),
            (column(json!({ "name": "id" })), Some("columns")),
            (column(json!({ "name": "at", "header": "id" })), None),
            (column(json!({ "name": "at", "date_format": "%d.%m.%Y", "time_zone": "Europe/Oslo" })), None),
            (column(json!({ "name": "at", "date_format": "dd.mm" })), Some("columns[1].date_format")),
            (
                column(json!({ "name": "at", "date_format": "%Y", "time_zone": "Oslo" })),
                Some("columns[1].time_zone"),
            ),
            (column(json!({ "name": "at", "time_zone": "Europe/Oslo" })), Some("columns[1].time_zone")),
            (column(json!({ "name": "n", "decimal": true })), None),
            (
                column(json!({ "name": "n", "decimal": true, "date_format": "%Y" })),
                Some("columns[1].decimal"),
            ),
            (with("delimiter", "\"".into()), Some("delimiter")),
            (with("delimiter", "é".into()), Some("delimiter")),
            (with("encoding", "utf-16le".into()), None),
            (with("encoding", "latin1".into()), Some("encoding")),
            (with("encoding", "shift_jis".into()), Some("encoding")),
            (marked, Some("bom")),
            (latin("beløp".into()), None),
            (latin("beløp €".into()), Some("columns[1].header")),
            (latin(json!({ "name": "€", "header": "euro" })), None),
        ] {
            let wanted: Vec<String> = field.map(|f| format!("export.csv.{f}")).into_iter().collect();
            assert_eq!(errors(&csv), wanted, "{csv}");
        }
    }

    #[test]
    fn a_column_that_is_neither_name_nor_object_is_refused_in_words() {
        for column in [json!(1), json!({ "header": "x" }), json!({ "name": "x", "format": "%Y" })] {
            let read: Result<CsvOutput, _> = serde_json::from_value(with("columns", json!([column])));
            assert!(read.unwrap_err().to_string().contains("the name of a member"), "{column}");
        }
    }

    #[test]
    fn plain_settings_are_saved_as_they_came() {
        let csv: CsvOutput = serde_json::from_value(with("columns", json!(["a", { "name": "b" }]))).unwrap();
        assert_eq!((csv.encoding.as_str(), csv.formula_cells), ("utf-8", FormulaCells::Refuse));
        assert_eq!(serde_json::to_value(&csv).unwrap()["columns"], json!(["a", { "name": "b" }]));
    }
}
