use std::io::{self, Read};

use serde_json::json;

use super::{compile, data, invalid, outcome, texts};
use crate::mapping::tests::{SIZES, settled};
use crate::mapping::{Outcome, records};

#[test]
fn records_are_where_the_mapping_says() {
    let cases = [
        (json!({}), r#"{"id": 1}"#, r#"1 record 1 {"a":"1"}"#),
        (json!({}), "\u{feff}[{\"id\": 1}]", r#"1 record 1 {"a":"1"}"#),
        (json!({}), "[]", ""),
        (
            json!({}),
            "[\n {\"id\": 1},\n\n {\"id\":\n 2}, {\"x\": 3}\n]\n",
            "2 record 1 {\"a\":\"1\"}\n4 record 2 {\"a\":\"2\"}\n5 record 3 {\"a\":null}",
        ),
        (
            json!({"records": "/data/items"}),
            "{\"n\": [[1e5]], \"data\": {\"x\": {},\n \"items\": [{\"id\": 7}], \"y\": null}, \"z\": \"\"}",
            r#"2 record 1 {"a":"7"}"#,
        ),
        (
            json!({"records": "/1/a~1b"}),
            r#"[{"a/b": 1}, {"a/b": {"id": "x"}}, 5]"#,
            r#"1 record 1 {"a":"x"}"#,
        ),
        (
            json!({"records": "/d"}),
            r#"{"x": [], "d": {"id": 1}, "id": 2, "e": {"id": 3}}"#,
            r#"1 record 1 {"a":"1"}"#,
        ),
        (json!({"records": "/"}), r#"{"": {"id": 1}}"#, r#"1 record 1 {"a":"1"}"#),
    ];
    for (mut input, file, expected) in cases {
        input["format"] = json!("json");
        assert_eq!(outcome(file, texts(input, &["id"])), expected, "{file}");
    }
}

#[test]
fn values_are_taken_as_they_are_written() {
    let file = r#"{"long": 12345678901234567890123456.78, "id": 98765432109876543210, "e": -1.50E+3, "t": true,
        "n": null, "s": "Å\u00e5\n\"\ud83d\ude00", "o": { "x" : [ 1.0 , "y z" ] }, "a": [ {"b": 0.10} , 5 ], "/p": 6}"#;
    let from = ["long", "id", "e", "t", "n", "s", "o", "/o/x/0", "/a/0/b", "a", "/a/2", "/s", "s", "/~1p"];
    let expected = json!({
        "a": "12345678901234567890123456.78", "b": "98765432109876543210", "c": "-1.50E+3", "d": "true",
        "e": null, "f": "Åå\n\"😀", "g": "{\"x\":[1.0,\"y z\"]}", "h": "1.0", "i": "0.10",
        "j": "[{\"b\":0.10},5]", "k": null, "l": "Åå\n\"😀", "m": "Åå\n\"😀", "n": "6",
    });
    assert_eq!(data(file, texts(json!({"format": "json"}), &from)).unwrap(), [expected]);
}

#[test]
fn exact_numbers_become_exact_decimals_and_keys() {
    let mapping = json!({
        "name": "test", "input": {"format": "json"},
        "columns": [
            {"name": "id", "from": "id", "type": "text"},
            {"name": "amount", "from": "amount", "type": "decimal", "decimal_mark": "."},
        ],
        "key": ["id"],
    });
    let file = "[{\"id\": 10000000000000000001, \"amount\": 0.1000000000000000000000000001}, {\"id\": 10000000000000000002, \"amount\": 1e2}]";
    let expected = "1 10000000000000000001 {\"id\":\"10000000000000000001\",\"amount\":\"0.1000000000000000000000000001\"}\n\
        1 10000000000000000002 error not_a_decimal amount: found \"1e2\", expected a number with '.' as its decimal mark";
    assert_eq!(outcome(file, mapping), expected);
}

#[test]
fn a_record_that_is_wrong_is_its_own_error() {
    let cases = [
        (
            r#"[{"id": 1, "id": 1}, {"id": 2}]"#.to_owned(),
            "1 record 1 error repeated_member -: an object has more than one member \"id\"; which counts is unclear",
        ),
        (
            r#"[{"x": {"y": [{"z": 1, "\u007a": 2}]}}, {"id": 2}]"#.to_owned(),
            "1 record 1 error repeated_member -: an object has more than one member \"z\"; which counts is unclear",
        ),
        (
            r#"[{"id": "\ud800"}, {"id": 2}]"#.to_owned(),
            "1 record 1 error not_json -: a text has half of a surrogate pair, which is no character",
        ),
        (
            format!("[{{\"x\": \"{}\"}}, {{\"id\": 2}}]", "x".repeat(1024 * 1024)),
            "1 record 1 error record_too_long -: the record is over 1048576 bytes",
        ),
    ];
    for (file, expected) in cases {
        let expected = format!("{expected}\n1 record 2 {{\"a\":\"2\"}}");
        let found = outcome(&file, texts(json!({"format": "json"}), &["id"]));
        assert_eq!(found, expected.replace("record 1 error", "? error"), "{}", &file[..30]);
    }
    let malformed = outcome(b"[{\"id\": \"\xFF\"}, {\"id\": 2}]", texts(json!({"format": "json"}), &["id"]));
    assert!(
        malformed.starts_with("1 ? error invalid_bytes -: the record is malformed in UTF-8\n1 record 2"),
        "{malformed}"
    );
}

#[test]
fn where_it_is_not_json_the_file_fails() {
    let deep = |depth: usize| format!("{{\"id\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let cases = [
        ("", "it ends before there is a value on line 1, column 1"),
        ("[{\"id\": 1},\n {\"id\" 2}]", "there is no ':' on line 2, column 8"),
        ("[{\"æ\": 1},\r\n {\"æ\": 01}]", "there is neither ',' nor '}' on line 2, column 9"),
        ("[{\"id\": 1}", "the end is in the middle of it on line 1, column 11"),
        ("[{\"id\": 1},]", "there is no value on line 1, column 12"),
        ("[{\"id\": 1,}]", "there is no member's name in quotes on line 1, column 11"),
        ("[{\"id\": 1} {\"id\": 2}]", "there is neither ',' nor ']' on line 1, column 12"),
        ("{\"id\": 1} x", "there is more behind the end on line 1, column 11"),
        ("[{\"id\": tru}]", "there is a bare word other than true, false and null on line 1, column 12"),
        ("[{\"id\": \"a\tb\"}]", "a text has a control character that is not escaped on line 1, column 11"),
        ("[{\"id\": \"\\x\"}]", "a text has a '\\' that escapes nothing on line 1, column 11"),
        (
            "[{\"id\": \"\\u00g0\"}]",
            "a text has a '\\u' without four hexadecimal digits on line 1, column 14",
        ),
        ("[{\"id\": -}]", "a number has no digit where one must be on line 1, column 10"),
        ("[{\"id\": \"abc", "a text never closes on line 1, column 13"),
        ("[1]", "what is on line 1, column 2, is neither an object nor an array of objects"),
        ("[{},\n[]]", "what is on line 2, column 1, is neither an object nor an array of objects"),
        (&deep(65), "values are over 64 levels deep on line 1, column 70"),
    ];
    for (file, expected) in cases {
        let expected = format!("not_json: the file is not JSON that can be mapped: {expected}");
        assert_eq!(outcome(file, texts(json!({"format": "json"}), &["id"])), expected, "{file}");
    }
    assert!(outcome(deep(63), texts(json!({"format": "json"}), &["id"])).contains("[[["));
    let wrong = outcome(b"\xFF\xFE[\0]\0", texts(json!({"format": "json"}), &["id"]));
    assert!(wrong.starts_with("wrong_encoding: "), "{wrong}");
}

#[test]
fn what_is_around_the_records_is_read_too() {
    let cases = [
        (
            "/data",
            "{}",
            "no_records: the file has no records where the mapping says: it has nothing at /data",
        ),
        (
            "/data",
            "[{}]",
            "no_records: the file has no records where the mapping says: it has nothing at /data",
        ),
        ("/1", "[{}]", "no_records: the file has no records where the mapping says: it has nothing at /1"),
        (
            "/data",
            "{\"data\": null}",
            "not_json: the file is not JSON that can be mapped: what is on line 1, column 10, is neither an object nor an array of objects",
        ),
        (
            "/data",
            "{\"data\": [], \"data\": []}",
            "not_json: the file is not JSON that can be mapped: there is a second member \"data\" on line 1, column 21",
        ),
        (
            "/data",
            "{\"data\": [], \"x\": ]}",
            "not_json: the file is not JSON that can be mapped: there is no value on line 1, column 19",
        ),
    ];
    for (records, file, expected) in cases {
        let mapping = texts(json!({"format": "json", "records": records}), &["id"]);
        assert_eq!(outcome(file, mapping), expected, "{file}");
    }
}

#[test]
fn what_cannot_be_found_is_refused() {
    let pointer = "is not a JSON pointer of at most 64 names, such as /data/items with ~1 for / and ~0 for ~";
    let mapping = texts(json!({"format": "json", "records": "data"}), &["/a~2"]);
    let expected =
        [format!("input.records: \"data\" {pointer}"), format!("columns[0].from: \"/a~2\" {pointer}")];
    assert_eq!(invalid(&mapping), expected);
    assert_eq!(
        invalid(&texts(json!({"format": "ndjson"}), &["/a~"])),
        [format!("columns[0].from: \"/a~\" {pointer}")]
    );
}

/// Two records on one line are two: neither is taken for the other.
#[test]
fn records_on_one_line_are_told_apart() {
    for (policy, size) in
        ["error", "first", "last"].into_iter().flat_map(|policy| SIZES.map(|size| (policy, size)))
    {
        let mut mapping = texts(json!({"format": "json"}), &["id", "n"]);
        mapping["key"] = json!(["a"]);
        mapping["duplicates"] = json!(policy);
        let mapping = compile(mapping);
        let file = r#"[{"id":1,"n":1},{"id":2,"n":2},{"id":1,"n":3}]"#;
        let outcomes = settled(&mapping, &[file.as_bytes()], size).remove(0);
        let counting: Vec<u64> = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Record(_)))
            .map(Outcome::place)
            .collect();
        assert_eq!(counting, if policy == "last" { [2, 3] } else { [1, 2] }, "{policy}");
        let (lost, winner) = if policy == "last" { (0, 3) } else { (2, 1) };
        let shown = super::report(&outcomes[lost..=lost]);
        assert!(
            shown.ends_with(&format!(": the record at number {winner} has the same key and counts")),
            "{shown}"
        );
    }
}

/// A file far larger than what may be held: the reader makes it up as it goes.
#[test]
fn a_file_of_any_size_is_read() {
    let record = format!("{{\"id\":\"{}\"}},\n", "x".repeat(1000));
    let count = 20_000;
    let middle = record.repeat(100);
    let file = io::Cursor::new(b"[")
        .chain(Repeated { text: middle.as_bytes(), at: 0, left: count / 100 })
        .chain(&b"{\"id\":\"last\"}]"[..]);
    let mapping = compile(texts(json!({"format": "json"}), &["id"]));
    let mut lines = 0;
    for (number, outcome) in (1..).zip(records(file, &mapping).unwrap()) {
        lines = outcome.unwrap().line();
        assert_eq!(lines, number);
    }
    assert_eq!(lines, count as u64 + 1);
}

/// A text, several times over.
struct Repeated<'t> {
    text: &'t [u8],
    at: usize,
    left: usize,
}

impl Read for Repeated<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Ok(0);
        }
        let count = (self.text.len() - self.at).min(buf.len());
        buf[..count].copy_from_slice(&self.text[self.at..self.at + count]);
        self.at += count;
        if self.at == self.text.len() {
            (self.at, self.left) = (0, self.left - 1);
        }
        Ok(count)
    }
}
