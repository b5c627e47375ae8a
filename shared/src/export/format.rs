//! How records become the bytes of a file.
//!
//! A record is a payload as the mapping makes it, or as it came. One that a format cannot take is an error of its own;
//! it never spoils the file. Everything is UTF-8; numbers keep the digits that they came with.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::{CsvOutput, Export, FileFormat, LineEnd};

/// Most columns of a CSV file.
pub(super) const MOST_COLUMNS: usize = 1000;

/// A record that the target's format cannot take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No JSON at all.
    #[error(
        "the payload is not JSON, which the target's format needs; use format payload to send it as it is"
    )]
    NotJson,
    /// Not an object.
    #[error("the record is not a JSON object, which format csv needs")]
    NotAnObject,
    /// A member that is an object or an array.
    #[error("{0} is no single value, which a cell of a CSV file has to be")]
    NotACell(String),
}

/// Says whether a format takes JSON only.
pub fn wants_json(format: FileFormat) -> bool {
    format != FileFormat::Payload
}

/// The bytes of a file around and between its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writing {
    /// Before the first record.
    pub begin: Vec<u8>,
    /// Between two records.
    pub between: &'static [u8],
    /// After the last record.
    pub end: &'static [u8],
}

impl Writing {
    /// How the files of a target are written.
    pub fn of(export: &Export) -> Self {
        let plain = |begin: &[u8], between, end| Self { begin: begin.to_vec(), between, end };
        match (export.format, &export.csv) {
            (FileFormat::JsonArray, _) => plain(b"[\n", b",\n", b"\n]\n"),
            (FileFormat::Csv, Some(csv)) => {
                let mut begin = if csv.bom { "\u{feff}".as_bytes().to_vec() } else { Vec::new() };
                if csv.header {
                    let names = csv.columns.iter().map(String::as_str);
                    begin.extend(line(csv, names));
                }
                Self { begin, between: b"", end: b"" }
            }
            (FileFormat::Ndjson | FileFormat::Payload | FileFormat::Csv, _) => plain(b"", b"", b""),
        }
    }
}

/// A record as it stands in the file.
///
/// # Errors
/// When the format cannot take it.
pub fn render(export: &Export, record: &[u8]) -> Result<Vec<u8>, Unfit> {
    match (export.format, &export.csv) {
        (FileFormat::Payload, _) => Ok(record.to_vec()),
        (FileFormat::Ndjson, _) => compact(record).map(|mut line| {
            line.push(b'\n');
            line
        }),
        (FileFormat::JsonArray, _) => compact(record),
        (FileFormat::Csv, Some(csv)) => cells(csv, record),
        (FileFormat::Csv, None) => Err(Unfit::NotAnObject), // settings without columns are not saved
    }
}

/// JSON on one line: without white space between its tokens, and otherwise as it came, digits and escapes included.
fn compact(json: &[u8]) -> Result<Vec<u8>, Unfit> {
    serde_json::from_slice::<IgnoredAny>(json).map_err(|_| Unfit::NotJson)?;
    let (mut out, mut within, mut escaped) = (Vec::with_capacity(json.len() + 1), false, false);
    for byte in json {
        if within {
            within = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            within = *byte == b'"';
        }
        out.push(*byte);
    }
    Ok(out)
}

fn cells(csv: &CsvOutput, record: &[u8]) -> Result<Vec<u8>, Unfit> {
    serde_json::from_slice::<IgnoredAny>(record).map_err(|_| Unfit::NotJson)?;
    let members: HashMap<String, &RawValue> =
        serde_json::from_slice(record).map_err(|_| Unfit::NotAnObject)?;
    let mut texts = Vec::with_capacity(csv.columns.len());
    for column in &csv.columns {
        texts.push(match members.get(column).map_or("null", |value| value.get()) {
            "null" => String::new(),
            text if text.starts_with('"') => serde_json::from_str(text).map_err(|_| Unfit::NotJson)?,
            nested if nested.starts_with(['{', '[']) => return Err(Unfit::NotACell(column.clone())),
            number_or_boolean => number_or_boolean.to_string(),
        });
    }
    Ok(line(csv, texts.iter().map(String::as_str)))
}

