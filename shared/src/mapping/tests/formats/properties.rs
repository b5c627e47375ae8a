use proptest::prelude::*;
use serde_json::{Value, json};

use super::{compile, texts};
use crate::mapping::tests::Pieces;
use crate::mapping::{Compiled, Outcome, records};

/// A mapping of every format, and texts that its files are made of.
fn formats() -> Vec<(Value, &'static [&'static str], &'static [&'static str])> {
    let fixed = json!({"format": "fixed_width", "encoding": "utf-8", "columns": [{"name": "a", "start": 1, "width": 2}, {"name": "b", "start": 3, "width": 2}], "ragged": "short_is_empty", "fill": " "});
    let mut records = fixed.clone();
    records["record_length"] = json!(5);
    let mut greek = fixed.clone();
    greek["encoding"] = json!("windows-1253");
    let json: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"",
        "\\u00e5",
        "\\",
        "1",
        "-0.5e3",
        "null",
        "true",
        " ",
        "\n",
        "{\"a\":1}",
        "{\"a\":{\"b\":[1]}},",
    ];
    let xml: &[&str] = &[
        "<f>",
        "</f>",
        "<r>",
        "</r>",
        "<r a='1'>",
        "<a>",
        "</a>",
        "<b/>",
        "x",
        " ",
        "\n",
        "&amp;",
        "&#65;",
        "&x;",
        "<!-- -->",
        "<![CDATA[x]]>",
        "<",
        ">",
        "<?p?>",
        "<f><r><a>x</a></r></f>",
    ];
    let saft: &[&str] = &[
        "<AuditFile xmlns='urn:StandardAuditFile-Taxation-Financial:NO'>",
        "</AuditFile>",
        "<GeneralLedgerEntries>",
        "</GeneralLedgerEntries>",
        "<NumberOfEntries>1</NumberOfEntries>",
        "<Journal>",
        "</Journal>",
        "<Transaction>",
        "</Transaction>",
        "<Line>",
        "</Line>",
        "<Amount>1</Amount>",
        "<DebitAmount>",
        "</DebitAmount>",
    ];
    let fixed_texts: &[&str] = &["a", "bc", " ", "\n", "\r", "\r\n", "\u{e5}", "\u{1f600}", "abcde"];
    vec![
        (json!({"format": "json"}), &["a", "/a/b", "/b/0"], json),
        (json!({"format": "json", "records": "/a/0"}), &["a"], json),
        (json!({"format": "ndjson"}), &["a", "/a/b"], json),
        (fixed, &["a", "b"], fixed_texts),
        (records, &["b", "a"], fixed_texts),
        (greek, &["a", "b"], fixed_texts),
        (
            json!({"format": "xml", "record": "/f/r"}),
            &["@a", "a", "a[1]", ".", "a/b[join:;]", "../a", "/f/@a"],
            xml,
        ),
        (json!({"format": "xml", "record": "/f"}), &["r[2]/a", "."], xml),
        (json!({"format": "saft", "entity": "transaction_lines"}), &["JournalID", "DebitAmount"], saft),
    ]
}

/// What a file comes to, to the last record or the error.
fn outcomes(reading: impl std::io::Read, mapping: &Compiled) -> (Vec<Outcome>, Option<String>) {
    let mut all = Vec::new();
    let reading = match records(reading, mapping) {
        Ok(reading) => reading,
        Err(error) => return (all, Some(format!("{} {error}", error.code()))),
    };
    for outcome in reading {
        match outcome {
            Ok(outcome) => all.push(outcome),
            Err(error) => return (all, Some(format!("{} {error}", error.code()))),
        }
    }
    (all, None)
}

proptest! {
    /// Nor does it matter in which pieces the bytes come.
    #[test]
    fn no_bytes_make_a_format_panic_or_lose_its_place(
        random in any::<Vec<u8>>(),
        picks in prop::collection::vec(0usize..1000, 0..40),
        sizes in prop::collection::vec(1usize..9, 1..4),
    ) {
        for (input, from, pieces) in formats() {
            let mapping = compile(texts(input, from));
            let built: String = picks.iter().map(|pick| pieces[pick % pieces.len()]).collect();
            let cut = [built.as_bytes(), &random[..random.len().min(3)]].concat();
            for bytes in [&random[..], built.as_bytes(), &cut] {
                let whole = outcomes(bytes, &mapping);
                prop_assert_eq!(&outcomes(Pieces::new(bytes, &sizes), &mapping), &whole);
                let outcomes = whole.0;
                prop_assert!(outcomes.is_sorted_by(|left, right| left.place() < right.place()));
                prop_assert!(outcomes.is_sorted_by(|left, right| left.line() <= right.line()));
            }
        }
    }

    #[test]
    fn values_arrive_as_they_were_written_in_every_format(rows in prop::collection::vec(("[ -~åøñ\u{1f600}]{0,6}", "(?s).{0,6}"), 0..8)) {
        let expected: Vec<Value> = rows.iter().map(|(left, right)| json!({"a": left, "b": right})).collect();
        let json = serde_json::to_string_pretty(&expected).unwrap();
        let lines: String = expected.iter().map(|row| format!("{row}\n")).collect();
        let around = format!("{{\"id\": [1, {{}}], \"d\": {json}, \"e\": {json}}}");
        let items = json!({"format": "json", "records": "/d"});
        prop_assert_eq!(read(&around, texts(items, &["a", "b"])), written(&rows));
        if let Some(first) = expected.first() {
            let around = format!("[{{}}, {{\"d\": {first}, \"a\": 1, \"b\": \"c\"}}, 2]");
            let item = json!({"format": "json", "records": "/1/d"});
            prop_assert_eq!(read(&around, texts(item, &["a", "b"])), written(&rows[..1]));
        }
        for (format, file) in [("json", json), ("ndjson", lines)] {
            prop_assert_eq!(read(&file, texts(json!({"format": format}), &["a", "b"])), written(&rows));
        }
        let rows: Vec<(String, String)> = rows.into_iter().map(|(left, right)| (left, allowed_in_xml(&right))).collect();
        let mut writer = quick_xml::Writer::new(Vec::new());
        writer.create_element("f").write_inner_content(|writer| {
            for (left, right) in &rows {
                writer.create_element("r").with_attribute(("a", left.as_str())).write_text_content(quick_xml::events::BytesText::new(right))?;
            }
            Ok(())
        }).unwrap();
        let file = String::from_utf8(writer.into_inner()).unwrap();
        prop_assert_eq!(read(&file, texts(json!({"format": "xml", "record": "/f/r"}), &["@a", "."])), written(&rows));
    }
}

/// What XML may have; line ends in it would be normalized.
fn allowed_in_xml(text: &str) -> String {
    text.chars()
        .filter(|character| *character >= ' ' && !matches!(character, '\u{fffe}' | '\u{ffff}'))
        .collect()
}

fn written(rows: &[(String, String)]) -> Vec<Value> {
    let cell = |text: &String| if text.is_empty() { Value::Null } else { json!(text) };
    rows.iter().map(|(left, right)| json!({"a": cell(left), "b": cell(right)})).collect()
}

fn read(file: &str, mapping: Value) -> Vec<Value> {
    super::data(file, mapping).unwrap()
}
