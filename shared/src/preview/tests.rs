use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::mapping::{ColumnType, Input};

fn of(bytes: &[u8], is_whole: bool) -> Preview {
    let sample = Sample {
        bytes,
        is_whole,
        file_name: Some("in/punches.2026.csv"),
        time_zone: "Europe/Oslo",
        mapping: None,
    };
    preview(&sample).unwrap()
}

const PUNCHES: &str = "Ansattnr;Navn;Tid;Timer;Aktiv\n\
    0042;Åse Berg;25.10.2026 01:15;7,50;J\n\
    0043;Kåre Li;25.10.2026 02:15;8,00;N\n\
    0044;Pål Dahl;26.10.2026 07:00;6,25;J\n";

#[test]
fn a_draft_says_all_that_a_mapping_states_and_maps_the_sample() {
    let found = of(PUNCHES.as_bytes(), true);
    let draft = serde_json::to_value(found.draft.as_ref().unwrap()).unwrap();
    let expected = json!({
        "name": "punches",
        "input": {"format": "csv", "encoding": "utf-8", "delimiter": ";", "quote": "\"", "header": true},
        "columns": [
            {"name": "Ansattnr", "from": "Ansattnr", "type": "identifier"},
            {"name": "Navn", "from": "Navn", "type": "text"},
            {"name": "Tid", "from": "Tid", "type": "timestamp", "format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Oslo"},
            {"name": "Timer", "from": "Timer", "type": "decimal", "decimal_mark": ","},
            {"name": "Aktiv", "from": "Aktiv", "type": "boolean", "true_values": ["J"], "false_values": ["N"]},
        ],
        "key": ["Ansattnr"], "duplicates": "error",
    });
    assert_eq!(draft, expected);
    let outcome = found.outcome.unwrap();
    assert_eq!((outcome.read, outcome.mapped, outcome.errors), (3, 2, 1));
    assert_eq!(outcome.records[0].source_id, "0042");
    assert_eq!(outcome.records[0].data["Tid"], "2026-10-24T23:15:00Z");
    let reason = &outcome.errors_by_reason[0];
    assert_eq!((reason.reason.as_str(), reason.count, reason.samples[0].line), ("ambiguous_time", 1, 3));
}

#[test]
fn what_the_sample_cuts_is_no_error() {
    for encoding in ["utf-8", "utf-16le", "utf-32be"] {
        let text = PUNCHES.replace("25.10", "24.10");
        let bytes: Vec<u8> = match encoding {
            "utf-8" => text.into_bytes(),
            "utf-32be" => {
                format!("\u{feff}{text}").chars().flat_map(|c| u32::from(c).to_be_bytes()).collect()
            }
            _ => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        };
        for cut in 1..38 {
            let outcome = of(&bytes[..bytes.len() - cut], false).outcome.unwrap();
            assert_eq!((outcome.errors, outcome.mapped), (0, 2), "{encoding} {cut} {outcome:#?}");
        }
    }
}

#[test]
fn a_given_mapping_is_previewed_instead_of_the_draft() {
    let mapping: Mapping = serde_json::from_value(json!({
        "name": "mine", "input": {"format": "csv", "encoding": "utf-8", "delimiter": ";"},
        "columns": [{"name": "n", "from": "Nummer", "type": "text"}],
    }))
    .unwrap();
    let sample = Sample {
        bytes: PUNCHES.as_bytes(),
        is_whole: true,
        file_name: None,
        time_zone: "UTC",
        mapping: Some(&mapping),
    };
    let found = preview(&sample).unwrap();
    let failure = found.outcome.unwrap().failure.unwrap();
    assert_eq!(failure.field, "missing_columns");
    assert!(failure.detail.contains("Nummer"));
    let broken = Mapping { name: String::new(), ..mapping.clone() };
    assert_eq!(preview(&Sample { mapping: Some(&broken), ..sample }).unwrap_err()[0].field, "name");
}

