//! What is wrong with columns of all kinds, and where.

use serde_json::{Value, json};

use crate::mapping::Mapping;

/// The errors of a mapping with these columns, over a CSV file with a header, as `field: detail`.
fn errors(columns: Value) -> Vec<String> {
    errors_of(json!({ "columns": columns }))
}

fn errors_of(members: Value) -> Vec<String> {
    let mut document = json!({
        "name": "test",
        "input": {"format": "csv", "encoding": "utf-8", "delimiter": ";"},
        "columns": [{"name": "id", "from": "Id", "type": "text"}]
    });
    for (name, value) in members.as_object().unwrap() {
        document[name] = value.clone();
    }
    let mapping: Mapping = serde_json::from_value(document).unwrap();
    mapping.validate().into_iter().map(|error| format!("{}: {}", error.field, error.detail)).collect()
}

/// A column with these members beside its name.
fn column(members: Value) -> Value {
    let mut column = json!({"name": "a"});
    for (name, value) in members.as_object().unwrap() {
        column[name] = value.clone();
    }
    column
}

#[track_caller]
fn one(members: Value, expected: &str) {
    assert_eq!(errors(json!([column(members)])), [expected]);
}

#[test]
fn sources_are_of_one_kind() {
    let from = |from: Value, expected| one(json!({"from": from, "type": "text"}), expected);
    let one_kind =
        "columns[0].from: needs exactly one of column, columns, constant, file_name, run, and start with end";
    one(json!({"type": "text"}), "columns[0].from: is missing; name the input column");
    one(json!({"from": "A"}), "columns[0].type: is missing; state what the cells are");
    from(json!({}), one_kind);
    from(json!({"column": "A", "constant": "x"}), one_kind);
    from(json!({"nth": 2}), one_kind);
    from(json!({"column": ""}), "columns[0].from: is empty; name the input column");
    from(json!({"column": "A", "nth": 0}), "columns[0].from.nth: is 0, but the first column of a name is 1");
    from(
        json!({"column": "A", "join": " "}),
        "columns[0].from.join: is only for sources with `columns`; leave it out",
    );
    from(
        json!({"constant": "A", "nth": 2}),
        "columns[0].from.nth: is only for sources with `column`; leave it out",
    );
    from(
        json!({"columns": ["A", "B"]}),
        "columns[0].from.join: is missing; state what stands between the columns, perhaps an empty text",
    );
    from(
        json!({"columns": ["A"], "join": ""}),
        "columns[0].from.columns: has fewer than two columns; name one column as a text",
    );
    from(
        json!({"columns": ["A", ""], "join": ""}),
        "columns[0].from.columns[1]: is empty; name the input column",
    );
    from(
        json!({"constant": ""}),
        "columns[0].from.constant: is empty; leave the column out, or state a text",
    );
    from(
        json!({"file_name": "punches"}),
        "columns[0].from.file_name: has 0 groups, but needs one, `(…)`, around what counts; `(?:…)` is none",
    );
    from(
        json!({"file_name": "(a"}),
        "columns[0].from.file_name: is not a regular expression: unclosed group",
    );
    from(
        json!({"file_name": "(\\w{9}{9}{9}{9})"}),
        "columns[0].from.file_name: is too large once its repetitions are written out",
    );
    from(json!({"start": "A", "end": "B"}), "columns[0].from.start: is only for durations; leave it out");
    from(json!({"start": "A"}), "columns[0].from: has only one of start and end; each needs the other");
    one(
        json!({"from": {"constant": "x"}, "type": "integer"}),
        "columns[0].from.constant: \"x\" does not fit this column; expected a whole number",
    );
    let key = json!({"columns": [{"name": "a", "from": {"run": "id"}, "type": "text"}], "key": ["a"]});
    assert_eq!(
        errors_of(key),
        ["columns[0].from.run: cannot be in the key, since no record would be the same in two runs"]
    );
    let json = json!({
        "input": {"format": "json"},
        "columns": [{"name": "a", "from": {"column": "A", "nth": 2}, "type": "text"}]
    });
    assert_eq!(
        errors_of(json),
        [
            "columns[0].from.nth: is only for files with a header, where several columns can have one name; leave it out"
        ]
    );
}