/// A line of CSV. A cell is quoted where it would be read otherwise than it is.
///
/// Source: RFC 4180, section 2.
fn line<'a>(csv: &CsvOutput, cells: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut text = String::new();
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            text.push(csv.delimiter);
        }
        let is_edged = cell.starts_with(' ') || cell.ends_with(' ');
        let is_alone = cell.is_empty() && csv.columns.len() == 1; // an empty line would be no record
        if is_edged || is_alone || cell.contains([csv.delimiter, '"', '\r', '\n']) {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(cell);
        }
    }
    text.push_str(match csv.line_end {
        LineEnd::Lf => "\n",
        LineEnd::Crlf => "\r\n",
    });
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn export(format: FileFormat, delimiter: char, columns: &[&str]) -> Export {
        let csv = CsvOutput {
            columns: columns.iter().map(|c| c.to_string()).collect(),
            delimiter,
            header: true,
            line_end: LineEnd::Crlf,
            bom: true,
        };
        Export {
            realtime: false,
            file_name: "f".into(),
            overwrite: super::super::Overwrite::Fail,
            format,
            csv: (format == FileFormat::Csv).then_some(csv),
        }
    }

    fn text(export: &Export, record: &str) -> Result<String, Unfit> {
        render(export, record.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn json_goes_on_one_line_with_every_digit_it_came_with() {
        let ndjson = export(FileFormat::Ndjson, ';', &[]);
        let pretty = "{\n  \"a b\" : 1.10,\n \"c\": \" x \\\" \\\\\", \"n\": 12345678901234567890123 }\r\n";
        let line = r#"{"a b":1.10,"c":" x \" \\","n":12345678901234567890123}"#;
        assert_eq!(text(&ndjson, pretty).unwrap(), format!("{line}\n"));
        assert_eq!(text(&export(FileFormat::JsonArray, ';', &[]), pretty).unwrap(), line);
        assert_eq!(text(&ndjson, "name;value"), Err(Unfit::NotJson));
        assert_eq!(text(&ndjson, "{} {}"), Err(Unfit::NotJson), "two records in one payload");
        assert_eq!(text(&export(FileFormat::Payload, ';', &[]), "name;value").unwrap(), "name;value");
    }

    #[test]
    fn cells_are_the_stated_members_in_the_stated_order() {
        let csv = export(FileFormat::Csv, ';', &["id", "näme", "n", "b", "gone"]);
        let writing = Writing::of(&csv);
        assert_eq!(String::from_utf8(writing.begin).unwrap(), "\u{feff}id;näme;n;b;gone\r\n");
        let record = r#"{"b": true, "näme": "a;\"b\"", "id": "007", "n": 1.50, "other": {}}"#;
        assert_eq!(text(&csv, record).unwrap(), "007;\"a;\"\"b\"\"\";1.50;true;\r\n");
        assert_eq!(text(&csv, r#"{"id": [1]}"#), Err(Unfit::NotACell("id".into())));
        assert_eq!(text(&csv, "[1]"), Err(Unfit::NotAnObject));
        assert_eq!(text(&csv, "x"), Err(Unfit::NotJson));
    }

    proptest! {
        /// The csv crate is an independent reader.
        #[test]
        fn what_is_written_is_read_again(
            cells in prop::collection::vec(prop::collection::vec("[ a;\"\r\nå,]{0,6}", 2), 1..6),
        ) {
            let csv = export(FileFormat::Csv, ';', &["a", "b"]);
            let mut file = Vec::new();
            for row in &cells {
                let record = serde_json::json!({ "a": row[0], "b": row[1] }).to_string();
                file.extend(render(&csv, record.as_bytes()).unwrap());
            }
            let mut reader = csv::ReaderBuilder::new().delimiter(b';').has_headers(false).from_reader(&file[..]);
            let read: Vec<Vec<String>> =
                reader.records().map(|r| r.unwrap().iter().map(str::to_string).collect()).collect();
            prop_assert_eq!(read, cells);
        }
    }
}
