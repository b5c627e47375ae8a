mod columns;

use serde_json::{Value, json};

use crate::mapping::Mapping;

/// A mapping that uses every type and option.
fn full() -> Value {
    json!({
        "name": "punches",
        "input": {"format": "csv", "encoding": "iso-8859-1", "delimiter": ";", "quote": "\"", "header": true},
        "columns": [
            {"name": "code", "from": "GroupingCode", "type": "text", "required": true},
            {"name": "hours", "from": "Hours", "type": "decimal", "decimal_mark": ",", "grouping": " "},
            {"name": "date", "from": "Date", "type": "date", "format": "%d.%m.%Y"},
            {"name": "in", "from": "In", "type": "timestamp", "format": "%d.%m.%Y %H:%M",
             "time_zone": "Europe/Oslo", "ambiguous": "earliest"},
            {"name": "active", "from": "Active", "type": "boolean", "true_values": ["J"], "false_values": ["N"]},
            {"name": "kind", "from": "Kind", "type": "text", "values": {"I": "in", "O": "out"}, "default": "in"},
            {"name": "count", "from": "Count", "type": "integer", "default": "0"}
        ],
        "key": ["code"],
        "record_name": "code",
        "duplicates": "last",
        "filters": [{"column": "Kind", "equals": "X", "reason": "not_payroll"}]
    })
}

fn mapping(value: &Value) -> Mapping {
    serde_json::from_value(value.clone()).unwrap()
}

/// Sets the value at a pointer (null removes it), and returns the errors as `field: detail`.
fn errors_with(changes: &[(&str, Value)]) -> Vec<String> {
    let mut document = full();
    for (pointer, value) in changes {
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap();
        match (parent, value) {
            (Value::Array(array), Value::Null) => drop(array.remove(member.parse().unwrap())),
            (Value::Array(array), value) if member == "-" => array.push(value.clone()),
            (Value::Object(object), Value::Null) => drop(object.shift_remove(member)),
            (parent, value) => parent[member] = value.clone(),
        }
    }
    mapping(&document)
        .validate()
        .into_iter()
        .map(|error| format!("{}: {}", error.field, error.detail))
        .collect()
}

#[test]
fn what_is_whole_is_valid_and_survives_saving() {
    let mapping = mapping(&full());
    assert_eq!(mapping.validate(), []);
    let saved = serde_json::to_value(&mapping).unwrap();
    assert_eq!(saved, full());
    assert_eq!(serde_json::from_value::<Mapping>(saved).unwrap(), mapping);
}

#[test]
fn what_is_left_out_has_its_stated_default() {
    let mut document = full();
    document["input"] = json!({"format": "csv", "encoding": "utf-8", "delimiter": ";"});
    document.as_object_mut().unwrap().shift_remove("duplicates");
    let saved = serde_json::to_value(mapping(&document)).unwrap();
    assert_eq!(saved["input"]["quote"], "\"");
    assert_eq!(saved["input"]["header"], true);
    assert_eq!(saved["duplicates"], "error");
    document["input"]["quote"] = Value::Null;
    let saved = serde_json::to_value(mapping(&document)).unwrap();
    assert_eq!(saved["input"]["quote"], Value::Null);
}

#[test]
fn unknown_members_are_refused() {
    for pointer in ["", "/input", "/columns/0", "/filters/0"] {
        let mut document = full();
        document.pointer_mut(pointer).unwrap()["surprise"] = json!(1);
        let error = serde_json::from_value::<Mapping>(document).unwrap_err().to_string();
        assert!(error.contains("unknown field `surprise`"), "{pointer}: {error}");
    }
}