#[test]
fn sources_say_what_is_wrong_when_they_are_read() {
    for (from, expected) in [
        (json!({"colum": "A"}), "unknown field `colum`"),
        (json!(true), "expected an input column's name, or an object that says where the text comes from"),
        (json!({"run": "clock"}), "unknown variant `clock`"),
    ] {
        let document = json!({
            "name": "test",
            "input": {"format": "csv", "encoding": "utf-8", "delimiter": ";"},
            "columns": [{"name": "a", "from": from, "type": "text"}]
        });
        let error = serde_json::from_value::<Mapping>(document).unwrap_err().to_string();
        assert!(error.contains(expected), "{from}: {error}");
    }
}

#[test]
fn transforms_fit_their_type_and_order() {
    let on = |kind: &str, transforms: Value, expected: &str| {
        let mut column = json!({"name": "a", "from": "A", "type": kind, "transforms": transforms});
        match kind {
            "decimal" => column["decimal_mark"] = json!(","),
            "date" => column["format"] = json!("%F"),
            "timestamp" => (column["format"], column["time_zone"]) = (json!("%F %R"), json!("Europe/Oslo")),
            _ => {}
        }
        assert_eq!(errors(json!([column])), [expected], "{transforms}");
    };
    let late = "works on the text, so it has to come before those that work on the value";
    on(
        "text",
        json!([{"add": "1"}]),
        "columns[0].transforms[0]: is not for columns of this type; leave it out",
    );
    on("decimal", json!([{"add": "1"}, "trim"]), &format!("columns[0].transforms[1]: {late}"));
    on(
        "decimal",
        json!(["trim", {"add": "1,5"}]),
        "columns[0].transforms[1].add: \"1,5\" is not a number such as -1.25, of at most 38 digits",
    );
    on(
        "decimal",
        json!([{"divide": {"by": "0.00", "scale": 2}}]),
        "columns[0].transforms[0].divide.by: is zero, by which nothing can be divided",
    );
    on(
        "decimal",
        json!([{"divide": {"by": "2", "scale": 39}}]),
        "columns[0].transforms[0].divide.scale: is not from 0 to 38",
    );
    on(
        "date",
        json!([{"shift": {}}]),
        "columns[0].transforms[0].shift: moves by nothing; state months, days or minutes",
    );
    on(
        "date",
        json!([{"shift": {"minutes": 1}}]),
        "columns[0].transforms[0].shift.minutes: is only for timestamps; leave it out",
    );
    on(
        "date",
        json!([{"truncate": "day"}]),
        "columns[0].transforms[0].truncate: is only for timestamps; a date begins its year, month or week",
    );
    on(
        "timestamp",
        json!([{"shift": {"minutes": 1}}, {"shift": {"days": 1}}]),
        "columns[0].transforms[1].shift: comes after minutes, which are counted on the instant; put the minutes last",
    );
    on(
        "text",
        json!([{"pad_left": {"to": 0, "with": "0"}}]),
        "columns[0].transforms[0].pad_left.to: is not from 1 to 1000",
    );
    on(
        "text",
        json!([{"pad_left": {"to": 2, "with": "00"}}]),
        "columns[0].transforms[0].pad_left.with: \"00\" is not one character",
    );
    on("text", json!([{"strip_left": ""}]), "columns[0].transforms[0].strip_left: is empty; state a text");
    on(
        "text",
        json!([{"replace": {"find": "", "with": "x"}}]),
        "columns[0].transforms[0].replace.find: is empty; state a text",
    );
    on(
        "text",
        json!([{"capture": "(a)(b)"}]),
        "columns[0].transforms[0].capture: has 2 groups, but needs one, `(…)`, around what counts; `(?:…)` is none",
    );
    on(
        "text",
        json!([{"split": {"by": ",", "part": 0}}]),
        "columns[0].transforms[0].split.part: is 0, but the first part is 1, and the last is -1",
    );
    on(
        "text",
        json!([{"lookup": {"table": {}, "otherwise": "keep"}}]),
        "columns[0].transforms[0].lookup.table: is empty; list at least one text",
    );
    on(
        "text",
        json!([{"take": {"first": 0}}]),
        "columns[0].transforms[0].take: takes no character; take at least one",
    );
}

