//! Lists whose items come from repeated children of a record.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{data, invalid, outcome};
use crate::mapping::tests::{compile, settled};
use crate::mapping::{Outcome, masked};

/// A mapping of a column `id`, which is the key, and these.
fn with(input: Value, id: &str, columns: &[Value]) -> Value {
    let mut all = vec![json!({"name": "id", "from": id, "type": "text"})];
    all.extend_from_slice(columns);
    json!({"name": "test", "input": input, "columns": all, "key": ["id"]})
}

fn text(name: &str, from: &str) -> Value {
    json!({"name": name, "from": from, "type": "text"})
}

fn integer(name: &str, from: &str) -> Value {
    json!({"name": name, "from": from, "type": "integer"})
}

fn each(name: &str, each: &str, columns: Value) -> Value {
    json!({"name": name, "each": each, "columns": columns})
}

const XML: &str = "<A xmlns:n='urn:n'><R id='1'><Punch k='in'><T>8</T></Punch><Other/><Punch k='out'><T>16</T><T>x</T></Punch>\
    <n:L><n:L>deep</n:L></n:L></R><R id='2'/><R id='3'><Punch/></R></A>";

#[test]
fn children_are_the_items_of_a_list_in_every_format_that_has_them() {
    let xml = json!({"format": "xml", "record": "/A/R", "namespaces": {"n": "urn:n"}});
    let punches =
        each("punches", "Punch", json!([text("kind", "@k"), integer("at", "T[1]"), text("all", ".")]));
    let within = each("deep", "n:L/n:L", json!([text("text", ".")]));
    assert_eq!(
        outcome(XML, with(xml, "@id", &[punches, within])),
        [
            r#"1 1 {"id":"1","punches":[{"kind":"in","at":8,"all":"8"},{"kind":"out","at":16,"all":"16x"}],"deep":[{"text":"deep"}]}"#,
            r#"1 2 {"id":"2","punches":[],"deep":[]}"#,
            r#"1 3 {"id":"3","punches":[{"kind":null,"at":null,"all":null}],"deep":[]}"#,
        ]
        .join("\n")
    );
    let lines = each(
        "lines",
        "/o/lines",
        json!([text("sku", "sku"), integer("n", "/amount/n"), text("raw", "amount")]),
    );
    let file = r#"{"id":"1","o":{"lines":[{"sku":"a","amount":{"n":2}},{"amount":{"n":3},"sku":"b"}]}}
{"id":"2","o":{"lines":null}}
{"o":{"lines":[]},"id":"3"}
{"id":"4"}
"#;
    let expected = [
        r#"1 1 {"id":"1","lines":[{"sku":"a","n":2,"raw":"{\"n\":2}"},{"sku":"b","n":3,"raw":"{\"n\":3}"}]}"#,
        r#"2 2 {"id":"2","lines":[]}"#,
        r#"3 3 {"id":"3","lines":[]}"#,
        r#"4 4 {"id":"4","lines":[]}"#,
    ]
    .join("\n");
    assert_eq!(
        outcome(file, with(json!({"format": "ndjson"}), "id", std::slice::from_ref(&lines))),
        expected
    );
    let array = format!("[{}]", file.trim_end().replace('\n', ",\n"));
    assert_eq!(outcome(array, with(json!({"format": "json"}), "id", &[lines])), expected);
}

#[test]
fn children_have_children_and_several_lists_the_same_ones() {
    let inner = each("codes", "codes", json!([text("c", "c")]));
    let columns = [
        each("lines", "lines", json!([text("a", "a"), inner, {"name": "g", "columns": [integer("n", "n")]}])),
        each(
            "again",
            "/lines",
            json!([{"name": "two", "items": [
                {"from": "a", "type": "text"}, {"from": "n", "type": "text"}
            ]}]),
        ),
    ];
    let file = r#"{"id":"1","lines":[{"a":"x","codes":[{"c":"1"},{"c":"2"}]},{"a":"y","n":5},{"codes":[{"c":"3"}],"a":"z"}]}"#;
    assert_eq!(
        outcome(file, with(json!({"format": "ndjson"}), "id", &columns)),
        r#"1 1 {"id":"1","lines":[{"a":"x","codes":[{"c":"1"},{"c":"2"}],"g":null},{"a":"y","codes":[],"g":{"n":5}},{"a":"z","codes":[{"c":"3"}],"g":null}],"again":[{"two":["x"]},{"two":["y","5"]},{"two":["z"]}]}"#
    );
    let inner = each("codes", "C", json!([text("c", "."), text("k", "@k")]));
    let columns = [each("lines", "L", json!([text("a", "A"), inner])), text("first", "L[1]/A")];
    let file =
        "<R><E><I>1</I><L><C>1</C><C k='q'>2</C><A>x</A></L><L><A>y</A></L><L><A>z</A><C>3</C></L></E></R>";
    assert_eq!(
        outcome(file, with(json!({"format": "xml", "record": "/R/E"}), "I", &columns)),
        r#"1 1 {"id":"1","lines":[{"a":"x","codes":[{"c":"1","k":null},{"c":"2","k":"q"}]},{"a":"y","codes":[]},{"a":"z","codes":[{"c":"3","k":null}]}],"first":"x"}"#
    );
}

