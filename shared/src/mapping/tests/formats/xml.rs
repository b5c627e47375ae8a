use serde_json::{Value, json};

use super::{compile, invalid, outcome, texts};
use crate::mapping::records;

/// Records `/n:File/n:List/n:Item`, with the prefix n.
fn items(from: &[&str]) -> Value {
    let namespaces = json!({"n": "urn:n", "o": "urn:o"});
    texts(json!({"format": "xml", "record": "/n:File/n:List/n:Item", "namespaces": namespaces}), from)
}

/// A file with this within its list, on its second line.
fn file(list: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><x:File xmlns:x='urn:n' xmlns:p='urn:o'><x:Date>d</x:Date><x:Date>e</x:Date>\n<x:List x:id='L' y='1'><x:Head>h</x:Head>{list}</x:List></x:File>\n"
    )
}

#[test]
fn a_cell_is_where_its_path_leads() {
    let item = "<x:Item no='7' x:no='8' xml:lang='nb'>t<x:A>a &lt;&#xe5;&amp;\r\n<!-- c --><![CDATA[<]]>&#32;</x:A><A>other</A><p:A q='&quot;1\n'>pa</p:A><x:B><x:C>c1</x:C></x:B><x:B><x:C>c2</x:C><x:C>c3</x:C></x:B><x:E/>u</x:Item>";
    let cases = [
        ("n:A", json!("a <å&\n< ")),
        ("A", json!("other")),
        ("o:A", json!("pa")),
        ("o:A/@q", json!("\"1 ")),
        ("@no", json!("7")),
        ("@n:no", json!("8")),
        ("@xml:lang", json!("nb")),
        (".", json!("ta <å&\n< otherpac1c2c3u")),
        ("n:B[1]/n:C", json!("c1")),
        ("n:B[2]/n:C[2]", json!("c3")),
        ("n:B[3]/n:C", Value::Null),
        ("n:B/n:C[join:; ]", json!("c1; c2; c3")),
        ("n:B/n:C[1][join:/]", json!("c1/c2")),
        ("n:E", Value::Null),
        ("n:Missing", Value::Null),
        ("../@n:id", json!("L")),
        ("../@y", json!("1")),
        ("../n:Head", json!("h")),
        ("../../n:Date[2]", json!("e")),
        ("/n:File/n:Date[join:,]", json!("d,e")),
        ("/n:File/n:List/n:Item/o:A", json!("pa")),
        ("/n:File/n:List/@y", json!("1")),
    ];
    for (from, expected) in &cases {
        let expected = json!({"a": expected}).to_string();
        assert_eq!(outcome(file(item), items(&[from])), format!("2 record 1 {expected}"), "{from}");
    }
    let all: Vec<&str> = cases.iter().map(|(from, _)| *from).collect();
    let found = outcome(file(item), items(&all));
    assert!(cases.iter().all(|(_, value)| found.contains(&value.to_string())), "{found}");
}

#[test]
fn records_are_told_apart_by_what_they_are_in() {
    let list = "\n<x:Item><x:A>1</x:A></x:Item><x:Item/>\n<!-- --><x:Other><x:Item><x:A>no</x:A></x:Item></x:Other><p:Item/><Item/>\n  <x:Item\n><x:A>3</x:A>\n</x:Item>";
    let expected = "3 record 1 {\"a\":\"1\",\"b\":\"h\"}\n3 record 2 {\"a\":null,\"b\":\"h\"}\n5 record 3 {\"a\":\"3\",\"b\":\"h\"}";
    assert_eq!(outcome(file(list), items(&["n:A", "../n:Head"])), expected);
    // What belongs to one list is not taken for the next.
    let lists = "<File><List><Head>1</Head><Item/><Item/></List><List><Item/></List><List><Head>2</Head><Item/></List></File>";
    let mapping = texts(json!({"format": "xml", "record": "/File/List/Item"}), &["../Head"]);
    let expected = "1 record 1 {\"a\":\"1\"}\n1 record 2 {\"a\":\"1\"}\n1 record 3 {\"a\":null}\n1 record 4 {\"a\":\"2\"}";
    assert_eq!(outcome(lists, mapping), expected);
    let roots = texts(json!({"format": "xml", "record": "/Item"}), &["@a", "."]);
    assert_eq!(outcome("<Item a='1'>x</Item>", roots), "1 record 1 {\"a\":\"1\",\"b\":\"x\"}");
}

