use serde_json::json;

use super::{compile, outcome, texts};
use crate::mapping::records;

#[test]
fn every_line_is_a_record() {
    let file = "\u{feff}{\"id\": 1}\n\n  \r\n{\"id\": 2}\r\n[]\n{\"id\": 3} x\n{\"id\": 4\n7\n{\"id\": \"a\\\n{\"id\": 1, \"id\": 2}\n{\"id\": 12345678901234567890.10}";
    let expected = [
        r#"1 line 1 {"a":"1"}"#,
        r#"4 line 4 {"a":"2"}"#,
        "5 ? error not_json -: the line is no JSON object: there is no object in column 1",
        "6 ? error not_json -: the line is no JSON object: there is more behind the object in column 11",
        "7 ? error not_json -: the line is no JSON object: the end is in the middle of it in column 9",
        "8 ? error not_json -: the line is no JSON object: there is no object in column 1",
        "9 ? error not_json -: the line is no JSON object: a text has a '\\' that escapes nothing in column 11",
        "10 ? error repeated_member -: an object has more than one member \"id\"; which counts is unclear",
        r#"11 line 11 {"a":"12345678901234567890.10"}"#,
    ];
    assert_eq!(outcome(file, texts(json!({"format": "ndjson"}), &["id"])), expected.join("\n"));
}

#[test]
fn a_line_over_the_limit_is_an_error_and_reading_goes_on() {
    let limit = 1024 * 1024;
    let fits = format!("{{\"id\": \"{}\"}}", "x".repeat(limit - 10));
    assert_eq!(fits.len(), limit);
    let over = format!("{{\"id\": \"{}\"}}", "x".repeat(limit - 9));
    let found =
        outcome(format!("{fits}\n{over}\n{{\"id\": 3}}"), texts(json!({"format": "ndjson"}), &["id"]));
    let lines: Vec<&str> = found.lines().collect();
    assert!(lines[0].starts_with("1 line 1 {\"a\":\"xxx"), "{}", &lines[0][..40]);
    assert_eq!(lines[1], "2 ? error record_too_long -: the record is over 1048576 bytes");
    assert_eq!(lines[2], r#"3 line 3 {"a":"3"}"#);
    let mapping = texts(json!({"format": "ndjson"}), &["id"]);
    let bad = outcome(b"{\"id\": \"\xC3\"}\n{\"id\": 2}", mapping);
    assert_eq!(bad, "1 ? error invalid_bytes -: the record is malformed in UTF-8\n2 line 2 {\"a\":\"2\"}");
}

/// A file without a byte does not say that all records are gone.
#[test]
fn an_empty_file_says_nothing() {
    let mut mapping = texts(json!({"format": "ndjson"}), &["id"]);
    mapping["key"] = json!(["a"]);
    let mapping = compile(mapping);
    for (file, is_complete) in [("", false), ("{\"id\": 1}\n", true), ("{\"id\": 1}\n{", false)] {
        let mut reading = records(file.as_bytes(), &mapping).unwrap();
        reading.by_ref().for_each(|outcome| drop(outcome.unwrap()));
        assert_eq!(reading.is_complete(), is_complete, "{file}");
    }
}