#[test]
fn types_say_what_they_need() {
    let decimal = |more: Value, expected: &str| {
        let mut members = json!({"from": "A", "type": "decimal", "decimal_mark": ","});
        for (name, value) in more.as_object().unwrap() {
            members[name] = value.clone();
        }
        one(members, expected);
    };
    decimal(json!({"round": "half_up"}), "columns[0].round: is only for columns with `scale`; leave it out");
    decimal(json!({"scale": 39}), "columns[0].scale: is not from 0 to 38");
    decimal(json!({"suffixes": [",-"]}), "columns[0].suffixes: \",-\" could be part of a number");
    decimal(
        json!({"prefixes": [" kr"]}),
        "columns[0].prefixes: \" kr\" is blank or has outer spaces, which are taken off anyway",
    );
    decimal(
        json!({"scale": 1, "default": "1,25"}),
        "columns[0].default: \"1,25\" does not fit this column; expected a number that comes to at most 1 decimals, or `round` in the mapping",
    );
    let text = |more: Value| {
        let mut members = json!({"name": "a", "from": "A", "type": "text"});
        for (name, value) in more.as_object().unwrap() {
            members[name] = value.clone();
        }
        errors(json!([members]))
    };
    for (field, value) in [
        ("sign", json!("trailing")),
        ("prefixes", json!(["kr"])),
        ("suffixes", json!(["kr"])),
        ("scale", json!(2)),
        ("round", json!("half_up")),
        ("two_digit_years_from", json!(1950)),
        ("notations", json!(["h:mm"])),
        ("overnight", json!(true)),
        ("same_time", json!("zero")),
    ] {
        let expected = format!("columns[0].{field}: is not for columns of this type; leave it out");
        assert_eq!(text(json!({ field: value })), [expected]);
    }
    let time = |format: &str, expected| one(json!({"from": "A", "type": "time", "format": format}), expected);
    one(
        json!({"from": "A", "type": "time"}),
        "columns[0].format: is missing; state how cells are written, such as %H:%M",
    );
    time("%H", "columns[0].format: lacks %M, the minute");
    time("%F %H:%M", "columns[0].format: has more than a time of day; map it as a date or a timestamp");
    time("%H:%M%z", "columns[0].format: has more than a time of day; map it as a date or a timestamp");
    let date = |format: &str, from: i16, expected| {
        one(json!({"from": "A", "type": "date", "format": format, "two_digit_years_from": from}), expected);
    };
    date("%d.%m.%Y", 1950, "columns[0].two_digit_years_from: is only for formats with %y; leave it out");
    date("%d.%m.%y", 0, "columns[0].two_digit_years_from: is not from 1 to 9900");
    date(
        "%D",
        1950,
        "columns[0].format: %D has a two-digit year, which has no century; only %Y and %y are read",
    );
}