#[test]
fn a_record_that_is_wrong_is_its_own_error() {
    let list = format!(
        "<x:Item><x:A>1</x:A><x:A>1</x:A></x:Item><x:Item><x:A>{}</x:A></x:Item><x:Item>{}</x:Item><x:Item><x:A>4</x:A></x:Item>",
        "&#65;".repeat(300_000),
        "<x:A/><!-- -->".repeat(80_000),
    );
    let expected = [
        "2 ? error repeated_element -: n:A is there 2 times; say which with [1], or put them together with [join:;]",
        "2 ? error record_too_long -: the record is over 1048576 bytes",
        "2 ? error record_too_long -: the record is over 1048576 bytes",
        "2 record 4 {\"a\":\"4\"}",
    ];
    assert_eq!(outcome(file(&list), items(&["n:A"])), expected.join("\n"));
    let twice = outcome(file("<x:Item/>"), items(&["../../n:Date"]));
    assert!(twice.starts_with("2 ? error repeated_element -: ../../n:Date is there 2 times"), "{twice}");
}

#[test]
fn where_it_is_not_xml_the_file_fails() {
    let deep =
        |depth: usize| file(&format!("<x:Item>{}{}</x:Item>", "<a>".repeat(depth), "</a>".repeat(depth)));
    let attributes = |count: usize| (0..count).map(|at| format!(" a{at}=''")).collect::<String>();
    let cases = [
        (
            "<a>".to_owned(),
            "no_records: the file has no records where the mapping says: its root is a of no namespace",
        ),
        (
            "<File xmlns='urn:o'/>".into(),
            "no_records: the file has no records where the mapping says: its root is File of urn:o",
        ),
        (" <!-- -->".into(), "not_xml: the file is not XML that can be mapped: there is no root on line 1"),
        (
            "x".into(),
            "not_xml: the file is not XML that can be mapped: there is text outside of the root on line 1",
        ),
        (
            file("<x:Item></x:Itam>"),
            "not_xml: the file is not XML that can be mapped: ill-formed document: expected `</x:Item>`, but `</x:Itam>` was found on line 2",
        ),
        (
            file("<x:Item>")[..file("").find("</x:List>").unwrap()].into(),
            "not_xml: the file is not XML that can be mapped: the file ends before its root does on line 2",
        ),
        (
            file("") + "<a/>",
            "not_xml: the file is not XML that can be mapped: there is a second root on line 3",
        ),
        (
            file("") + "&amp;",
            "not_xml: the file is not XML that can be mapped: there is text outside of the root on line 3",
        ),
        (
            file("<x:Item>&eacute;</x:Item>"),
            "not_xml: the file is not XML that can be mapped: &eacute; is no character and no entity of XML itself on line 2",
        ),
        (
            file("<x:Item>\n&#0;</x:Item>"),
            "not_xml: the file is not XML that can be mapped: &#0; is no character and no entity of XML itself on line 3",
        ),
        (
            file("<x:Item>&#2;</x:Item>"),
            "not_xml: the file is not XML that can be mapped: there is a character that XML may not have on line 2",
        ),
        (
            file("<x:Item>\u{1}</x:Item>"),
            "not_xml: the file is not XML that can be mapped: there is a character that XML may not have on line 2",
        ),
        (
            file("<z:Item/>"),
            "not_xml: the file is not XML that can be mapped: the prefix \"z\" is not declared on line 2",
        ),
        (
            file("<x:Item a='1' a='2'/>"),
            "not_xml: the file is not XML that can be mapped: position 13: duplicated attribute, previous declaration at position 7 on line 2",
        ),
        (
            file("<?xml version='1.0'?>"),
            "not_xml: the file is not XML that can be mapped: there is an XML declaration that is not at the beginning on line 2",
        ),
        (
            format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{}", "<a/>"),
            "not_xml: the file is not XML that can be mapped: there is a document type with declarations, which are not read: send the file without on line 1",
        ),
        (
            deep(62),
            "not_xml: the file is not XML that can be mapped: elements are over 64 levels deep on line 2",
        ),
        (
            file(&format!("<x:Item{}/>", attributes(257))),
            "not_xml: the file is not XML that can be mapped: an element has over 256 attributes on line 2",
        ),
        (
            file(&format!("<!--{}-->", "x".repeat(1024 * 1024))),
            "not_xml: the file is not XML that can be mapped: markup or a text is over 1048576 bytes on line 2",
        ),
        (
            file("<x:Item/><x:Head>late</x:Head>"),
            "not_xml: the file is not XML that can be mapped: ../n:Head comes behind a record that it belongs to, and must come before on line 2",
        ),
    ];
    for (file, expected) in cases {
        let found = outcome(&file, items(&[".", "../n:Head[join:;]", "@n:no"]));
        let found = found.lines().last().unwrap_or_default().to_owned();
        let start: String = file.chars().take(200).collect();
        assert_eq!(found.replace("../n:Head[join:;]", "../n:Head"), expected, "{start}");
    }
    assert_eq!(outcome(deep(61), items(&["n:A"])), "2 record 1 {\"a\":null}");
    assert_eq!(
        outcome(file(&format!("<x:Item{}/>", attributes(256))), items(&["n:A"])),
        "2 record 1 {\"a\":null}"
    );
    assert_eq!(
        outcome(format!("<!DOCTYPE File SYSTEM 'x.dtd'>{}", &file("<x:Item/>")[21..]), items(&["n:A"])),
        "2 record 1 {\"a\":null}"
    );
    let malformed = outcome([file("<x:Item>\n").as_bytes(), b"\xFF"].concat(), items(&["n:A"]));
    assert!(malformed.starts_with("not_xml: "), "{malformed}");
}

