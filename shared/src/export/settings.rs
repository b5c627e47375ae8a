//! What an administrator states about the files of a target server of kind `sftp_export`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    CsvOutput, FileName, FixedWidthOutput, SaftOutput, XlsxOutput, XmlOutput, frame::Frame, valid_name,
};
use crate::{compression::Compression, mapping::Encoding, problem::FieldError};

/// Why a name or a line cannot have the connection.
const ONE_CONNECTION: &str =
    "{connection} is for files_per connection or record: other files have those of several";

/// Longest end of the name of a done-file, in bytes.
const MOST_SUFFIX_BYTES: usize = 30;

/// How files are named and written, and when they are pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Whether what is owed is pushed at once. Without it, a schedule or a person has the buffer flushed.
    #[serde(default)]
    pub realtime: bool,
    /// Name of a file, without folder: text with `{date}` (2026-11-25), `{time}` (093000), `{counter}` or `{counter:6}`
    /// (with zeros in front), `{run}`, `{batch}`, and `{connection}` where a file has the records of one only: its id. Date and time are those of the account's zone when the file's
    /// content was frozen; the counter counts the target's files.
    pub file_name: String,
    /// Whether all that waits goes into one file (`batch`, the default), what waits of each connection, or each record. Of
    /// format `payload` it is always each record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_per: Option<FilesPer>,
    /// What happens where the folder has a file of that name.
    #[serde(default)]
    pub overwrite: Overwrite,
    /// Of an empty file that is put beside each file once that has its name: what its name has behind the file's, for
    /// example `.done`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_file: Option<String>,
    /// Permissions of a file, octal, for example `0640`. A server that does not set them makes a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Of formats `csv`, `fixed_width` and `ndjson`: a line before everything else. Text with `{records}`, `{sum:column}` (the exact sum
    /// of a column), and what `file_name` may have; `{{` and `}}` are braces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_line: Option<String>,
    /// Of formats `csv`, `fixed_width` and `ndjson`: a line behind the last record, with the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer_line: Option<String>,
    /// How a file is packed. Its name gets no ending by that: `file_name` states it. The member of a zip archive is called
    /// as the file without `.zip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// What a file looks like.
    pub format: FileFormat,
    /// Of format `csv`: its columns and marks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvOutput>,
    /// Of format `fixed_width`: its columns and their places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_width: Option<FixedWidthOutput>,
    /// Of format `xml`: what its elements are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xml: Option<XmlOutput>,
    /// Of format `xlsx`: its sheet and columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xlsx: Option<XlsxOutput>,
    /// Of format `saft`: its entity and header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saft: Option<SaftOutput>,
}

/// What goes into one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FilesPer {
    /// All that waits.
    Batch,
    /// What waits of one connection.
    Connection,
    /// One record.
    Record,
}

/// What happens where the folder has a file of that name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overwrite {
    /// The file waits, and all that come after it, until the name is free or a person decides. A report says so.
    #[default]
    Fail,
    /// The new file takes the place of the old one.
    Replace,
    /// The new file gets `-1`, `-2`, … behind its name.
    Rename,
    /// The new file is not sent: its records end as filtered, `exists`.
    Ignore,
}

impl Overwrite {
    /// Says whether of two files with one name only one is left, without anybody being told.
    pub fn gives_way(self) -> bool {
        matches!(self, Self::Replace | Self::Ignore)
    }
}

/// What a file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// JSON, one record a line. Payloads must be JSON.
    Ndjson,
    /// One JSON array of all records. Payloads must be JSON.
    JsonArray,
    /// CSV, one record a line. Payloads must be JSON objects.
    Csv,
    /// Lines of fixed width, one record a line. Payloads must be JSON objects.
    FixedWidth,
    /// XML, an element for each record. Payloads must be JSON objects.
    Xml,
    /// A workbook of one sheet, one record a row. Payloads must be JSON objects.
    Xlsx,
    /// SAF-T Financial of Norway, version 1.10: a file of one entity. Payloads must be JSON objects.
    Saft,
    /// One file for each notification: its payload as the mapping makes it, or byte for byte as it came.
    Payload,
}

