use serde_json::{Value, json};

use super::{compile, read, report, semicolons, texts};
use crate::mapping::{FileError, Mapping, Outcome, Reason, records};

/// Every reason that a record can fail for, with its code, by a column of each type.
#[test]
fn each_reason_has_its_cell() {
    let decimal = json!({"type": "decimal", "decimal_mark": ","});
    let date = json!({"type": "date", "format": "%d.%m.%Y"});
    let timestamp = json!({"type": "timestamp", "format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Oslo"});
    let boolean = json!({"type": "boolean", "true_values": ["J"], "false_values": ["N"]});
    let values = json!({"type": "text", "values": {"I": "in"}});
    let required = json!({"type": "text", "required": true});
    let cases = [
        (json!({"type": "text"}), "a\u{fffd}", Ok("\"a\u{fffd}\"")), // a replacement character that was in the file
        (json!({"type": "text"}), "", Ok("null")),
        (json!({"type": "text"}), " ", Ok("\" \"")),
        (json!({"type": "text", "default": "d"}), "", Ok("\"d\"")),
        (json!({"type": "text", "default": ""}), "", Ok("\"\"")),
        (json!({"type": "text"}), "0042", Ok("\"0042\"")),
        (required.clone(), "", Err((Reason::Required, "found an empty cell, expected a value"))),
        (json!({"type": "integer"}), " 42\u{a0}", Ok("42")),
        (json!({"type": "integer"}), " \u{a0}", Ok("null")),
        (
            json!({"type": "integer"}),
            "4 2",
            Err((Reason::NotAnInteger, "found \"4 2\", expected a whole number")),
        ),
        (
            json!({"type": "integer"}),
            "9223372036854775808",
            Err((
                Reason::OutOfRange,
                "found \"9223372036854775808\", expected a whole number from -9223372036854775808 to 9223372036854775807",
            )),
        ),
        (decimal.clone(), "20,00", Ok("\"20.00\"")),
        (
            decimal,
            "20.00",
            Err((Reason::NotADecimal, "found \"20.00\", expected a number with ',' as its decimal mark")),
        ),
        (date.clone(), "25.10.2026", Ok("\"2026-10-25\"")),
        (
            date,
            "31.11.2026",
            Err((Reason::NotADate, "found \"31.11.2026\", expected a date that exists, as %d.%m.%Y")),
        ),
        (timestamp.clone(), "25.10.2026 03:00", Ok("\"2026-10-25T02:00:00Z\"")),
        (
            timestamp.clone(),
            "25.10.2026",
            Err((
                Reason::NotATimestamp,
                "found \"25.10.2026\", expected a date and time that exist, as %d.%m.%Y %H:%M",
            )),
        ),
        (
            timestamp.clone(),
            "28.03.2027 02:30",
            Err((
                Reason::TimeInGap,
                "found \"28.03.2027 02:30\", expected a time that exists, since clocks skip this one in Europe/Oslo",
            )),
        ),
        (
            timestamp,
            "25.10.2026 02:30",
            Err((
                Reason::AmbiguousTime,
                "found \"25.10.2026 02:30\", expected a time that occurs once, since clocks go back here in Europe/Oslo",
            )),
        ),
        (boolean.clone(), " J ", Ok("true")),
        (boolean, "Y", Err((Reason::NotABoolean, "found \"Y\", expected one of J, N"))),
        (values.clone(), "I", Ok("\"in\"")),
        (values.clone(), "", Ok("null")),
        (values, "I ", Err((Reason::UnmappedValue, "found \"I \", expected one of I"))),
        (json!({"type": "integer", "values": {"I": "007"}}), " I ", Ok("7")),
    ];
    for (mut column, cell, expected) in cases {
        column["name"] = json!("out");
        column["from"] = json!("In");
        let outcomes = read(format!("Id;In\n1;{cell}\n"), semicolons(json!([column]))).unwrap();
        match (&outcomes[..], expected) {
            ([Outcome::Record(record)], Ok(token)) => {
                assert_eq!(record.data, format!("{{\"out\":{token}}}"), "{cell}")
            }
            ([Outcome::Error(error)], Err((reason, detail))) => {
                assert_eq!((error.reason, error.detail.as_str()), (reason, detail), "{cell}");
                assert_eq!((error.field.as_deref(), error.line), (Some("In"), 2), "{cell}");
            }
            (outcomes, expected) => panic!("{column} {cell}: {outcomes:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn every_line_has_its_outcome() {
    let mut mapping = texts(&["Id", "Name"]);
    mapping["columns"][1]["required"] = json!(true);
    mapping["record_name"] = json!("Name");
    mapping["filters"] = json!([
        {"column": "Kind", "equals": "X", "reason": "not_payroll"},
        {"column": "Kind", "empty": true, "reason": "no_kind"}
    ]);
    let file = b"Id;Name;Kind\r\n\
        1;\"Kari\r\nN\xC3\xB8rdmann\";I\r\n\
        \r\n\
        2;Ola;X\r\n\
        3;Per; \r\n\
        4;;I\r\n\
        ;Liv;I\r\n\
        5;\xF8;I\r\n\
        6;Eva;\xFF\r\n\
        7;Bo\r\n\
        8;Bo;I;\r\n\
        9;\"Bo\"x;I\r\n\
        10;Bo;I\r\n\
        11;\"Bo;I\r\n12;Bo;I\r\n";
    let outcomes = read(file, mapping).unwrap();
    insta::assert_snapshot!(report(&outcomes), @r#"
    2 1 {"Id":"1","Name":"Kari\r\nNørdmann"}
    5 2 filtered not_payroll: filter 1 on Kind
    6 3 filtered no_kind: filter 2 on Kind
    7 4 error required Name: found an empty cell, expected a value
    8 ? error empty_key Id: found an empty cell, expected a key
    9 5 error invalid_bytes Name: found "�", which is malformed in the stated encoding; fix the file, or the mapping's encoding
    10 6 error invalid_bytes Kind: found "�", which is malformed in the stated encoding; fix the file, or the mapping's encoding
    11 ? error ragged_line -: found 2 fields, expected 3 as on the first line
    12 ? error ragged_line -: found 4 fields, expected 3 as on the first line
    13 ? error stray_quote -: text follows a closing quote on lines 13 to 13; double quotes within fields
    14 10 {"Id":"10","Name":"Bo"}
    15 ? error unclosed_quote -: a quote in the record that begins here never closes; lines 15 to 17, the end, are unread
    "#);
    let names: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Record(record) => record.name.as_deref(),
            Outcome::Filtered(record) => record.name.as_deref(),
            Outcome::Error(record) => record.name.as_deref(),
        })
        .collect();
    assert_eq!(names[..5], [Some("Kari\r\nNørdmann"), Some("Ola"), Some("Per"), None, Some("Liv")]);
}

#[test]
fn filters_test_raw_text() {
    let cases = [
        (json!({"equals": "X"}), ["X"].as_slice()),
        (json!({"not_equals": "X"}), &["X ", "", " ", "Y"]),
        (json!({"one_of": ["X", "Y"]}), &["X", "Y"]),
        (json!({"empty": true}), &["", " "]),
        (json!({"not_empty": true}), &["X", "X ", "Y"]),
    ];
    for (mut filter, expected) in cases {
        filter["column"] = json!("Kind");
        filter["reason"] = json!("r");
        let mut mapping = semicolons(json!([{"name": "Kind", "from": "Kind", "type": "text"}]));
        mapping["filters"] = json!([filter]);
        let cells = ["X", "X ", "", " ", "Y"];
        let file = format!("Id;Kind\n{}\n", cells.map(|cell| format!("1;{cell}")).join("\n"));
        let outcomes = read(file, mapping).unwrap();
        let is_filtered = |(outcome, _): &(&Outcome, &str)| matches!(outcome, Outcome::Filtered(_));
        let filtered = outcomes.iter().zip(cells).filter(is_filtered).map(|(_, cell)| cell);
        assert_eq!(filtered.collect::<Vec<_>>(), expected, "{filter}");
    }
}

#[test]
fn keys_never_run_together() {
    let mut mapping = texts(&["A", "B"]);
    mapping["key"] = json!(["B", "A"]);
    let outcomes = read("A;B\nb|;a\nb;a|\n\\;x\nc;ab\nbc;a\n", mapping).unwrap();
    let ids: Vec<_> = outcomes.iter().map(|outcome| report(std::slice::from_ref(outcome))).collect();
    assert_eq!(ids[0], r#"2 a|b\| {"A":"b|","B":"a"}"#);
    assert_eq!(ids[1], r#"3 a\||b {"A":"b","B":"a|"}"#);
    assert_eq!(ids[2], r#"4 x|\\ {"A":"\\","B":"x"}"#);
    let keys: std::collections::HashSet<_> = outcomes.iter().map(|outcome| *outcome.key().unwrap()).collect();
    assert_eq!(keys.len(), 5);
}

/// The state that connections keep is made of these: a change would make every record look new.
#[test]
fn keys_and_hashes_are_stable() {
    let [Outcome::Record(record)] = &read("Id;N\n\"a\"\"b\";1\n", texts(&["Id", "N"])).unwrap()[..] else {
        panic!()
    };
    assert_eq!(record.source_id, "a\"b", "one key column is not escaped");
    assert_eq!(record.data, r#"{"Id":"a\"b","N":"1"}"#);
    let sha = |bytes: &[u8]| <sha2::Sha256 as sha2::Digest>::digest(bytes);
    assert_eq!(record.key.unwrap()[..], sha(b"\0\0\0\x03a\"b")[..16]);
    assert_eq!(record.hash[..], sha(record.data.as_bytes())[..16]);
}

#[test]
fn without_a_key_records_go_by_line() {
    let mut mapping = semicolons(json!([{"name": "n", "from": "2", "type": "integer"}]));
    mapping["input"]["header"] = json!(false);
    let outcomes = read("a;1\n\nb;2\nc;x\nd\n", mapping).unwrap();
    insta::assert_snapshot!(report(&outcomes), @r#"
    1 line 1 {"n":1}
    3 line 3 {"n":2}
    4 line 4 error not_an_integer 2: found "x", expected a whole number
    5 ? error ragged_line -: found 1 fields, expected 2 as on the first line
    "#);
    assert!(outcomes.iter().all(|outcome| outcome.key().is_none()));
}

#[test]
fn one_long_record_does_not_make_others_large() {
    let long = "x".repeat(500_000);
    let outcomes = read(format!("Id\n1\n{long}\n2\n3\n"), texts(&["Id"])).unwrap();
    let Some(Outcome::Record(last)) = outcomes.last() else { panic!() };
    assert!(last.data.capacity() < 1000, "{}", last.data.capacity());
}

#[test]
fn empty_files_have_no_records() {
    for bytes in [&b""[..], b"\xEF\xBB\xBF", b"\r\n\r\n", b"Id\n"] {
        assert_eq!(read(bytes, texts(&["Id"])).unwrap(), [], "{bytes:?}");
    }
}

#[test]
fn files_fail_whole_where_no_record_can_be_trusted() {
    let error = |file: &[u8], names: &[&str]| read(file, texts(names)).unwrap_err();
    let missing = error(b"Id;Nmae\n1;x\n", &["Id", "Name"]);
    assert_eq!(missing.to_string(), "the file has no column Name; it has \"Id\", \"Nmae\"");
    assert_eq!((missing.code(), missing.is_retryable()), ("missing_columns", false));
    let twice = semicolons(json!([
        {"name": "a", "from": "X", "type": "text"},
        {"name": "b", "from": "Y", "type": "text"},
        {"name": "c", "from": "X", "type": "text"}
    ]));
    assert_eq!(read(b"Id\n", twice).unwrap_err().to_string(), "the file has no column X, Y; it has \"Id\"");
    let repeated = error(b"Id;Name;Name\n", &["Id", "Name"]);
    assert_eq!(
        repeated.to_string(),
        "the file has more than one column Name; which of them is meant cannot be told"
    );
    assert!(read(b"Id;Name;Name\n", texts(&["Id"])).is_ok(), "columns that are not mapped may repeat");
    assert!(matches!(
        error(b"\n\"Id\n1;x\n", &["Id"]),
        FileError::UnreadableHeader { line: 2, reason: Reason::UnclosedQuote }
    ));
    let wrong = error(b"\xFF\xFEI\0d\0", &["Id"]);
    assert_eq!(
        wrong.to_string(),
        "the file begins with a byte order mark of utf-16le, but the mapping states utf-8"
    );
    assert_eq!(wrong.code(), "wrong_encoding");

    let mut mapping = texts(&["Id"]);
    mapping["filters"] = json!([{"column": "Kind", "equals": "X", "reason": "r"}]);
    assert_eq!(read(b"Id\n", mapping).unwrap_err().to_string(), "the file has no column Kind; it has \"Id\"");
    let mut mapping = semicolons(json!([{"name": "n", "from": "3", "type": "text"}]));
    mapping["input"]["header"] = json!(false);
    assert_eq!(
        read(b"a;b\n", mapping).unwrap_err().to_string(),
        "the file has no column 3; it has \"1\", \"2\""
    );
}

#[test]
fn a_failing_read_is_an_error_and_can_be_retried() {
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("connection lost"))
        }
    }
    let mapping = compile(texts(&["Id"]));
    let mut reading = records(std::io::Read::chain(&b"Id\n1\n2"[..], Failing), &mapping).unwrap();
    assert!(matches!(reading.next(), Some(Ok(Outcome::Record(_)))));
    let error = reading.next().unwrap().unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), ("read_failed", true));
    assert!(reading.next().is_none(), "half a record is not a record");
    assert!(!reading.is_complete());
}

#[test]
fn reading_is_complete_where_absence_proves_something() {
    let complete = |file: &str| {
        let mapping = compile(texts(&["Id", "N"]));
        let mut reading = records(file.as_bytes(), &mapping).unwrap();
        assert!(!reading.is_complete(), "not before the end");
        reading.by_ref().for_each(drop);
        reading.is_complete()
    };
    assert!(complete("Id;N\n1;x\n"));
    assert!(complete("Id;N\n"));
    assert!(!complete(""));
    assert!(!complete("Id;N\n1\n"), "the ragged line may have any key");
    assert!(!complete("Id;N\n;x\n"));
    assert!(!complete("Id;N\n1;\"x\n2;y"));
    let mut mapping = texts(&["Id", "N"]);
    mapping["columns"][1]["type"] = json!("integer");
    let mapping = compile(mapping);
    let mut reading = records(&b"Id;N\n1;x\n"[..], &mapping).unwrap();
    reading.by_ref().for_each(drop);
    assert!(reading.is_complete(), "the record in error has a known key");
}

/// A mapping of the columns A and B with these settings of its file.
fn dialect(settings: Value) -> Value {
    let mut mapping = texts(&["A", "B"]);
    for (field, value) in settings.as_object().unwrap() {
        mapping["input"][field] = value.clone();
    }
    mapping
}

#[test]
fn lines_before_the_header_are_passed_over_whatever_is_in_them() {
    let mapping = dialect(json!({ "skip_lines": 3 }));
    let file = "Report \"of\r\n\r\n\"unclosed;\r\nA;B\r\n1;2\r\n";
    insta::assert_snapshot!(report(&read(file.as_bytes(), mapping.clone()).unwrap()), @r#"5 1 {"A":"1","B":"2"}"#);
    assert!(read(b"only\none", mapping).unwrap().is_empty());
}

#[test]
fn short_and_long_records_are_errors_or_padded_as_stated() {
    let file = b"A;B\n1\n2;x;\n3;x; ;y\n4;x\n";
    insta::assert_snapshot!(report(&read(file, dialect(json!({}))).unwrap()), @r#"
    2 ? error ragged_line -: found 1 fields, expected 2 as on the first line
    3 ? error ragged_line -: found 3 fields, expected 2 as on the first line
    4 ? error ragged_line -: found 4 fields, expected 2 as on the first line
    5 4 {"A":"4","B":"x"}
    "#);
    insta::assert_snapshot!(report(&read(file, dialect(json!({ "ragged": "pad" }))).unwrap()), @r#"
    2 1 {"A":"1","B":null}
    3 2 {"A":"2","B":"x"}
    4 ? error ragged_line -: found 4 fields, expected 2 as on the first line
    5 4 {"A":"4","B":"x"}
    "#);
}

#[test]
fn empty_lines_are_no_records_and_lines_of_delimiters_as_stated() {
    let file = b"\nA;B\n\n1;x\n\r\n;\n\"\"; \n\n";
    insta::assert_snapshot!(report(&read(file, dialect(json!({}))).unwrap()), @r#"
    4 1 {"A":"1","B":"x"}
    6 ? error empty_key A: found an empty cell, expected a key
    7 ? error empty_key A: found an empty cell, expected a key
    "#);
    insta::assert_snapshot!(report(&read(file, dialect(json!({ "skip_empty": true }))).unwrap()), @r#"4 1 {"A":"1","B":"x"}"#);
}

#[test]
fn marks_of_a_dialect_differ() {
    let mut mapping = texts(&["A"]);
    mapping["input"]["escape"] = json!("\"");
    mapping["input"]["comment"] = json!(";");
    mapping["input"]["ragged"] = json!("pad");
    let mapping: Mapping = serde_json::from_value(mapping).unwrap();
    let errors: Vec<_> = mapping.validate().into_iter().map(|error| error.field).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("input.escape") && errors[1].starts_with("input.comment"), "{errors:?}");
}
