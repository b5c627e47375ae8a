//! Lines of the file: RFC 4180, UTF-8 without a byte order mark, commas, CRLF; one header line.
//!
//! The file is opened in spreadsheets, and its cells come from other people's files. A cell that a spreadsheet
//! would take for a formula gets an apostrophe before it, as OWASP's "CSV Injection" page advises. So such a
//! value does not come back byte for byte; who wants it exact reads `/records`.

use serde::Serialize;
use shared::record::RecordResult;

/// The columns, in order; the same names as in the API.
const COLUMNS: [&str; 14] = [
    "ordinal",
    "file",
    "line",
    "name",
    "source_id",
    "target_id",
    "processor",
    "writer",
    "reason",
    "field",
    "detail",
    "pushed_as",
    "input",
    "place",
];

/// The header line.
pub(super) fn header() -> Vec<u8> {
    (COLUMNS.join(",") + "\r\n").into_bytes()
}

/// One line a result.
///
/// # Errors
/// When a result cannot be written.
pub(super) fn lines<'a>(results: impl Iterator<Item = &'a RecordResult>) -> std::io::Result<Vec<u8>> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for r in results {
        let optional = |text: &Option<String>| harmless(text.as_deref().unwrap_or_default());
        let line: [String; COLUMNS.len()] = [
            r.ordinal.to_string(),
            harmless(&r.file),
            r.line.to_string(),
            optional(&r.name),
            optional(&r.source_id),
            optional(&r.target_id),
            word(&r.processor)?,
            word(&r.writer)?,
            optional(&r.reason),
            optional(&r.field),
            optional(&r.detail),
            optional(&r.pushed_as),
            r.input.map(|n| n.to_string()).unwrap_or_default(),
            r.place.map(|n| n.to_string()).unwrap_or_default(),
        ];
        writer.write_record(&line)?;
    }
    writer.into_inner().map_err(|e| e.into_error())
}

/// Takes from a cell what a spreadsheet would run.
fn harmless(cell: &str) -> String {
    // The full-width forms are taken for the others in some locales.
    let runs = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
    if cell.trim_start_matches(' ').starts_with(runs) { format!("'{cell}") } else { cell.into() }
}

/// The name that the API uses.
fn word<T: Serialize>(value: &T) -> std::io::Result<String> {
    let json = serde_json::to_value(value)?;
    Ok(json.as_str().unwrap_or_default().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::record::{Processor, Writer};

    fn result(name: &str) -> RecordResult {
        RecordResult {
            ordinal: 7,
            file: "/out/å, \"b\".csv".into(),
            line: 8,
            name: Some(name.into()),
            source_id: Some("0042".into()),
            target_id: None,
            processor: Processor::Create,
            writer: Writer::Error,
            reason: Some("refused_by_target".into()),
            field: None,
            detail: Some("two\nlines".into()),
            pushed_as: None,
            input: Some(2),
            place: Some(9),
        }
    }

    #[test]
    fn a_line_has_every_column_and_quotes_what_needs_it() {
        let text = String::from_utf8(lines([result("Åse")].iter()).unwrap()).unwrap();
        assert_eq!(
            text,
            "7,\"/out/å, \"\"b\"\".csv\",8,Åse,0042,,create,error,refused_by_target,,\"two\nlines\",,2,9\r\n"
        );
        let header = String::from_utf8(header()).unwrap();
        assert_eq!(header.trim_end().split(',').count(), COLUMNS.len());
        // Every member of a result has its column.
        let mut all = result("x");
        (all.target_id, all.field, all.pushed_as) =
            (Some(String::new()), Some(String::new()), Some(String::new()));
        let members = serde_json::to_value(all).unwrap();
        assert_eq!(members.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>(), COLUMNS);
    }

    #[test]
    fn no_cell_is_a_formula() {
        for bad in
            ["=1+1", "+47 22", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "=cmd|' /C calc'!A0"]
        {
            let text = lines([result(bad)].iter()).unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_slice());
            let record = reader.records().next().unwrap().unwrap();
            assert_eq!(&record[3], format!("'{bad}"), "{bad:?}");
        }
        for good in ["0042", "a=b", "7-5", "", "'x", "å@b"] {
            assert_eq!(harmless(good), good);
        }
    }
}