impl Export {
    /// Says whether a run may push a second file: not where that could take the first one's place.
    pub fn makes_several_files(&self) -> bool {
        let tells_apart =
            FileName::parse(&self.file_name).is_ok_and(|name| name.tells_files_of_a_run_apart());
        tells_apart || !self.overwrite.gives_way()
    }

    /// The permissions of a file.
    pub fn mode(&self) -> Option<u32> {
        let digits = self.mode.as_deref()?;
        let is_octal = matches!(digits.len(), 3 | 4) && digits.bytes().all(|b| b.is_ascii_digit());
        let mode = u32::from_str_radix(digits, 8).ok()?;
        (is_octal && mode <= 0o777).then_some(mode)
    }

    /// What goes into one file.
    pub fn files_per(&self) -> FilesPer {
        match self.format {
            FileFormat::Payload => FilesPer::Record,
            _ => self.files_per.unwrap_or(FilesPer::Batch),
        }
    }

    /// Says whether a run's files, and those of a realtime target's runs, have names of their own where they have to.
    fn check_name(&self) -> Result<(), String> {
        let name = FileName::parse(&self.file_name)?;
        let tells_apart = name.tells_files_of_a_run_apart();
        match self.files_per() {
            FilesPer::Record if !tells_apart => {
                Err("one run makes a file for each record: tell them apart with {counter} or {batch}".into())
            }
            FilesPer::Connection if !tells_apart && !name.has_connection() => Err(
                "one run makes a file for each connection: tell them apart with {connection}, {counter} or {batch}".into(),
            ),
            FilesPer::Batch if name.has_connection() => Err(ONE_CONNECTION.into()),
            _ if self.realtime && self.overwrite.gives_way() && !name.tells_runs_apart() => Err(
                "a realtime target makes many files, and under this policy one would take another's place: tell them apart \
                 with {counter}, {batch} or {run}"
                    .into(),
            ),
            _ => Ok(()),
        }
    }