#[test]
fn every_error_names_its_field_and_what_would_be_right() {
    let cases: [(&str, Value, &str); 50] = [
        ("/name", json!(" "), "name: is blank; give the mapping a name"),
        (
            "/input/encoding",
            json!("ebcdic"),
            "input.encoding: \"ebcdic\" is not an encoding that can be read: state one such as utf-8, utf-16le, iso-8859-1 or windows-1252",
        ),
        (
            "/input/delimiter",
            json!(";;"),
            "input.delimiter: \";;\" is not one ASCII character other than a line end",
        ),
        (
            "/input/delimiter",
            json!("\n"),
            "input.delimiter: \"\\n\" is not one ASCII character other than a line end",
        ),
        (
            "/input/delimiter",
            json!("\u{a7}"),
            "input.delimiter: \"\u{a7}\" is not one ASCII character other than a line end",
        ),
        ("/input/quote", json!(""), "input.quote: \"\" is not one ASCII character other than a line end"),
        ("/input/quote", json!(";"), "input.quote: is the delimiter too; quote and delimiter must differ"),
        ("/columns/1/name", json!(""), "columns[1].name: is empty; name the member of the JSON record"),
        ("/columns/1/name", json!("date"), "columns[2].name: \"date\" is the name of an earlier column too"),
        ("/columns/0/from", json!(""), "columns[0].from: is empty; name the input column"),
        (
            "/columns/0/format",
            json!("%F"),
            "columns[0].format: is not for columns of this type; leave it out",
        ),
        (
            "/columns/2/time_zone",
            json!("UTC"),
            "columns[2].time_zone: is not for columns of this type; leave it out",
        ),
        (
            "/columns/6/decimal_mark",
            json!(","),
            "columns[6].decimal_mark: is not for columns of this type; leave it out",
        ),
        (
            "/columns/6/grouping",
            json!(" "),
            "columns[6].grouping: is not for columns of this type; leave it out",
        ),
        (
            "/columns/0/ambiguous",
            json!("latest"),
            "columns[0].ambiguous: is not for columns of this type; leave it out",
        ),
        (
            "/columns/0/true_values",
            json!(["J"]),
            "columns[0].true_values: is not for columns of this type; leave it out",
        ),
        ("/columns/1/decimal_mark", Value::Null, "columns[1].decimal_mark: is missing; state `,` or `.`"),
        ("/columns/1/decimal_mark", json!("'"), "columns[1].decimal_mark: \"'\" is neither `,` nor `.`"),
        (
            "/columns/1/grouping",
            json!(","),
            "columns[1].grouping: is not one of space, `.`, `,` and `'`, or is the decimal mark",
        ),
        (
            "/columns/1/default",
            json!("7.50"),
            "columns[1].default: \"7.50\" does not fit this column; expected a number with ',' as its decimal mark and ' ' between groups of three digits",
        ),
        (
            "/columns/1/default",
            json!(" "),
            "columns[1].default: is empty; only text outside of the key can be",
        ),
        (
            "/columns/2/format",
            Value::Null,
            "columns[2].format: is missing; state how cells are written, such as %d.%m.%Y",
        ),
        (
            "/columns/2/format",
            json!("%d.%m.%y"),
            "columns[2].format: %y has a two-digit year, which has no century; use %Y, or state two_digit_years_from",
        ),
        ("/columns/2/format", json!("%d.%m"), "columns[2].format: lacks %Y, the year"),
        ("/columns/2/format", json!("%m.%Y"), "columns[2].format: lacks %m and %d, the month and the day"),
        (
            "/columns/2/format",
            json!("%F %z"),
            "columns[2].format: has an offset, which a date has no use for; map it as a timestamp",
        ),
        (
            "/columns/2/default",
            json!("31.02.2026"),
            "columns[2].default: \"31.02.2026\" does not fit this column; expected a date that exists, as %d.%m.%Y",
        ),
        ("/columns/3/format", json!("%d.%m.%Y"), "columns[3].format: lacks %H, the hour"),
        ("/columns/3/format", json!("%d.%m.%Y %H"), "columns[3].format: lacks %M, the minute"),
        ("/columns/3/format", json!("%H:%M"), "columns[3].format: lacks %Y, the year"),
        (
            "/columns/3/time_zone",
            Value::Null,
            "columns[3].time_zone: is missing; state the IANA zone of the file's local times, such as Europe/Oslo",
        ),
        (
            "/columns/3/time_zone",
            json!("Europe/Bergen"),
            "columns[3].time_zone: \"Europe/Bergen\" is not a zone of the IANA database",
        ),
        (
            "/columns/3/time_zone",
            json!("Etc/Unknown"),
            "columns[3].time_zone: \"Etc/Unknown\" is not a zone of the IANA database",
        ),
        (
            "/columns/3/time_zone",
            json!("+02:00"),
            "columns[3].time_zone: \"+02:00\" is not a zone of the IANA database",
        ),
        (
            "/columns/3/default",
            json!("28.03.2027 02:30"),
            "columns[3].default: \"28.03.2027 02:30\" does not fit this column; expected a time that exists, since clocks skip this one in Europe/Oslo",
        ),
        (
            "/columns/4/true_values",
            Value::Null,
            "columns[4].true_values: is missing; list the cells that mean it",
        ),
        (
            "/columns/4/false_values",
            json!([]),
            "columns[4].false_values: is missing; list the cells that mean it",
        ),
        ("/columns/4/false_values", json!(["N", "J"]), "columns[4].false_values: \"J\" means true too"),
        (
            "/columns/4/false_values",
            json!(["N", ""]),
            "columns[4].false_values: has an empty text, but empty cells go by `default` and `required`",
        ),
        (
            "/columns/4/false_values",
            json!(["N "]),
            "columns[4].false_values: \"N \" can never match, since outer spaces are taken off cells",
        ),
        (
            "/columns/5/values",
            json!({}),
            "columns[5].values: is empty, which makes every cell an error; leave it out",
        ),
        (
            "/columns/6/values",
            json!({"I": "x"}),
            "columns[6].values.I: \"x\" does not fit this column; expected a whole number",
        ),
        (
            "/columns/6/default",
            json!("nil"),
            "columns[6].default: \"nil\" does not fit this column; expected a whole number",
        ),
        (
            "/columns/0/default",
            json!(""),
            "columns[0].default: is empty; only text outside of the key can be",
        ),
        ("/key/-", json!("nobody"), "key[1]: no column is named \"nobody\"; name one of `columns`"),
        ("/key/-", json!("code"), "key[1]: \"code\" is in the key already"),
        (
            "/record_name",
            json!("nobody"),
            "record_name: no column is named \"nobody\"; name one of `columns`",
        ),
        ("/key", json!([]), "duplicates: needs key columns; without a key no two records are the same"),
        ("/filters/0/reason", json!(" "), "filters[0].reason: is blank; say why records are taken out"),
        (
            "/filters/0/reason",
            json!("duplicate_key"),
            "filters[0].reason: is a reason that duplicates have; choose another",
        ),
    ];
    for (pointer, value, expected) in cases {
        assert_eq!(errors_with(&[(pointer, value.clone())]), [expected], "{pointer} {value}");
    }
}

