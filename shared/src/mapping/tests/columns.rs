//! Columns from other sources than one cell, conditions, groups and lists, and personal data.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{compile, read, report, semicolons};
use crate::mapping::{Compiled, FileError, Incoming, Mapped, Outcome, Provenance, masked, records};

/// Maps a file by these columns; a line an outcome.
fn map(file: &str, columns: Value) -> String {
    report(&read(file, semicolons(columns)).unwrap())
}

fn text(name: &str) -> Value {
    json!({"name": name, "from": name, "type": "text"})
}

#[test]
fn a_text_comes_from_one_of_several_or_from_all_of_them() {
    let name = json!({"columns": ["First", "Middle", "Last"], "join": " ", "skip_empty": true});
    let columns = json!([
        {"name": "name", "from": name, "type": "text"},
        {"name": "all", "from": {"columns": ["First", "Last"], "join": "|"}, "type": "text"},
        {"name": "second", "from": {"column": "Amount", "nth": 2}, "type": "decimal", "decimal_mark": ","},
        {"name": "country", "from": {"constant": "no"}, "type": "text", "transforms": ["upper"]},
        {"name": "zero", "from": {"constant": "1,5"}, "type": "decimal", "decimal_mark": ",",
         "transforms": [{"subtract": "1.5"}]}
    ]);
    let file = "First;Middle;Last;Amount;Amount\nKari;;Ås;1;2,50\nOla;M; ;1;2\n;; ;1;x\n; ;;1;2\n";
    assert_eq!(
        map(file, columns),
        [
            r#"2 line 2 {"name":"Kari Ås","all":"Kari|Ås","second":"2.50","country":"NO","zero":"0.0"}"#,
            r#"3 line 3 {"name":"Ola M","all":"Ola| ","second":"2","country":"NO","zero":"0.0"}"#,
            r#"4 line 4 error not_a_decimal Amount (2): found "x", expected a number with ',' as its decimal mark"#,
            r#"5 line 5 {"name":null,"all":null,"second":"2","country":"NO","zero":"0.0"}"#,
        ]
        .join("\n")
    );
    let third = json!([{"name": "a", "from": {"column": "Amount", "nth": 3}, "type": "text"}]);
    let missing = read("Amount;Amount\n1;2\n", semicolons(third)).unwrap_err();
    assert_eq!(missing.to_string(), r#"the file has no column Amount (3); it has "Amount", "Amount""#);
    let both = json!([
        {"name": "a", "from": {"column": "A", "nth": 1}, "type": "text"},
        {"name": "b", "from": {"column": "A", "nth": 2}, "type": "text"},
        {"name": "c", "from": {"column": "A"}, "type": "text"}
    ]);
    assert_eq!(read("A;A\n1;2\n", semicolons(both)).unwrap_err().code(), "repeated_column");
}

/// Reads a file of which this is known.
fn from(provenance: Provenance<'_>, file: &str, mapping: &Compiled) -> Result<Vec<Mapped>, FileError> {
    let records = records(Incoming { reader: file.as_bytes(), provenance }, mapping)?;
    let mapped = records.map(|outcome| match outcome? {
        Outcome::Record(record) => Ok(record),
        other => panic!("{}", report(&[other])),
    });
    mapped.collect()
}

#[test]
fn a_record_is_not_compared_by_what_tells_how_it_came() {
    let mut mapping = semicolons(json!([
        {"name": "run", "from": {"run": "id"}, "type": "text"},
        text("Id"),
        {"name": "came", "columns": [
            {"name": "file", "from": {"run": "file"}, "type": "text"},
            {"name": "line", "from": {"run": "line"}, "type": "integer"},
            {"name": "began", "from": {"run": "started_at"}, "type": "timestamp", "format": "%FT%T%:z"},
            {"name": "due", "from": {"run": "scheduled_for"}, "type": "text"},
            text("N")
        ]},
        {"name": "day", "from": {"file_name": r"punches_(\d{8})\.csv"}, "type": "date", "format": "%Y%m%d"}
    ]));
    mapping["key"] = json!(["Id"]);
    let mapping = compile(mapping);
    let provenance = Provenance {
        file: Some("out/punches_20261025.csv"),
        run: Some("run_1"),
        scheduled_for: Some("2026-10-25T05:30:00Z".parse().unwrap()),
        started_at: Some("2026-10-25T05:30:01Z".parse().unwrap()),
    };
    let first = from(provenance, "Id;N\n1;x\n2;\n", &mapping).unwrap();
    assert_eq!(
        first[0].data,
        r#"{"run":"run_1","Id":"1","came":{"file":"out/punches_20261025.csv","line":2,"began":"2026-10-25T05:30:01Z","due":"2026-10-25T05:30:00Z","N":"x"},"day":"2026-10-25"}"#
    );
    assert_eq!(first[1].data, r#"{"run":"run_1","Id":"2","came":null,"day":"2026-10-25"}"#, "N says nothing");
    let manual = Provenance { run: Some("run_2"), scheduled_for: None, ..provenance };
    let again = from(manual, "Id;N\n2;\n1;x\n", &mapping).unwrap();
    let due = r#""line":3,"began":"2026-10-25T05:30:01Z","due":null,"#;
    assert!(again[1].data.contains(due), "{}", again[1].data);
    assert_eq!((again[1].hash, again[0].hash), (first[0].hash, first[1].hash));
    let other =
        from(Provenance { file: Some("punches_20261026.csv"), ..provenance }, "Id;N\n1;x\n", &mapping);
    assert_ne!(other.unwrap()[0].hash, first[0].hash, "a part of the file's name is data");
    let changed = from(provenance, "Id;N\n1;y\n", &mapping).unwrap();
    assert_ne!(changed[0].hash, first[0].hash);

    let error = |file| from(Provenance { file, ..provenance }, "Id;N\n1;x\n", &mapping).unwrap_err();
    assert_eq!(
        error(Some("punches_20261025.csv/old_punches_20261025.csv")).to_string(),
        r#"the file "old_punches_20261025.csv" has no name as the mapping states it, which takes a column from it"#
    );
    assert_eq!((error(None).code(), error(None).is_retryable()), ("no_file_name_part", false));
    let nothing = from(
        Provenance { file: Some("punches_20261025.csv"), ..Provenance::default() },
        "Id;N\n1;x\n",
        &mapping,
    );
    assert!(nothing.unwrap()[0].data.starts_with(r#"{"run":null,"Id":"1","#), "what is not known is empty");
}

#[test]
fn conditions_decide_whether_a_cell_is_read() {
    let hours = |more: Value| {
        let mut column = json!({"name": "hours", "from": "Hours", "type": "integer", "default": "0"});
        for (name, value) in more.as_object().unwrap() {
            column[name] = value.clone();
        }
        json!([column])
    };
    let file = "Kind;Hours\nwork;8\nsick;n/a\nwork;\nwork;n/a\n";
    let work = json!({"column": "Kind", "equals": "work"});
    assert_eq!(
        map(file, hours(json!({"when": work}))),
        [
            r#"2 line 2 {"hours":8}"#,
            r#"3 line 3 {"hours":null}"#,
            r#"4 line 4 {"hours":0}"#,
            r#"5 line 5 error not_an_integer Hours: found "n/a", expected a whole number"#,
        ]
        .join("\n")
    );
    let otherwise = map(file, hours(json!({"when": work, "else": "default"})));
    assert_eq!(otherwise.lines().nth(1), Some(r#"3 line 3 {"hours":0}"#));
    let required = map(file, hours(json!({"when": work, "required": true, "default": null})));
    assert_eq!(
        required.lines().take(3).collect::<Vec<_>>()[1..],
        [
            r#"3 line 3 {"hours":null}"#,
            "4 line 4 error required Hours: found an empty cell, expected a value"
        ]
    );
}

#[test]
fn filters_combine_conditions() {
    let cell = |column: &str, test: &str, value: Value| json!({"column": column, test: value});
    let cases = [
        (cell("A", "matches", json!("^[0-9]+$")), vec![2, 4]),
        (cell("A", "matches", json!("[0-9]")), vec![2, 3, 4]),
        (json!({"not": cell("A", "matches", json!("[0-9]"))}), vec![5]),
        (json!({"all": [cell("A", "matches", json!("[0-9]")), cell("B", "empty", json!(true))]}), vec![4]),
        (json!({"any": [cell("A", "equals", json!("x")), cell("B", "empty", json!(true))]}), vec![4, 5]),
        (
            json!({"not": {"all": [cell("B", "not_empty", json!(true)), cell("A", "not_equals", json!("x"))]}}),
            vec![4, 5],
        ),
        (
            json!({"any": [{"all": [cell("A", "one_of", json!(["1"]))]}, cell("A", "equals", json!("x"))]}),
            vec![2, 5],
        ),
    ];
    for (condition, expected) in cases {
        let mut mapping = semicolons(json!([text("A")]));
        let mut filter = condition.clone();
        filter["reason"] = json!("r");
        mapping["filters"] = json!([filter]);
        let outcomes = read("A;B\n1;a\n2x;b\n3; \nx;c\n", mapping).unwrap();
        let filtered: Vec<u64> = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Filtered(_)))
            .map(Outcome::line)
            .collect();
        assert_eq!(filtered, expected, "{condition}");
    }
    let mut mapping = semicolons(json!([text("A")]));
    mapping["filters"] = json!([{"not": {"column": "A", "empty": true}, "reason": "r"}]);
    assert_eq!(report(&read("A\nx\n", mapping).unwrap()), "2 line 2 filtered r: filter 1");
}

#[test]
fn columns_go_into_groups_and_lists() {
    let mut mapping = semicolons(json!([
        text("Id"),
        {"name": "address", "columns": [
            text("City"),
            {"name": "geo", "columns": [{"name": "lat", "from": "Lat", "type": "decimal", "decimal_mark": "."}]}
        ]},
        {"name": "phones", "items": [
            {"from": "P1", "type": "text"},
            {"columns": [{"name": "number", "from": "P2", "type": "text"}]},
            {"from": "P3", "type": "integer"}
        ]}
    ]));
    mapping["key"] = json!(["Id", "address.City"]);
    mapping["record_name"] = json!("address.geo.lat");
    let file = "Id;City;Lat;P1;P2;P3\n1;Oslo;59.9;a;b;3\n2;Ås;;;b;\n3;;1;;;\n4;X;;;;\n5;Y;;null;;x\n";
    let outcomes = read(file, mapping.clone()).unwrap();
    assert_eq!(
        report(&outcomes),
        [
            r#"2 1|Oslo {"Id":"1","address":{"City":"Oslo","geo":{"lat":"59.9"}},"phones":["a",{"number":"b"},3]}"#,
            r#"3 2|Ås {"Id":"2","address":{"City":"Ås","geo":null},"phones":[{"number":"b"}]}"#,
            "4 ? error empty_key City: found an empty cell, expected a key",
            r#"5 4|X {"Id":"4","address":{"City":"X","geo":null},"phones":[]}"#,
            r#"6 5|Y error not_an_integer P3: found "x", expected a whole number"#,
        ]
        .join("\n")
    );
    let names: Vec<Option<&str>> = outcomes
        .iter()
        .filter_map(
            |outcome| if let Outcome::Record(record) = outcome { Some(record.name.as_deref()) } else { None },
        )
        .collect();
    assert_eq!(names, [Some("59.9"), None, None]);
    for outcome in &outcomes {
        if let Outcome::Record(record) = outcome {
            let value: Value = serde_json::from_str(&record.data).unwrap();
            assert_eq!(value.to_string(), record.data, "it is JSON, and compact");
        }
    }
    mapping["key"] = json!([]);
    let outcomes = read("Id;City;Lat;P1;P2;P3\n3;;;;;\n", mapping).unwrap();
    assert_eq!(report(&outcomes), r#"2 line 2 {"Id":"3","address":null,"phones":[]}"#);
}

#[test]
fn durations_come_from_two_cells() {
    let columns = json!([{
        "name": "worked", "from": {"date": "Date", "start": "In", "end": "Out"}, "type": "duration",
        "format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Oslo", "overnight": true
    }]);
    let file = "Date;In;Out\n24.10.2026;22:00;06:00\n24.10.2026;;\n24.10.2026;22:00;\n24.10.2026;22:00;22:00\n;22:00;23:00\n";
    assert_eq!(
        map(file, columns),
        [
            r#"2 line 2 {"worked":"PT9H"}"#,
            r#"3 line 3 {"worked":null}"#,
            r#"4 line 4 error not_a_duration Date, In, Out: found "24.10.2026 22:00 – ", expected both a start and an end"#,
            r#"5 line 5 error ambiguous_duration Date, In, Out: found "24.10.2026 22:00 – 22:00", expected an end at another time than the start, since it could be no time or a day"#,
            r#"6 line 6 error not_a_timestamp Date, In, Out: found " 22:00 – 23:00", expected a date and time that exist, as %d.%m.%Y %H:%M"#,
        ]
        .join("\n")
    );
}

#[test]
fn types_and_transforms_go_together() {
    let columns = json!([
        {"name": "id", "from": "Id", "type": "identifier", "transforms": ["trim", {"pad_left": {"to": 4, "with": "0"}}]},
        {"name": "at", "from": "At", "type": "time", "format": "%H:%M"},
        {"name": "born", "from": "Born", "type": "date", "format": "%d.%m.%y", "two_digit_years_from": 1930},
        {"name": "pay", "from": "Pay", "type": "decimal", "decimal_mark": ",", "sign": "trailing", "suffixes": ["kr"],
         "transforms": [{"multiply": "0.01"}], "scale": 2, "round": "half_even", "default": "9,5"},
        {"name": "kind", "from": "Kind", "type": "decimal", "decimal_mark": ",", "transforms": [{"add": "1"}],
         "values": {"none": "0"}}
    ]);
    let file = "Id;At;Born;Pay;Kind\n 42 ;6:30;01.02.30;1234,5 kr-;\n;;;;\n1,23E+15;;;;\n7;;29.02.30;;none\n7;;28.02.29;;none\n";
    assert_eq!(
        map(file, columns),
        [
            r#"2 line 2 {"id":"0042","at":"06:30:00","born":"1930-02-01","pay":"-12.34","kind":null}"#,
            r#"3 line 3 {"id":null,"at":null,"born":null,"pay":"9.50","kind":null}"#,
            r#"4 line 4 error spreadsheet_number Id: found "1,23E+15", expected an identifier as it is, not as a number that a spreadsheet or another tool has made of it"#,
            r#"5 line 5 error not_a_date Born: found "29.02.30", expected a date that exists, as %d.%m.%y"#,
            r#"6 line 6 {"id":"0007","at":null,"born":"2029-02-28","pay":"9.50","kind":"0"}"#,
        ]
        .join("\n")
    );
}

#[test]
fn personal_data_is_not_shown() {
    let mut mapping = semicolons(json!([
        text("Id"),
        {"name": "born", "from": "Born", "type": "integer", "pii": true},
        {"name": "copy", "from": {"columns": ["Born", "Id"], "join": "-"}, "type": "decimal", "decimal_mark": ","},
        {"name": "who", "columns": [{"name": "name", "from": "Name", "type": "text", "pii": true}]},
        {"name": "phones", "items": [{"from": "P1", "type": "text", "pii": true}, {"from": "P2", "type": "text"}]}
    ]));
    mapping["key"] = json!(["Id"]);
    mapping["record_name"] = json!("who.name");
    mapping["filters"] = json!([{"column": "Name", "equals": "X", "reason": "r"}]);
    let compiled = compile(mapping.clone());
    for (column, is_personal) in [("Born", true), ("Name", true), ("P1", true), ("P2", false), ("Id", false)]
    {
        assert_eq!(compiled.is_personal(column), is_personal, "{column}");
    }
    let header = "Id;Born;Name;P1;P2\n";
    let outcomes = read(format!("{header}1;12345x;Kari Nordmann;;\n2;1;Ola;;\n"), mapping.clone()).unwrap();
    assert_eq!(
        report(&outcomes),
        [
            r#"2 1 error not_an_integer Born: found "12•••", expected a whole number"#,
            r#"3 2 error not_a_decimal Born, Id: found "•••", expected a number with ',' as its decimal mark"#,
        ]
        .join("\n")
    );
    let Outcome::Error(error) = &outcomes[0] else { panic!("an error") };
    assert_eq!((error.name.as_deref(), error.source_id.as_deref()), (Some("Ka•••"), Some("1")));
    let mut malformed = format!("{header}1;1;Kari Nordm").into_bytes();
    malformed.extend(b"\xFFnn;;\n");
    let outcomes = read(malformed, mapping.clone()).unwrap();
    assert!(
        report(&outcomes).contains(r#"error invalid_bytes Name: found "Ka•••", which"#),
        "{}",
        report(&outcomes)
    );

    mapping["columns"].as_array_mut().unwrap().remove(2);
    let compiled = compile(mapping.clone());
    let [Outcome::Record(record)] =
        &read(format!("{header}1;123456;Kari Nordmann;;4711 0815\n"), mapping).unwrap()[..]
    else {
        panic!("a record")
    };
    assert_eq!(
        record.data,
        r#"{"Id":"1","born":123456,"who":{"name":"Kari Nordmann"},"phones":["4711 0815"]}"#
    );
    assert_eq!(record.name.as_deref(), Some("Ka•••"));
    assert_eq!(
        compiled.masked_record(&record.data),
        r#"{"Id":"1","born":"•••","who":{"name":"Ka•••"},"phones":["47•••"]}"#
    );
}

#[test]
fn a_mask_shows_little_of_long_texts_and_nothing_of_short_ones() {
    for (text, shown) in
        [("", "•••"), ("M", "•••"), ("Åse M", "•••"), ("Åse Ma", "Ås•••"), ("01027012345", "01•••")]
    {
        assert_eq!(masked(text), shown);
    }
}

/// A mapping for each column, over the second input column of files without a header.
static EACH: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    let columns = json!([
        {"type": "identifier", "pii": true},
        {"type": "time", "format": "%H:%M:%S%.f"},
        {"type": "duration", "notations": ["h:mm", "h:mm:ss", "decimal_hours"], "decimal_mark": ","},
        {"type": "duration", "notations": ["minutes"]},
        {"type": "duration", "from": {"start": "2", "end": "2"}, "format": "%H%M", "overnight": true, "same_time": "day"},
        {"type": "decimal", "decimal_mark": ",", "sign": "trailing", "suffixes": ["kr"],
         "transforms": [{"multiply": "1.5"}, {"divide": {"by": "7", "scale": 3, "round": "half_up"}}, {"add": "-1"}]},
        {"type": "decimal", "decimal_mark": ".", "sign": "parentheses", "scale": 2},
        {"type": "decimal", "decimal_mark": ",", "grouping": " ", "sign": "cr_negative", "prefixes": ["kr"], "scale": 38},
        {"type": "date", "format": "%d%m%y", "two_digit_years_from": 1950,
         "transforms": [{"shift": {"months": -120000, "days": 2147483647}}]},
        {"type": "timestamp", "format": "%y%m%d%H%M", "two_digit_years_from": 9900, "time_zone": "Europe/Oslo",
         "transforms": [{"truncate": "week"}, {"shift": {"months": 5, "minutes": 2147483647}}]},
        {"type": "text", "transforms": ["trim", "collapse_spaces", {"strip_left": "0"}, {"pad_left": {"to": 5, "with": "ø"}},
         {"take": {"last": 7}}, "upper", {"split": {"by": ",", "part": -1}}, {"replace": {"find": "0", "with": "00"}},
         {"capture": "(.)$"}, {"lookup": {"table": {"A": "B"}, "otherwise": "keep"}}, "lower"]},
        {"type": "text", "from": {"columns": ["2", "2"], "join": "-"}, "when": {"column": "2", "matches": "[a-m0-9]"}}
    ]);
    let mapping = |column: &Value| {
        let mut column = column.clone();
        column["name"] = json!("a");
        if column.get("from").is_none() {
            column["from"] = json!("2");
        }
        let mut mapping = semicolons(json!([{"name": "g", "columns": [column]}]));
        mapping["input"]["header"] = json!(false);
        compile(mapping)
    };
    columns.as_array().unwrap().iter().map(mapping).collect()
});

proptest! {
    /// Whatever a cell holds, its record is either an error or JSON, whole and compact.
    #[test]
    fn no_cell_makes_a_column_panic(
        cell in prop_oneof![
            "[^;\"\r\n]{1,12}",
            "[-+0-9.,:() ]{1,12}",
            "[0-9]{4,10}",
            "-?[0-9]{1,40}(,[0-9]{1,40})?[-]?( ?kr)?",
            "\\(?[0-9]{1,30}(\\.[0-9]{1,30})?\\)?",
            "(kr )?[0-9]{1,3}( [0-9]{3}){0,3},[0-9]{1,3} ?[CD]R",
            "-?[0-9]{1,40}(:[0-5][0-9]){0,2}",
        ],
    ) {
        // Not at the file's beginning, where a byte order mark is none of the cell.
        let file = format!("x;{cell}");
        for mapping in EACH.iter() {
            let outcomes: Vec<Outcome> = records(file.as_bytes(), mapping).unwrap().map(Result::unwrap).collect();
            prop_assert_eq!(outcomes.len(), 1);
            if let Outcome::Record(record) = &outcomes[0] {
                let value: Value = serde_json::from_str(&record.data).unwrap();
                prop_assert_eq!(&value.to_string(), &record.data);
            }
        }
    }
}