    fn check_line(&self, line: &str) -> Result<(), String> {
        if !matches!(self.format, FileFormat::Csv | FileFormat::FixedWidth | FileFormat::Ndjson) {
            return Err("is for formats csv, fixed_width and ndjson only".into());
        }
        let frame = Frame::parse(line)?;
        if self.files_per() == FilesPer::Batch && frame.has_connection() {
            return Err(ONE_CONNECTION.into());
        }
        let (columns, encoding): (Vec<&str>, _) = match (&self.csv, &self.fixed_width) {
            (Some(csv), _) => (csv.columns.iter().map(|c| c.name()).collect(), &csv.encoding),
            (None, Some(fixed)) => (fixed.columns.iter().map(|c| c.name.as_str()).collect(), &fixed.encoding),
            (None, None) => return Ok(()),
        };
        if let Some(unknown) = frame.summed().find(|sum| !columns.contains(sum)) {
            return Err(format!("sums '{unknown}', which is not among the columns"));
        }
        let encoding = Encoding::named(encoding).ok(); // where it is none, that is said elsewhere
        match encoding.map(|encoding| encoding.encode(line, &mut Vec::new())) {
            Some(Err(missing)) => {
                Err(format!("has the character '{missing}', which its encoding does not have"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn check(&self, errors: &mut Vec<FieldError>) {
        if let Some(suffix) = &self.done_file
            && (suffix.len() > MOST_SUFFIX_BYTES || !valid_name(&format!("x{suffix}")) || suffix.is_empty())
        {
            let detail = format!(
                "must be the end of a file's name, up to {MOST_SUFFIX_BYTES} bytes, without / or \\, for example .done"
            );
            errors.push(FieldError::new("export.done_file", detail));
        }
        if self.mode.is_some() && self.mode().is_none() {
            errors.push(FieldError::new(
                "export.mode",
                "must be octal permissions, 0000 to 0777, for example 0640",
            ));
        }
        if let Err(why) = self.check_name() {
            errors.push(FieldError::new("export.file_name", why));
        }
        if self.format == FileFormat::Payload && self.files_per.is_some_and(|per| per != FilesPer::Record) {
            let detail = "format payload makes a file for each record";
            errors.push(FieldError::new("export.files_per", detail));
        }
        for (field, line) in [("header_line", &self.header_line), ("footer_line", &self.footer_line)] {
            if let Some(Err(why)) = line.as_deref().map(|line| self.check_line(line)) {
                errors.push(FieldError::new(format!("export.{field}"), why));
            }
        }
        self.check_format(errors);
    }

    /// Each format has settings of its own, and none of another's.
    fn check_format(&self, errors: &mut Vec<FieldError>) {
        for (format, name, is_there, wanted) in [
            (FileFormat::Csv, "csv", self.csv.is_some(), "columns, delimiter, header and line_end"),
            (FileFormat::FixedWidth, "fixed_width", self.fixed_width.is_some(), "columns and line_end"),
            (FileFormat::Xml, "xml", self.xml.is_some(), "root and record"),
            (FileFormat::Xlsx, "xlsx", self.xlsx.is_some(), "sheet, columns and header"),
            (FileFormat::Saft, "saft", self.saft.is_some(), "entity, company, currency and software"),
        ] {
            let field = format!("export.{name}");
            match (self.format == format, is_there) {
                (true, false) => errors.push(FieldError::new(field, format!("state {wanted}"))),
                (false, true) => {
                    errors.push(FieldError::new(field, format!("is for format {name} only")));
                }
                _ => {}
            }
        }
        match self.format {
            FileFormat::Csv => self.csv.iter().for_each(|csv| csv.check(errors)),
            FileFormat::FixedWidth => self.fixed_width.iter().for_each(|fixed| fixed.check(errors)),
            FileFormat::Xml => self.xml.iter().for_each(|xml| xml.check(errors)),
            FileFormat::Xlsx => self.xlsx.iter().for_each(|xlsx| xlsx.check(errors)),
            FileFormat::Saft => self.saft.iter().for_each(|saft| saft.check(errors)),
            FileFormat::Ndjson | FileFormat::JsonArray | FileFormat::Payload => {}
        }
        if self.format == FileFormat::Xlsx && self.compression.is_some() {
            errors.push(FieldError::new(
                "export.compression",
                "is not for format xlsx, which is packed as it is",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fields(export: Value) -> Vec<String> {
        let export: Export = serde_json::from_value(export).unwrap();
        let mut errors = Vec::new();
        export.check(&mut errors);
        errors.into_iter().map(|e| e.field).collect()
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        let csv = |columns: Value, delimiter: &str| {
            json!({ "file_name": "a.csv", "format": "csv", "csv": { "columns": columns, "delimiter": delimiter,
                "header": true, "line_end": "lf" } })
        };
        for (export, named) in [
            (json!({ "file_name": "{date}-{run}.ndjson", "format": "ndjson" }), None),
            (json!({ "file_name": "a/b", "format": "ndjson" }), Some("export.file_name")),
            (json!({ "file_name": "{date}", "format": "payload" }), Some("export.file_name")),
            (json!({ "file_name": "{counter:6}.bin", "format": "payload" }), None),
            (
                json!({ "file_name": "{batch}", "format": "payload", "files_per": "batch" }),
                Some("export.files_per"),
            ),
            (json!({ "file_name": "{batch}", "format": "payload", "files_per": "record" }), None),
            (json!({ "file_name": "{connection}", "format": "ndjson" }), Some("export.file_name")),
            (
                json!({ "file_name": "{date}", "format": "ndjson", "files_per": "connection" }),
                Some("export.file_name"),
            ),
            (json!({ "file_name": "{connection}", "format": "ndjson", "files_per": "connection" }), None),
            (
                json!({ "file_name": "{connection}", "format": "ndjson", "files_per": "record" }),
                Some("export.file_name"),
            ),
            (
                json!({ "file_name": "{connection}-{counter}", "format": "ndjson", "files_per": "record" }),
                None,
            ),
            (
                json!({ "file_name": "{counter}", "format": "ndjson", "files_per": "connection",
                    "header_line": "{connection}" }),
                None,
            ),
            (
                json!({ "file_name": "{counter}", "format": "ndjson", "header_line": "{connection}" }),
                Some("export.header_line"),
            ),
            (
                json!({ "file_name": "{connection}", "format": "ndjson", "files_per": "connection", "realtime": true,
                    "overwrite": "replace" }),
                Some("export.file_name"),
            ),
            (json!({ "file_name": "a", "format": "csv" }), Some("export.csv")),
            (json!({ "file_name": "a", "format": "xml" }), Some("export.xml")),
            (json!({ "file_name": "a", "format": "xlsx" }), Some("export.xlsx")),
            (json!({ "file_name": "a", "format": "fixed_width" }), Some("export.fixed_width")),
            (json!({ "file_name": "a", "format": "saft" }), Some("export.saft")),
            (json!({ "file_name": "a", "format": "xml", "xml": { "root": "a", "record": "b" } }), None),
            (
                json!({ "file_name": "a", "format": "ndjson", "xml": { "root": "a", "record": "b" } }),
                Some("export.xml"),
            ),
            (
                json!({ "file_name": "a", "format": "xml", "xml": { "root": "a", "record": "b" },
                    "footer_line": "x" }),
                Some("export.footer_line"),
            ),
            (
                json!({ "file_name": "a", "format": "xlsx", "compression": "zip",
                    "xlsx": { "sheet": "S", "columns": [{ "name": "a" }], "header": true } }),
                Some("export.compression"),
            ),
            (
                json!({ "file_name": "a-{date}", "format": "ndjson", "realtime": true, "overwrite": "replace" }),
                Some("export.file_name"),
            ),
            (
                json!({ "file_name": "a-{run}", "format": "ndjson", "realtime": true, "overwrite": "ignore" }),
                None,
            ),
            (json!({ "file_name": "a", "format": "ndjson", "realtime": true, "overwrite": "rename" }), None),
            (json!({ "file_name": "a", "format": "ndjson", "overwrite": "replace" }), None),
            (csv(json!(["id", "name"]), ";"), None),
            (json!({ "file_name": "a", "format": "ndjson", "done_file": ".done", "mode": "0640" }), None),
            (json!({ "file_name": "a", "format": "ndjson", "done_file": "" }), Some("export.done_file")),
            (json!({ "file_name": "a", "format": "ndjson", "done_file": "/done" }), Some("export.done_file")),
            (json!({ "file_name": "a", "format": "ndjson", "mode": "rw-" }), Some("export.mode")),
            (json!({ "file_name": "a", "format": "ndjson", "mode": "+640" }), Some("export.mode")),
            (json!({ "file_name": "a", "format": "ndjson", "mode": "4755" }), Some("export.mode")),
            (json!({ "file_name": "a", "format": "ndjson", "mode": "0888" }), Some("export.mode")),
            (csv(json!(["id"]), "\""), Some("export.csv.delimiter")),
        ] {
            assert_eq!(fields(export.clone()), named.into_iter().collect::<Vec<_>>(), "{export}");
        }
        let lines = |header: &str, footer: &str| {
            let mut framed = csv(json!(["id", "n"]), ";");
            framed["csv"]["encoding"] = "iso-8859-1".into();
            (framed["header_line"], framed["footer_line"]) = (header.into(), footer.into());
            framed
        };
        for (export, named) in [
            (lines("Lønn {date}", "{records} {sum:n}"), None),
            (lines("Lønn €", "{records}"), Some("export.header_line")),
            (lines("{sum:hours}", "x"), Some("export.header_line")),
            (lines("x", "{total}"), Some("export.footer_line")),
            (json!({ "file_name": "a", "format": "ndjson", "footer_line": "{sum:any} €" }), None),
            (
                json!({ "file_name": "a", "format": "json_array", "footer_line": "x" }),
                Some("export.footer_line"),
            ),
            (
                json!({ "file_name": "{batch}", "format": "payload", "header_line": "x" }),
                Some("export.header_line"),
            ),
        ] {
            assert_eq!(fields(export.clone()), named.into_iter().collect::<Vec<_>>(), "{export}");
        }
        let mut both = csv(json!(["id"]), ";");
        both["format"] = "ndjson".into();
        assert_eq!(fields(both), ["export.csv"]);
    }
}
