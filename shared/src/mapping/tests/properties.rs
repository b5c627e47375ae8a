use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Pieces, SIZES, compile, settled, texts};
use crate::mapping::{Compiled, Outcome, records};

/// A mapping with a column of every type, over one input column and a key.
fn all_types(encoding: &str) -> Compiled {
    let mut mapping = texts(&["Id"]);
    mapping["input"]["encoding"] = json!(encoding);
    mapping["input"]["header"] = json!(false);
    mapping["columns"] = json!([
        {"name": "id", "from": "1", "type": "text"},
        {"name": "number", "from": "2", "type": "decimal", "decimal_mark": ",", "grouping": "."},
        {"name": "count", "from": "2", "type": "integer", "default": "0"},
        {"name": "date", "from": "2", "type": "date", "format": "%d%m%Y"},
        {"name": "at", "from": "2", "type": "timestamp", "format": "%Y%m%d%H%M", "time_zone": "Europe/Oslo"},
        {"name": "flag", "from": "2", "type": "boolean", "true_values": ["1"], "false_values": ["0"]}
    ]);
    mapping["key"] = json!(["id"]);
    mapping["filters"] = json!([{"column": "1", "one_of": ["x"], "reason": "r"}]);
    compile(mapping)
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_lose_its_place(
        bytes in prop_oneof![any::<Vec<u8>>(), "([a-z0-9;,.\" \r\n]|\u{f8}){0,80}".prop_map(String::into_bytes)],
        sizes in prop::collection::vec(1usize..9, 1..4),
    ) {
        for encoding in ["utf-8", "utf-16le", "iso-8859-1", "windows-1253"] {
            let mapping = all_types(encoding);
            let Ok(reading) = records(Pieces::new(&bytes, &sizes), &mapping) else { continue };
            let outcomes: Vec<Outcome> = reading.map(Result::unwrap).collect();
            let whole: Vec<Outcome> = records(&bytes[..], &mapping).unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(&outcomes, &whole);
            prop_assert!(outcomes.is_sorted_by(|left, right| left.line() < right.line()));
        }
    }

    #[test]
    fn every_line_is_exactly_one_outcome(lines in prop::collection::vec("[a-c;]{0,6}|[0-9]{1,2};[0-9]{0,4}", 0..40)) {
        let mapping = all_types("utf-8");
        let text = lines.join("\n");
        let first = lines.iter().find(|line| !line.is_empty());
        prop_assume!(first.is_none_or(|line| line.contains(';')));
        let expected: Vec<u64> = (1..).zip(&lines).filter(|(_, line)| !line.is_empty()).map(|(line, _)| line).collect();
        let outcomes: Vec<u64> = records(text.as_bytes(), &mapping).unwrap().map(|outcome| outcome.unwrap().line()).collect();
        prop_assert_eq!(outcomes, expected);
    }

    #[test]
    fn text_arrives_as_it_was_written(rows in prop::collection::vec(("[a-z]{1,3}", "(?s).{0,8}|[;\"\r\n ]{0,4}"), 0..8)) {
        let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
        writer.write_record(["Id", "Text"]).unwrap();
        for (id, text) in &rows {
            writer.write_record([id, text]).unwrap();
        }
        let mut outcomes = Vec::new();
        for outcome in records(&writer.into_inner().unwrap()[..], &compile(texts(&["Id", "Text"]))).unwrap() {
            let Outcome::Record(record) = outcome.unwrap() else { panic!("text always fits") };
            outcomes.push(serde_json::from_str::<Value>(&record.data).unwrap());
        }
        let expected: Vec<Value> = rows
            .iter()
            .map(|(id, text)| json!({"Id": id, "Text": if text.is_empty() { Value::Null } else { json!(text) }}))
            .collect();
        prop_assert_eq!(outcomes, expected);
    }

    /// However duplicates are settled, one record of every key counts, and it is the right one.
    #[test]
    fn one_record_of_every_key_counts(
        files in prop::collection::vec(prop::collection::vec("[a-d]", 0..8), 1..4),
        policy in prop::sample::select(&["error", "first", "last"][..]),
        size in prop::sample::select(&SIZES[..2]),
    ) {
        let mut mapping = texts(&["Id"]);
        mapping["duplicates"] = json!(policy);
        let mapping = compile(mapping);
        let texts: Vec<String> = files.iter().map(|ids| format!("Id\n{}\n", ids.join("\n"))).collect();
        let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        let (mut counted, mut total) = (BTreeMap::new(), 0);
        for (file, outcomes) in settled(&mapping, &texts, size).into_iter().enumerate() {
            for outcome in outcomes {
                total += 1;
                if let Outcome::Record(record) = outcome {
                    prop_assert_eq!(counted.insert(record.source_id, (file, record.line)), None);
                }
            }
        }
        prop_assert_eq!(total, files.iter().map(Vec::len).sum::<usize>());
        let mut expected = BTreeMap::new();
        for (file, ids) in files.iter().enumerate() {
            for (at, id) in ids.iter().enumerate() {
                let place = expected.entry(id.clone()).or_insert((file, at as u64 + 2));
                if place.0 != file || policy == "last" {
                    *place = (file, at as u64 + 2);
                }
            }
        }
        prop_assert_eq!(counted, expected);
    }
}