#[test]
fn the_encoding_is_what_the_file_declares() {
    let text = "<?xml version='1.0' encoding='ISO-8859-1'?><File><Item>\u{c5}se</Item></File>";
    let latin_1: Vec<u8> = text.chars().map(|character| u32::from(character) as u8).collect();
    let input = |encoding: Value| json!({"format": "xml", "record": "/File/Item", "encoding": encoding});
    assert_eq!(outcome(&latin_1, texts(input(Value::Null), &["."])), "1 record 1 {\"a\":\"Åse\"}");
    assert_eq!(outcome(&latin_1, texts(input(json!("iso-8859-1")), &["."])), "1 record 1 {\"a\":\"Åse\"}");
    let wrong = outcome(&latin_1, texts(input(json!("utf-8")), &["."]));
    assert_eq!(
        wrong,
        "wrong_encoding: the file declares its encoding as iso-8859-1, but the mapping states utf-8"
    );
    let utf_16: Vec<u8> =
        text.replace("ISO-8859-1", "UTF-16").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let marked = [&[0xFE, 0xFF][..], &utf_16].concat();
    assert_eq!(outcome(marked, texts(input(Value::Null), &["."])), "1 record 1 {\"a\":\"Åse\"}");
}

/// Only a file that has the place for records says that there are none.
#[test]
fn a_file_without_the_place_for_records_says_nothing() {
    let mut mapping = items(&["n:A"]);
    mapping["key"] = json!(["a"]);
    let mapping = compile(mapping);
    for (file, is_complete) in [
        (file("<x:Item><x:A>1</x:A></x:Item>"), true),
        (file(""), true),
        ("<File xmlns='urn:n'/>".into(), false),
        (String::new(), false),
    ] {
        let mut reading = records(file.as_bytes(), &mapping).unwrap();
        reading.by_ref().for_each(|outcome| drop(outcome.unwrap()));
        assert_eq!(reading.is_complete(), is_complete, "{file}");
    }
}

#[test]
fn paths_that_lead_nowhere_are_refused() {
    let cases = [
        ("", "is empty; name the input column"),
        ("n:A//n:B", "\"\" is not a name of an element or attribute"),
        ("n:1", "\"n:1\" is not a name of an element or attribute"),
        ("n:A/.", "\".\" is not a name of an element or attribute"),
        ("n:A/../n:B", "\"..\" is not a name of an element or attribute"),
        ("z:A", "the prefix \"z\" is not in `input.namespaces`"),
        ("n:A[0]", "\"n:A[0]\" has no number from 1 in its brackets, nor a [join:…] at the path's end"),
        (
            "n:A[x='1']",
            "\"n:A[x='1']\" has no number from 1 in its brackets, nor a [join:…] at the path's end",
        ),
        ("n:A[join:]", "\"n:A[join:]\" joins with nothing between; say what, as [join:;]"),
        ("../../../n:A", "\"../../../n:A\" goes above the root"),
        ("..", "\"..\" is an element around the record; name a child or attribute of it"),
        (
            "/n:File/n:List",
            "\"/n:File/n:List\" is an element around the record; name a child or attribute of it",
        ),
        ("/n:Other/n:A", "\"/n:Other/n:A\" has another root than `input.record`"),
        ("/", "\"\" is not a name of an element or attribute"),
        ("@", "\"\" is not a name of an element or attribute"),
    ];
    for (from, expected) in cases {
        assert_eq!(invalid(&items(&[from])), [format!("columns[0].from: {expected}")]);
    }
    let cases = [
        (
            json!({"record": "n:A"}),
            "input.record: \"n:A\" does not begin with '/'; write the path from the root to the records",
        ),
        (json!({"record": "/z:A"}), "input.record: the prefix \"z\" is not in `input.namespaces`"),
        (json!({"record": "/"}), "input.record: \"\" is not a name of an element or attribute"),
        (json!({"record": "/A[1]"}), "input.record: \"A[1]\" is not a name of an element or attribute"),
        (
            json!({"namespaces": {"n": ""}}),
            "input.namespaces.n: is empty; names in no namespace are written without a prefix",
        ),
        (
            json!({"encoding": "latin1"}),
            "input.encoding: \"latin1\" is not an encoding that can be read: did you mean windows-1252",
        ),
    ];
    for (more, expected) in cases {
        let mut input = json!({"format": "xml", "record": "/File/Item"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(invalid(&texts(input, &["A"])), [expected]);
    }
}