#[test]
fn durations_say_how_they_are_written() {
    let cell = |more: Value, expected: &str| {
        let mut members = json!({"from": "A", "type": "duration"});
        for (name, value) in more.as_object().unwrap() {
            members[name] = value.clone();
        }
        one(members, expected);
    };
    let span = |more: Value, expected: &str| {
        let mut members =
            json!({"from": {"start": "In", "end": "Out"}, "type": "duration", "format": "%H:%M"});
        for (name, value) in more.as_object().unwrap() {
            members[name] = value.clone();
        }
        one(members, expected);
    };
    cell(json!({}), "columns[0].notations: is missing; state h:mm, h:mm:ss, decimal_hours or minutes");
    cell(json!({"notations": ["decimal_hours"]}), "columns[0].decimal_mark: is missing; state `,` or `.`");
    cell(
        json!({"notations": ["decimal_hours"], "decimal_mark": "'"}),
        "columns[0].decimal_mark: \"'\" is neither `,` nor `.`",
    );
    cell(
        json!({"notations": ["minutes"], "decimal_mark": ","}),
        "columns[0].decimal_mark: is only for durations in decimal_hours; leave it out",
    );
    cell(
        json!({"notations": ["minutes", "decimal_hours"], "decimal_mark": ","}),
        "columns[0].notations: has both decimal_hours and minutes, which cannot be told apart",
    );
    cell(
        json!({"notations": ["h:mm"], "overnight": true}),
        "columns[0].overnight: is only for durations with `start` and `end`; leave it out",
    );
    for (field, value) in
        [("notations", json!(["h:mm"])), ("default", json!("0:00")), ("values", json!({"x": "0:00"}))]
    {
        let expected =
            format!("columns[0].{field}: is not for durations with `start` and `end`; leave it out");
        let mut members =
            json!({"from": {"start": "In", "end": "Out"}, "type": "duration", "format": "%H:%M"});
        members[field] = value;
        assert!(errors(json!([column(members)])).contains(&expected), "{field}");
    }
    span(json!({"format": "%H"}), "columns[0].format: lacks %M, the minute");
    span(json!({"format": "%d %H:%M"}), "columns[0].format: lacks %Y, the year");
    span(json!({"same_time": "zero"}), "columns[0].same_time: is only for durations with `overnight`");
    span(
        json!({"time_zone": "Europe/Oslo"}),
        "columns[0].time_zone: is only for times with a date and without an offset; leave it out",
    );
    span(
        json!({"ambiguous": "latest"}),
        "columns[0].ambiguous: is only for durations with a `time_zone`; leave it out",
    );
    span(
        json!({"format": "%F %H:%M", "overnight": true}),
        "columns[0].overnight: contradicts the format, in which each time has its own date; leave it out",
    );
    span(
        json!({"transforms": ["trim"]}),
        "columns[0].transforms: are not for durations between two times; leave them out",
    );
    span(
        json!({"from": {"date": "Date", "start": "In", "end": "Out"}}),
        "columns[0].format: lacks %Y, the year",
    );
    span(
        json!({"from": {"date": "Date", "start": "In", "end": "Out"}, "format": "%F %H:%M%z"}),
        "columns[0].format: has an offset, which only times with their own date can have",
    );
}

#[test]
fn conditions_have_one_test_each() {
    let when = |condition: Value, expected: &str| {
        one(json!({"from": "A", "type": "text", "when": condition}), expected);
    };
    let tests = "needs exactly one test: equals, not_equals, one_of, empty, not_empty, matches, less_than, at_most, \
        more_than, at_least, all, any or not";
    when(json!({"column": "B"}), &format!("columns[0].when: {tests}"));
    when(json!({"equals": "x"}), "columns[0].when.column: is missing; name the input column");
    when(
        json!({"column": "B", "all": [{"column": "B", "empty": true}]}),
        "columns[0].when.column: is only for tests of a cell; leave it out",
    );
    when(json!({"any": []}), "columns[0].when.any: is empty; list at least one condition");
    when(json!({"not": {"any": [{"column": "B"}]}}), &format!("columns[0].when.not.any[0]: {tests}"));
    when(
        json!({"column": "B", "matches": "["}),
        "columns[0].when.matches: is not a regular expression: unclosed character class",
    );
    when(
        json!({"column": "B", "matches": ""}),
        "columns[0].when.matches: is empty, which matches everything; state an expression",
    );
    one(
        json!({"from": "A", "type": "text", "else": "null"}),
        "columns[0].else: is only for columns with `when`; leave it out",
    );
    one(
        json!({"from": "A", "type": "text", "when": {"column": "B", "empty": true}, "else": "default"}),
        "columns[0].else: is the default, but the column has none; state `default`",
    );
    let key = json!({
        "columns": [{"name": "a", "from": "A", "type": "text", "when": {"column": "B", "empty": true}}],
        "key": ["a"]
    });
    assert_eq!(errors_of(key), ["columns[0].when: cannot be on a key column, which always has a value"]);
    let mut deep = json!({"column": "B", "empty": true});
    for _ in 0..16 {
        deep = json!({ "not": deep });
    }
    let found = errors(json!([{"name": "a", "from": "A", "type": "text", "when": deep}]));
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with(".not: is more than 16 conditions deep"), "{found:?}");
}