#[test]
fn dialects_reach_the_engine() {
    let cases = [
        ("Hours of March\n\nid;h\n1;2\n2;3\n3;4\n", json!({"skip_lines": 2})),
        ("# by x, at y\nid,h\n1,2\n2,3\n3,4\n", json!({"comment": "#"})),
        ("// by x, at y\nid,h\n1,2\n2,3\n3,4\n", json!({"skip_lines": 1})),
        ("id,h\n\"1 \\\"x\\\", y\",2\n2,3\n3,4\n", json!({"escape": "\\"})),
        ("id,h\n1,2\n,\n2,3\n3,4\n", json!({"skip_empty": true})),
    ];
    for (text, stated) in cases {
        let found = of(text.as_bytes(), true);
        let draft = serde_json::to_value(&found.draft.as_ref().unwrap().input).unwrap();
        for (field, value) in stated.as_object().unwrap() {
            assert_eq!(draft[field], *value, "{text} {draft}");
        }
        let outcome = found.outcome.unwrap();
        assert_eq!((outcome.mapped, outcome.errors), (3, 0), "{text} {outcome:#?}");
    }
}

#[test]
fn personal_data_is_masked() {
    let mapping: Mapping = serde_json::from_value(json!({
        "name": "mine", "input": {"format": "csv", "encoding": "utf-8", "delimiter": ";"},
        "columns": [{"name": "n", "from": "Navn", "type": "text", "pii": true}, {"name": "h", "from": "Timer", "type": "text"}],
    }))
    .unwrap();
    let sample = Sample {
        bytes: PUNCHES.as_bytes(),
        is_whole: true,
        file_name: None,
        time_zone: "UTC",
        mapping: Some(&mapping),
    };
    let mut found = preview(&sample).unwrap();
    assert_eq!(found.outcome.as_ref().unwrap().records[0].data, json!({"n": "Ås•••", "h": "7,50"}));
    found.draft = None;
    let text = serde_json::to_string(&found).unwrap();
    assert!(!text.contains("Åse Berg") && text.contains("0042"), "{text}");
}

#[test]
fn formats_are_recognised_by_their_beginning() {
    let cases: [(&[u8], Format); 18] = [
        (b"[]", Format::Json),
        (b"[", Format::Delimited),
        (b"<!DOCTYPE html><html>", Format::Html),
        (b"a,b\n\0,2\n", Format::Delimited),
        (b"", Format::Empty),
        (b"a;b\n1;2\n", Format::Delimited),
        (b"[{\"a\":1}]", Format::Json),
        (b"\xEF\xBB\xBF {\"a\":1}", Format::Json),
        (b"{\"a\":1}\n{\"a\":2}\n", Format::Ndjson),
        (b"{a},b\n1,2\n", Format::Delimited),
        (b"[a],b\n1,2\n", Format::Delimited),
        (b"<?xml version=\"1.0\"?><a/>", Format::Xml),
        (b"\n <rows><row/></rows>", Format::Xml),
        (b"PK\x03\x04....xl/workbook.xml", Format::Xlsx),
        (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet", Format::Ods),
        (b"PK\x03\x04....", Format::Zip),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Format::Xls),
        (b"\x7fELF\x02\x03\x05\x06\x02\x02\x03\x05\x06\x02", Format::Binary),
    ];
    for (bytes, format) in cases {
        assert_eq!(of(bytes, true).format.value, format, "{bytes:?}");
    }
}

#[test]
fn packed_files_are_unpacked() {
    use std::io::Write;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(PUNCHES.as_bytes()).unwrap();
    let packed = packer.finish().unwrap();
    let found = of(&packed, true);
    assert_eq!((found.packed, found.columns.len()), (Some(Format::Gzip), 5));
    assert_eq!(found.outcome.unwrap().read, 3);
    assert!(of(&packed[..packed.len() - 9], false).columns.len() >= 3);
}