#[test]
fn columns_of_children_are_as_all_others() {
    let qty = json!({"name": "qty", "from": "q", "type": "decimal", "decimal_mark": ".", "default": "1",
        "transforms": [{"multiply": "2"}], "when": {"column": "k", "not_equals": "free"}, "else": "default"});
    let kind = json!({"name": "kind", "from": "k", "type": "text", "values": {"a": "A", "free": "F"}});
    let joined = json!({"name": "both", "from": {"columns": ["k", "q"], "join": "/"}, "type": "text"});
    let fixed = json!({"name": "fixed", "from": {"constant": "x"}, "type": "text"});
    let lines = each("lines", "lines", json!([qty, kind, joined, fixed]));
    let file = r#"{"id":"1","lines":[{"q":1.50,"k":"a"},{"k":"free","q":"n/a"},{}]}"#;
    assert_eq!(
        outcome(file, with(json!({"format": "ndjson"}), "id", std::slice::from_ref(&lines))),
        r#"1 1 {"id":"1","lines":[{"qty":"3.00","kind":"A","both":"a/1.50","fixed":"x"},{"qty":"1","kind":"F","both":"free/n/a","fixed":"x"},{"qty":"1","kind":null,"both":null,"fixed":"x"}]}"#
    );
    // A list without a column of the children has as many items as there are.
    let bare = each("lines", "lines", json!([{"name": "fixed", "from": {"constant": "x"}, "type": "text"}]));
    assert_eq!(
        outcome(r#"{"id":"1","lines":[{},{}]}"#, with(json!({"format": "ndjson"}), "id", &[bare])),
        r#"1 1 {"id":"1","lines":[{"fixed":"x"},{"fixed":"x"}]}"#
    );
}

#[test]
fn an_error_names_the_record_the_column_and_the_child() {
    let inner = each("codes", "c", json!([integer("n", "v")]));
    let group =
        json!({"name": "g", "columns": [{"name": "qty", "from": "q", "type": "integer", "required": true}]});
    let lines = each("lines", "l", json!([group, inner]));
    let compared = json!({"name": "w", "from": "w", "type": "text",
        "when": {"column": "q", "more_than": "5", "as": {"type": "integer"}}});
    let mapping = with(json!({"format": "ndjson"}), "id", &[lines, each("whens", "w", json!([compared]))]);
    let cases = [
        (
            r#""l":[{"q":1},{"q":"x"}]"#,
            r#"not_an_integer lines[1].g.qty: q: found "x", expected a whole number, in child 2 of l"#,
        ),
        (r#""l":[{}]"#, "required lines[0].g.qty: q: found an empty cell, expected a value, in child 1 of l"),
        (
            r#""l":[{"q":1,"c":[{"v":1}]},{"q":2,"c":[{"v":1},{"v":1},{"v":"y"}]}]"#,
            r#"not_an_integer lines[1].codes[2].n: v: found "y", expected a whole number, in child 3 of c, in child 2 of l"#,
        ),
        (
            r#""w":[{"q":9},{"q":"z"}]"#,
            r#"not_an_integer whens[1].w: q: found "z", which a condition compares; expected a whole number, in child 2 of w"#,
        ),
        (r#""l":{"q":1}"#, "not_a_list -: l is an object, and no list of objects"),
        (r#""l":"x""#, "not_a_list -: l is a text, and no list of objects"),
        (r#""l":[{"q":1},null]"#, "not_a_list -: child 2 of l is null, and no object"),
        (r#""l":[{"q":1},[1]]"#, "not_a_list -: child 2 of l is a list, and no object"),
        (
            r#""l":[{"q":1,"q":2}]"#,
            "repeated_member -: an object has more than one member \"q\"; which counts is unclear",
        ),
    ];
    for (members, expected) in cases {
        let whole = expected.contains(" -: ");
        let id = if whole { "?" } else { "7" };
        let file = format!("{{\"id\":\"7\",{members}}}\n{{\"id\":\"8\"}}\n");
        let rest = r#"2 8 {"id":"8","lines":[],"whens":[]}"#;
        assert_eq!(outcome(file, mapping.clone()), format!("1 {id} error {expected}\n{rest}"), "{members}");
    }
    let xml = with(
        json!({"format": "xml", "record": "/A/R"}),
        "@id",
        &[each("p", "P", json!([integer("t", "T")]))],
    );
    assert_eq!(
        outcome(
            "<A><R id='1'><P><T>1</T></P><P><T>x</T></P></R><R id='2'><P/><P><T>1</T><T>2</T></P></R></A>",
            xml
        ),
        "1 1 error not_an_integer p[1].t: T: found \"x\", expected a whole number, in child 2 of P\n\
        1 ? error repeated_element -: T is there 2 times in child 2 of P; say which with [1], or put them together with [join:;]"
    );
}

#[test]
fn children_are_bounded_by_their_number_and_by_the_record() {
    let mapping = with(
        json!({"format": "ndjson"}),
        "id",
        &[each("l", "l", json!([text("v", "v"), each("m", "m", json!([text("v", "v")]))]))],
    );
    let file = |count: usize, more: &str| {
        format!("{{\"id\":\"1\",\"l\":[{}{more}]}}", vec!["{\"v\":1}"; count].join(","))
    };
    let most = data(file(10_000, ""), mapping.clone()).unwrap();
    assert_eq!(most[0]["l"].as_array().unwrap().len(), 10_000);
    let too_many = "1 ? error too_many_children -: the record has over 10000 children in its lists";
    assert_eq!(outcome(file(10_001, ""), mapping.clone()), too_many);
    // One child with one of its own is two.
    assert_eq!(outcome(file(9_999, ",{\"m\":[{\"v\":1}]}"), mapping.clone()), too_many);
    assert_eq!(data(file(9_998, ",{\"m\":[{\"v\":1}]}"), mapping.clone()).unwrap().len(), 1);
    let xml =
        with(json!({"format": "xml", "record": "/A/R"}), "@id", &[each("p", "P", json!([text("v", ".")]))]);
    let file = |count: usize| format!("<A><R id='1'>{}</R><R id='2'/></A>", "<P/>".repeat(count));
    assert_eq!(outcome(file(10_001), xml.clone()), format!("{too_many}\n1 2 {{\"id\":\"2\",\"p\":[]}}"));
    assert!(outcome(file(10_000), xml).starts_with("1 1 {"));
    // What comes in is small, and what would go out is not.
    let long = json!({"name": "v", "from": {"constant": "x".repeat(1000)}, "type": "text"});
    let wide = with(json!({"format": "xml", "record": "/A/R"}), "@id", &[each("p", "P", json!([long]))]);
    assert_eq!(
        outcome(file(2_000), wide),
        "1 1 error record_too_long p: what goes out of it is over 1048576 bytes\n1 2 {\"id\":\"2\",\"p\":[]}"
    );
    let again = with(
        json!({"format": "xml", "record": "/A/R"}),
        "@id",
        &[each("p", "P", json!([text("v", "."), text("w", "Q"), text("x", "Q")])), text("q", "P/Q[join:;]")],
    );
    let twice = format!("<A><R id='1'><P><Q>{}</Q></P></R><R id='2'/></A>", "y".repeat(400 * 1024));
    assert!(outcome(twice, again).starts_with("1 ? error record_too_long"), "three times the text");
}

#[test]
fn personal_data_of_children_is_not_shown() {
    let pii = json!({"name": "ssn", "from": "ssn", "type": "integer", "pii": true});
    let copy = json!({"name": "copy", "from": "ssn", "type": "text"});
    let mapping = with(
        json!({"format": "ndjson"}),
        "id",
        &[text("ssn", "ssn"), each("kin", "kin", json!([pii, copy]))],
    );
    assert_eq!(
        outcome(r#"{"id":"1","kin":[{"ssn":"0123456789x"}]}"#, mapping.clone()),
        "1 1 error not_an_integer kin[0].ssn: ssn: found \"01•••\", expected a whole number, in child 1 of kin"
    );
    let compiled = compile(mapping);
    let shown = compiled.masked_record(
        r#"{"id":"1","ssn":"abcdefg","kin":[{"ssn":12,"copy":"1234567"},{"ssn":null,"copy":null}]}"#,
    );
    let hidden = masked("x");
    // A member of that name of the record itself is another column.
    assert_eq!(
        serde_json::from_str::<Value>(&shown).unwrap(),
        json!({"id":"1","ssn":"abcdefg","kin":[{"ssn":hidden,"copy":masked("1234567")},{"ssn":null,"copy":null}]})
    );
    assert!(!compiled.is_personal("ssn"));
}

#[test]
fn the_last_of_several_records_wins_with_its_children() {
    let mut mapping = with(json!({"format": "ndjson"}), "id", &[each("l", "l", json!([text("v", "v")]))]);
    mapping["duplicates"] = json!("last");
    let file: &[u8] = b"{\"id\":\"1\",\"l\":[{\"v\":\"a\"}]}\n{\"id\":\"2\",\"l\":[{\"v\":\"b\"},{\"v\":\"c\"}]}\n{\"id\":\"1\",\"l\":[]}\n";
    for size in crate::mapping::tests::SIZES {
        let outcomes = settled(&compile(mapping.clone()), &[file], size).concat();
        let kept: Vec<&str> = outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                Outcome::Record(record) => Some(record.data.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(kept, [r#"{"id":"2","l":[{"v":"b"},{"v":"c"}]}"#, r#"{"id":"1","l":[]}"#]);
    }
}

#[test]
fn what_cannot_be_a_list_of_children_is_said_when_it_is_saved() {
    let list = |input: Value, of: &str, columns: Value| {
        let mapping = json!({"name": "test", "input": input, "columns": [each("a", of, columns)]});
        invalid(&mapping)
    };
    let leaf = json!([text("v", "v")]);
    let only = "columns[0].each: is only for inputs of format xml, json or ndjson, whose records have children; leave it out";
    for input in [
        json!({"format": "csv", "encoding": "utf-8", "delimiter": ";"}),
        json!({"format": "workbook", "sheet": 1}),
        json!({"format": "fixed_width", "encoding": "utf-8", "columns": [{"name": "v", "start": 1, "width": 1}]}),
        json!({"format": "saft", "entity": "transactions"}),
    ] {
        assert_eq!(list(input.clone(), "v", leaf.clone()), [only], "{input}");
    }
    let ndjson = || json!({"format": "ndjson"});
    let xml = || json!({"format": "xml", "record": "/A/R"});
    let cases = [
        (ndjson(), "", leaf.clone(), "columns[0].each: is empty; say where the children are"),
        (ndjson(), "l", json!([]), "columns[0].columns: is missing; list what goes out of each child"),
        (
            ndjson(),
            "/a~2",
            leaf.clone(),
            "columns[0].each: \"/a~2\" is not a JSON pointer of at most 64 names, such as /data/items with ~1 for / and ~0 for ~",
        ),
        (
            ndjson(),
            "l",
            json!([text("v", "")]),
            "columns[0].columns[0].from: is empty; name the input column",
        ),
        (
            ndjson(),
            "l",
            json!([{"name": "v", "from": {"run": "line"}, "type": "text"}]),
            "columns[0].columns[0].from.run: cannot be within a list; put it beside the list",
        ),
        (
            ndjson(),
            "l",
            json!([{"name": "g", "columns": [{"name": "v", "from": {"run": "line"}, "type": "text"}]}]),
            "columns[0].columns[0].columns[0].from.run: cannot be within a list; put it beside the list",
        ),
        (
            xml(),
            "@a",
            leaf.clone(),
            "columns[0].each: \"@a\" leads to no elements within; name those that are repeated",
        ),
        (
            xml(),
            ".",
            leaf.clone(),
            "columns[0].each: \".\" leads to no elements within; name those that are repeated",
        ),
        (
            xml(),
            "L[join:;]",
            leaf.clone(),
            "columns[0].each: \"L[join:;]\" leads to no elements within; name those that are repeated",
        ),
        (
            xml(),
            "../L",
            leaf.clone(),
            "columns[0].each: \"../L\" leaves the element that it starts from; map that beside the list",
        ),
        (
            xml(),
            "L",
            json!([text("v", "../@id")]),
            "columns[0].columns[0].from: \"../@id\" leaves the element that it starts from; map that beside the list",
        ),
        (
            xml(),
            "L",
            json!([text("v", "/A/R/L/v")]),
            "columns[0].columns[0].from: \"/A/R/L/v\" leaves the element that it starts from; map that beside the list",
        ),
        (xml(), "n:L", leaf.clone(), "columns[0].each: the prefix \"n\" is not in `input.namespaces`"),
    ];
    for (input, of, columns, expected) in cases {
        assert_eq!(list(input, of, columns.clone()), [expected], "{of} {columns}");
    }
    let mut keyed =
        json!({"name": "test", "input": ndjson(), "columns": [each("a", "l", leaf.clone())], "key": ["a.v"]});
    assert_eq!(invalid(&keyed), ["key[0]: \"a.v\" is within a list; name a column outside of it"]);
    keyed["key"] = json!([]);
    keyed["record_name"] = json!("a.v");
    assert_eq!(invalid(&keyed), ["record_name: \"a.v\" is within a list; name a column outside of it"]);
    keyed["record_name"] = Value::Null;
    keyed["columns"][0]["required"] = json!(true);
    assert_eq!(
        invalid(&keyed),
        [
            "columns[0]: is a group or a list, which has nothing but a name beside its columns; leave the rest out"
        ]
    );
    keyed["columns"][0] =
        json!({"name": "a", "each": "l", "columns": leaf, "items": [{"from": "v", "type": "text"}]});
    assert_eq!(invalid(&keyed), ["columns[0].items: contradicts `columns`; a column is a group or a list"]);
}

proptest! {
    /// What serde_json reads of any nesting is what goes out, in both formats of JSON, and in XML.
    #[test]
    fn every_child_goes_out_once_and_in_its_place(
        records in prop::collection::vec(prop::collection::vec(("[a-zå<&]{0,4}", prop::collection::vec("[a-z\"]{1,3}", 0..4)), 0..5), 1..6),
    ) {
        let or_null = |text: &String| if text.is_empty() { Value::Null } else { json!(text) };
        let expected: Vec<Value> = records
            .iter()
            .enumerate()
            .map(|(id, lines)| {
                let line = |(v, codes): &(String, Vec<String>)| {
                    let codes: Vec<Value> = codes.iter().map(|c| json!({"c": or_null(c)})).collect();
                    json!({"v": or_null(v), "codes": codes})
                };
                json!({"id": id.to_string(), "lines": lines.iter().map(line).collect::<Vec<_>>()})
            })
            .collect();
        let codes = |from| each("codes", "codes", json!([text("c", from)]));
        let json_columns = [each("lines", "lines", json!([text("v", "v"), codes("c")]))];
        let array = serde_json::to_string(&expected).unwrap();
        prop_assert_eq!(&data(&array, with(json!({"format": "json"}), "id", &json_columns)).unwrap(), &expected);
        let lines: String = expected.iter().map(|record| format!("{record}\n")).collect();
        prop_assert_eq!(&data(&lines, with(json!({"format": "ndjson"}), "id", &json_columns)).unwrap(), &expected);
        let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        let mut xml = String::from("<A>");
        for (id, lines) in records.iter().enumerate() {
            xml.push_str(&format!("<R><id>{id}</id>"));
            for (v, codes) in lines {
                let codes: String = codes.iter().map(|c| format!("<codes>{c}</codes>")).collect();
                xml.push_str(&format!("<lines><v>{}</v>{codes}</lines>", escaped(v)));
            }
            xml.push_str("</R>");
        }
        xml.push_str("</A>");
        let xml_columns = [each("lines", "lines", json!([text("v", "v"), codes(".")]))];
        let input = json!({"format": "xml", "record": "/A/R"});
        prop_assert_eq!(&data(&xml, with(input, "id", &xml_columns)).unwrap(), &expected);
    }
}