#[test]
fn comparisons_state_how_a_cell_is_read() {
    let when = |bound: &str, read_as: Value, expected: &[&str]| {
        let condition = json!({"column": "B", "at_least": bound, "as": read_as});
        let found = errors(json!([column(json!({"from": "A", "type": "text", "when": condition}))]));
        assert_eq!(found, expected, "{bound} {read_as}");
    };
    when("7,5", json!({"type": "decimal", "decimal_mark": ","}), &[]);
    when("7", json!({"type": "integer"}), &[]);
    when(
        "kr 7,5-",
        json!({"type": "decimal", "decimal_mark": ",", "sign": "trailing", "prefixes": ["kr"]}),
        &[],
    );
    when("7:30", json!({"type": "duration", "notations": ["h:mm"]}), &[]);
    when("06:00", json!({"type": "time", "format": "%H:%M"}), &[]);
    when(
        "7",
        Value::Null,
        &[
            r#"columns[0].when.as: is missing; state as what the cell is read, such as {"type": "date", "format": "%d.%m.%Y"}"#,
        ],
    );
    when("7", json!({}), &["columns[0].when.as.type: is missing; state what the cell is"]);
    when("7", json!({"type": "decimal"}), &["columns[0].when.as.decimal_mark: is missing; state `,` or `.`"]);
    when(
        "1.1.2026",
        json!({"type": "date"}),
        &["columns[0].when.as.format: is missing; state how cells are written, such as %d.%m.%Y"],
    );
    when(
        "25.10.2026 08:00",
        json!({"type": "timestamp", "format": "%d.%m.%Y %H:%M"}),
        &[
            "columns[0].when.as.time_zone: is missing; state the IANA zone of the file's local times, such as Europe/Oslo",
        ],
    );
    when(
        "x",
        json!({"type": "text"}),
        &[
            "columns[0].when.as.type: has no order; compare integers, decimals, dates, times, timestamps or durations",
        ],
    );
    when(
        "7",
        json!({"type": "integer", "decimal_mark": ","}),
        &["columns[0].when.as.decimal_mark: is not for columns of this type; leave it out"],
    );
    when(
        "7.5",
        json!({"type": "decimal", "decimal_mark": ","}),
        &[
            r#"columns[0].when.at_least: "7.5" does not read so; expected a number with ',' as its decimal mark"#,
        ],
    );
    when(
        " ",
        json!({"type": "integer"}),
        &["columns[0].when.at_least: is empty; write it as a cell of this type"],
    );
    one(
        json!({"from": "A", "type": "text", "when": {"column": "B", "equals": "7", "as": {"type": "integer"}}}),
        "columns[0].when.as: is only for less_than, at_most, more_than and at_least; leave it out",
    );
}

#[test]
fn groups_and_lists_are_nothing_else() {
    let leaf = json!({"name": "b", "from": "B", "type": "text"});
    let item = json!({"from": "B", "type": "text"});
    one(
        json!({"columns": [leaf], "required": true}),
        "columns[0]: is a group or a list, which has nothing but a name beside its columns; leave the rest out",
    );
    one(
        json!({"columns": [leaf], "items": [item]}),
        "columns[0].items: contradicts `columns`; a column is a group or a list",
    );
    one(json!({"items": [leaf]}), "columns[0].items[0].name: is not for items of a list; leave it out");
    one(
        json!({"columns": [item]}),
        "columns[0].columns[0].name: is empty; name the member of the JSON record",
    );
    one(
        json!({"columns": [leaf, leaf]}),
        "columns[0].columns[1].name: \"b\" is the name of an earlier column too",
    );
    one(
        json!({"columns": [{"name": "b", "from": "", "type": "text"}]}),
        "columns[0].columns[0].from: is empty; name the input column",
    );
    one(
        json!({"items": [{"from": {"run": "id"}, "type": "text"}]}),
        "columns[0].items[0].from.run: cannot be within a list; put it beside the list",
    );
    let paths = json!([{"name": "a.b", "from": "A", "type": "text"}, {"name": "a", "columns": [leaf]}]);
    assert_eq!(
        errors(paths),
        ["columns[1].columns[0].name: makes the path \"a.b\", which an earlier column has too"]
    );
    let mut deep = leaf.clone();
    for _ in 0..9 {
        deep = json!({"name": "a", "columns": [deep]});
    }
    let found = errors(json!([deep]));
    assert!(found[0].ends_with("is more than 8 groups and lists deep"), "{found:?}");
    let within = |key: &str| {
        errors_of(json!({"columns": [{"name": "a", "items": [{"columns": [leaf]}]}], "key": [key]}))
    };
    assert_eq!(within("a[0].b"), ["key[0]: \"a[0].b\" is within a list; name a column outside of it"]);
    assert_eq!(within("a.b"), ["key[0]: no column is named \"a.b\"; name one of `columns`"]);
}