#[test]
fn members_of_json_are_columns() {
    let bytes = br#"[{"id":"0042","hours":7.5,"who":{"name":"x"}},{"id":"0043","hours":8,"tags":["a"]}]"#;
    for (bytes, is_whole, read) in [(&bytes[..], true, 2), (&bytes[..bytes.len() - 10], false, 1)] {
        let found = of(bytes, is_whole);
        let names: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names[..3], ["id", "hours", "/who/name"]);
        assert_eq!(found.record_paths, [RecordPath { path: String::new(), records: read }]);
        let draft = found.draft.unwrap();
        assert_eq!(
            (&draft.input, draft.columns[0].kind),
            (&Input::Json(Default::default()), Some(ColumnType::Identifier))
        );
        let outcome = found.outcome.unwrap();
        assert_eq!((outcome.mapped, outcome.errors), (read, 0));
        assert_eq!(outcome.records[0].data["hours"], "7.5");
    }
    let nested = of(br#"{"data":{"people":[{"a":1},{"a":2}]},"next":null}"#, true);
    assert_eq!(nested.record_paths, [RecordPath { path: "/data/people".into(), records: 2 }]);
    assert_eq!(nested.outcome.unwrap().mapped, 2);
    let cut =
        of(br#"{"next":"}]","data":{"people":[{"a":1,"b":[{"c":1}]},{"a":2},{"a":3,"b":[{"c":2}"#, false);
    assert_eq!((cut.format.value, cut.outcome.unwrap().mapped), (Format::Json, 2));
    for (lines, is_whole, read) in
        [("{\"a\":1}\n{\"a\":2}\n", true, 2), ("{\"a\":1}\n{\"a\":2}\n{\"a", false, 2)]
    {
        let found = of(lines.as_bytes(), is_whole);
        assert_eq!((found.format.value, found.outcome.unwrap().mapped), (Format::Ndjson, read));
    }
}

#[test]
fn columns_that_cannot_be_mapped_are_told() {
    let found = of(b"id,a,a,\n1,2,3,x\n2,3,4,y\n", true);
    let codes: Vec<&str> = found.notes.iter().map(|note| note.code.as_str()).collect();
    assert_eq!(codes, ["repeated_column", "unnamed_column"]);
    let names: Vec<String> = found.draft.unwrap().columns.into_iter().map(|column| column.name).collect();
    assert_eq!(names, ["id", "a_1", "a_2"]);
    assert_eq!(found.outcome.unwrap().records[1].data, json!({"id": "2", "a_1": 3, "a_2": 4}));
}

#[test]
fn an_answer_stays_small() {
    let name = "a".repeat(300_000);
    let texts = [
        format!("{name},b\n{}", "1,2\n".repeat(30)),
        format!("a,b\n{}", format!("{},2\n", "a".repeat(100_000)).repeat(10)),
        ",".repeat(900_000),
        "a,".repeat(100_000) + "\n" + &"1,".repeat(100_000),
    ];
    for text in texts {
        let found = of(text.as_bytes(), true);
        let size = serde_json::to_vec(&found).unwrap().len();
        assert!(size < 700 * 1024, "{size} bytes of {:.20}", text);
    }
}

#[test]
fn what_begins_comments_is_not_the_delimiter_too() {
    let found = of("]\tA\r0#0\n#\r|#'\n\u{f8}".as_bytes(), false);
    assert_eq!(found.draft.expect("there is a draft").validate(), []);
}

proptest! {
    #[test]
    fn any_bytes_are_previewed(bytes in proptest::collection::vec(any::<u8>(), 0..400), is_whole: bool) {
        of(&bytes, is_whole);
    }

    #[test]
    fn any_text_has_a_draft_that_compiles_or_says_why(
        text in "([a-cA-C0-9\"';,|\t .:/#ø{}\\[\\]<-]{0,12}[\r\n]{0,2}){0,12}", is_whole: bool
    ) {
        let found = of(text.as_bytes(), is_whole);
        prop_assert!(found.notes.iter().all(|note| note.code != "no_draft"), "{:#?}", found.notes);
        if let Some(draft) = &found.draft {
            prop_assert_eq!(draft.validate(), []);
        }
    }
}
