//! What each format makes of records, totals and names.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn export(settings: Value) -> Export {
    serde_json::from_value(settings).unwrap()
}

fn plain(format: &str) -> Export {
    export(json!({ "file_name": "f", "format": format }))
}

/// CSV with these columns, and `more` settings.
fn csv(columns: Value, more: Value) -> Export {
    let mut csv = json!({ "columns": columns, "delimiter": ";", "header": true, "line_end": "crlf" });
    csv.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    export(json!({ "file_name": "f", "format": "csv", "csv": csv }))
}

fn bytes(export: &Export, record: &str) -> Result<Vec<u8>, Unfit> {
    Rendering::of(export).unwrap().record(record.as_bytes()).map(|piece| piece.bytes)
}

fn begin(export: &Export) -> Vec<u8> {
    Rendering::of(export).unwrap().begin(&named(), &Totals::default()).unwrap()
}

fn named() -> Named<'static> {
    Named::example("2026-11-25T09:30:00Z")
}

fn text(export: &Export, record: &str) -> Result<String, Unfit> {
    bytes(export, record).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn json_goes_on_one_line_with_every_digit_it_came_with() {
    let ndjson = plain("ndjson");
    let pretty = "{\n  \"a b\" : 1.10,\n \"c\": \" x \\\" \\\\\", \"n\": 12345678901234567890123 }\r\n";
    let line = r#"{"a b":1.10,"c":" x \" \\","n":12345678901234567890123}"#;
    assert_eq!(text(&ndjson, pretty).unwrap(), format!("{line}\n"));
    assert_eq!(text(&plain("json_array"), pretty).unwrap(), line);
    assert_eq!(text(&ndjson, "name;value"), Err(Unfit::NotJson));
    assert_eq!(text(&ndjson, "{} {}"), Err(Unfit::NotJson), "two records in one payload");
    assert_eq!(text(&plain("payload"), "name;value").unwrap(), "name;value");
}

#[test]
fn cells_are_the_stated_members_in_the_stated_order() {
    let csv = csv(json!(["id", "näme", "n", "b", "gone"]), json!({ "bom": true }));
    let begin = begin(&csv);
    assert_eq!(String::from_utf8(begin).unwrap(), "\u{feff}id;näme;n;b;gone\r\n");
    let record = r#"{"b": true, "näme": "a;\"b\"", "id": "007", "n": 1.50, "other": {}}"#;
    assert_eq!(text(&csv, record).unwrap(), "007;\"a;\"\"b\"\"\";1.50;true;\r\n");
    assert_eq!(text(&csv, r#"{"id": [1]}"#), Err(Unfit::NotACell("id".into())));
    assert_eq!(text(&csv, "[1]"), Err(Unfit::NotAnObject));
    assert_eq!(text(&csv, "x"), Err(Unfit::NotJson));
}

#[test]
fn a_file_in_another_encoding_is_in_it_as_a_whole() {
    let utf_16 = csv(json!(["å"]), json!({ "encoding": "utf-16le", "bom": true }));
    let begin = begin(&utf_16);
    assert_eq!(begin, b"\xFF\xFE\xE5\0\r\0\n\0");
    assert_eq!(bytes(&utf_16, r#"{"å": "Ж"}"#).unwrap(), b"\x16\x04\r\0\n\0");
    let windows = csv(json!(["navn", "by"]), json!({ "encoding": "windows-1252" }));
    assert_eq!(bytes(&windows, r#"{"navn": "Åse", "by": "5 €"}"#).unwrap(), b"\xC5se;5 \x80\r\n");
    let unfit = bytes(&windows, r#"{"navn": "Åse", "by": "Łódź"}"#).unwrap_err();
    assert_eq!(unfit.to_string(), "by has the character 'Ł' (U+0141), which windows-1252 does not have");
}

#[test]
fn all_cells_are_quoted_where_that_is_stated() {
    let all = csv(json!(["a", "b", "c"]), json!({ "quoting": "all", "line_end": "lf" }));
    assert_eq!(begin(&all), b"\"a\";\"b\";\"c\"\n");
    assert_eq!(text(&all, r#"{"a": 1, "b": "x\"y"}"#).unwrap(), "\"1\";\"x\"\"y\";\"\"\n");
}

#[test]
fn numbers_get_the_decimal_mark_and_lose_no_digit() {
    let comma = csv(json!(["n", { "name": "d", "decimal": true }]), json!({ "decimal_mark": "," }));
    for (record, line) in [
        (r#"{"n": 12345678901234567890.10, "d": "1234.50"}"#, Ok("12345678901234567890,10;1234,50")),
        (r#"{"n": 1.5e3, "d": -2.5E-1}"#, Ok("1500;-0,25")),
        (r#"{"n": "1.50", "d": null}"#, Ok("1.50;")), // a text is not a number unless the column says so
        (r#"{"n": "-1.50", "d": "-1.50"}"#, Ok("-1.50;-1,50")),
        (r#"{"n": 1e99}"#, Err(Unfit::NotANumber("n".into()))),
        (r#"{"d": "1,5"}"#, Err(Unfit::NotANumber("d".into()))),
        (r#"{"d": ""}"#, Err(Unfit::NotANumber("d".into()))),
        (r#"{"d": true}"#, Err(Unfit::NotANumber("d".into()))),
    ] {
        assert_eq!(text(&comma, record), line.map(|l| format!("{l}\r\n")), "{record}");
    }
}

#[test]
fn dates_are_written_as_their_column_states() {
    let column = json!({ "name": "at", "date_format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Oslo" });
    let dated = csv(json!([column]), json!({}));
    for (record, line) in [
        (r#"{"at": "2026-11-25T23:30:00Z"}"#, Ok("26.11.2026 00:30")),
        (r#"{"at": null}"#, Ok("\"\"")),
        (r#"{"at": "2026-11-25"}"#, Err(Unfit::NoTimeOfDay("at".into()))),
        (r#"{"at": "25.11.2026"}"#, Err(Unfit::NotADate("at".into()))),
        (r#"{"at": 20261125}"#, Err(Unfit::NotADate("at".into()))),
        (r#"{"at": true}"#, Err(Unfit::NotADate("at".into()))),
    ] {
        assert_eq!(text(&dated, record), line.map(|l| format!("{l}\r\n")), "{record}");
    }
}

#[test]
fn a_formula_is_refused_kept_or_made_text_and_a_number_is_none() {
    let with = |policy: Option<&str>| match policy {
        None => csv(json!(["a", "n"]), json!({})),
        Some(policy) => csv(json!(["a", "n"]), json!({ "formula_cells": policy })),
    };
    let record = r#"{"a": "=HYPERLINK(1)", "n": -5}"#;
    assert_eq!(text(&with(None), record), Err(Unfit::Formula("a".into())));
    assert_eq!(text(&with(Some("keep")), record).unwrap(), "=HYPERLINK(1);-5\r\n");
    assert_eq!(text(&with(Some("quote_prefix")), record).unwrap(), "'=HYPERLINK(1);-5\r\n");
    let numbers = r#"{"a": "-12.50", "n": "+47 22 33 44 55"}"#;
    assert_eq!(text(&with(None), numbers).unwrap(), "-12.50;+47 22 33 44 55\r\n");
}

/// A file as a whole, with the totals known from a pass before.
fn file(export: &Export, records: &[&str]) -> String {
    let rendering = Rendering::of(export).unwrap();
    let pieces: Vec<_> = records.iter().map(|r| rendering.record(r.as_bytes()).unwrap()).collect();
    let mut totals = Totals::default();
    pieces.iter().for_each(|piece| piece.add_to(&mut totals));
    let mut file = rendering.begin(&named(), &totals).unwrap();
    pieces.iter().for_each(|piece| file.extend(&piece.bytes));
    file.extend(rendering.end(&named(), &totals).unwrap());
    String::from_utf8(file).unwrap()
}

#[test]
fn lines_around_the_records_have_their_totals() {
    let mut framed = csv(json!(["id", "n"]), json!({ "bom": true, "decimal_mark": "," }));
    framed.header_line = Some("H;{date};{records};{sum:n}".into());
    framed.footer_line = Some("T;{counter:4};{sum:id}".into());
    let records = [r#"{"id": "2", "n": 1.50}"#, r#"{"id": 1, "n": "-0.125"}"#, r#"{"id": 1}"#];
    let wanted = "\u{feff}H;2026-11-25;3;1,375\r\nid;n\r\n2;1,50\r\n1;-0.125\r\n1;\r\nT;0007;4\r\n";
    assert_eq!(file(&framed, &records), wanted);
    assert!(Rendering::of(&framed).unwrap().begins_with_totals());

    let mut ndjson = plain("ndjson");
    ndjson.footer_line = Some(r#"{{"records":{records},"n":{sum:n}}}"#.into());
    assert_eq!(file(&ndjson, &[r#"{"n": 1e2}"#]), "{\"n\":1e2}\n{\"records\":1,\"n\":100}\n");
    assert!(!Rendering::of(&ndjson).unwrap().begins_with_totals(), "the last line can wait");
    for (record, unfit) in [
        (r#"{"n": "7,5"}"#, Unfit::NotAnAmount("n".into())),
        (r#"{"n": ""}"#, Unfit::NotAnAmount("n".into())),
        (r#"{"n": [1]}"#, Unfit::NotAnAmount("n".into())),
        (r#"{"n": true}"#, Unfit::NotAnAmount("n".into())),
        (r#"{"n": 1e40}"#, Unfit::NotAnAmount("n".into())),
        ("[1]", Unfit::NotAnObject),
    ] {
        assert_eq!(bytes(&ndjson, record), Err(unfit), "{record}");
    }
}

proptest! {
    /// The csv crate is an independent reader.
    #[test]
    fn what_is_written_is_read_again(
        cells in prop::collection::vec(prop::collection::vec("[ a;\"\r\nå,]{0,6}", 2), 1..6),
        quoting in prop::sample::select(vec!["needed", "all"]),
    ) {
        let csv = csv(json!(["a", "b"]), json!({ "formula_cells": "keep", "quoting": quoting }));
        let mut file = Vec::new();
        for row in &cells {
            let record = serde_json::json!({ "a": row[0], "b": row[1] }).to_string();
            file.extend(bytes(&csv, &record).unwrap());
        }
        let mut reader = csv::ReaderBuilder::new().delimiter(b';').has_headers(false).from_reader(&file[..]);
        let read: Vec<Vec<String>> =
            reader.records().map(|r| r.unwrap().iter().map(str::to_string).collect()).collect();
        prop_assert_eq!(read, cells);
    }
}