#[test]
fn filters_have_exactly_one_test() {
    let one = [
        "filters[0]: needs exactly one test: equals, not_equals, one_of, empty, not_empty, matches, less_than, \
         at_most, more_than, at_least, all, any or not",
    ];
    assert_eq!(errors_with(&[("/filters/0/equals", Value::Null)]), one);
    assert_eq!(errors_with(&[("/filters/0/empty", json!(true))]), one);
    let equals = ("/filters/0/equals", Value::Null);
    for (test, value) in [
        ("not_equals", json!("")),
        ("one_of", json!(["X"])),
        ("empty", json!(true)),
        ("not_empty", json!(true)),
    ] {
        assert_eq!(errors_with(&[equals.clone(), (&format!("/filters/0/{test}"), value)]), [""; 0], "{test}");
    }
    assert_eq!(
        errors_with(&[equals.clone(), ("/filters/0/empty", json!(false))]),
        ["filters[0].empty: can only be true; use the other of empty and not_empty"]
    );
    assert_eq!(
        errors_with(&[equals, ("/filters/0/one_of", json!([]))]),
        ["filters[0].one_of: is empty; list at least one text"]
    );
}

#[test]
fn without_a_header_columns_go_by_number() {
    let errors = errors_with(&[
        ("/input/header", json!(false)),
        ("/columns/0/from", json!("1")),
        ("/columns/1/from", json!("01")),
    ]);
    assert_eq!(errors.len(), 7, "six columns and the filter: {errors:?}");
    assert_eq!(
        errors[0],
        "columns[1].from: \"01\" is not a column number; without a header columns are called 1, 2, 3"
    );
}

#[test]
fn a_format_with_an_offset_needs_no_zone() {
    let format = ("/columns/3/format", json!("%FT%T%:z"));
    assert_eq!(
        errors_with(std::slice::from_ref(&format)),
        [
            "columns[3].time_zone: contradicts the format, which reads the offset from the cells; leave it out",
            "columns[3].ambiguous: contradicts the format, which reads the offset from the cells; leave it out",
        ]
    );
    let without = [format, ("/columns/3/time_zone", Value::Null), ("/columns/3/ambiguous", Value::Null)];
    assert_eq!(errors_with(&without), [""; 0]);
}

#[test]
fn all_errors_are_found_in_one_go() {
    let errors = errors_with(&[
        ("/input/encoding", json!("x")),
        ("/columns/1/decimal_mark", Value::Null),
        ("/columns/3/time_zone", json!("x")),
        ("/record_name", json!("x")),
        ("/filters/0/reason", json!("")),
    ]);
    let fields: Vec<_> = errors.iter().map(|error| error.split(':').next().unwrap()).collect();
    assert_eq!(
        fields,
        [
            "input.encoding",
            "columns[1].decimal_mark",
            "columns[3].time_zone",
            "record_name",
            "filters[0].reason"
        ]
    );
}

#[test]
fn the_schema_says_what_is_taken() {
    let schema = serde_json::to_value(schemars::schema_for!(Mapping)).unwrap();
    assert_eq!(schema["required"], json!(["name", "input", "columns"]));
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$defs"]["Filter"]["required"], json!(["reason"]));
    assert_eq!(schema["$defs"]["Source"]["anyOf"][0]["type"], "string");
}
