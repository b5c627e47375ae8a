use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn at(pointer: &str) -> Place {
    Place { header: None, pointer: Some(pointer.into()) }
}

fn find(pointer: &str, body: &[u8]) -> Result<Option<String>, PlaceError> {
    at(pointer).find(&Headers::default(), body)
}

#[test]
fn a_header_is_trimmed() {
    let place = Place { header: Some("X-Event-Id".into()), pointer: None };
    let find = |value: &str| place.find(&Headers::new([("x-event-id", value)]), b"\xff");
    assert_eq!(find(" evt 1\t"), Ok(Some("evt 1".into())));
    for wrong in ["", "  ", "é", "a\nb", &"x".repeat(201)] {
        let error = find(wrong).unwrap_err();
        assert_eq!(error, PlaceError::NotUsable { place: "header X-Event-Id".into() });
        assert_eq!(error.code(), "not_usable");
    }
    assert_eq!(find(&"x".repeat(200)), Ok(Some("x".repeat(200))));
    assert_eq!(place.find(&Headers::default(), b""), Ok(None));
}

#[test]
fn a_place_that_states_neither_finds_nothing() {
    assert_eq!(Place { header: None, pointer: None }.find(&Headers::default(), b""), Ok(None));
}

#[test]
fn texts_and_whole_numbers_are_found() {
    for (pointer, body, expected) in [
        ("/id", r#"{"id": "evt_1", "x": {"id": 2}}"#, Some("evt_1")),
        ("/id", r#"{"id": 12345678901234567890123 }"#, Some("12345678901234567890123")),
        ("/id", r#"{"id":-0}"#, Some("-0")),
        ("/id", r#"{"id":"\u0061\/b"}"#, Some("a/b")),
        ("/id", r#"{"\u0069d":"a"}"#, Some("a")),
        ("/id", r#"{"id":"a","id":"b"}"#, Some("b")),
        ("/a/b", r#"{"a":{"b":"x"},"a":{}}"#, None),
        ("/a/b", r#"{"a":{"b":"x"},"a":[1,true,null,1.5,"s",-1]}"#, None),
        ("/data/0/id", r#"{"data":[{"id":"a"},{"id":"b"}]}"#, Some("a")),
        ("/data/1/id", r#"{"data":[{"id":"a"},{"id":"b"}]}"#, Some("b")),
        ("/data/2/id", r#"{"data":[{"id":"a"},{"id":"b"}]}"#, None),
        ("/data/01/id", r#"{"data":[{"id":"a"},{"id":"b"}]}"#, None),
        ("/data/+1/id", r#"{"data":[{"id":"a"},{"id":"b"}]}"#, None),
        ("/data/-/id", r#"{"data":[{"id":"a"},{"id":"b"}]}"#, None),
        ("/data/99999999999999999999", r#"{"data":[1]}"#, None),
        ("/a~1b/m~0n/~01", r#"{"a/b":{"m~n":{"~1":"x"}}}"#, Some("x")),
        ("/", r#"{"":"x"}"#, Some("x")),
        ("", r#" "x" "#, Some("x")),
        ("/a/b", r#"{"a":"text"}"#, None),
        ("/id", "{}", None),
        ("/id", "7", None),
    ] {
        assert_eq!(find(pointer, body.as_bytes()), Ok(expected.map(String::from)), "{pointer} {body}");
    }
}

#[test]
fn anything_else_is_named() {
    for (value, words) in [
        ("{}", "an object"),
        ("[1]", "a list"),
        ("true", "true or false"),
        ("false", "true or false"),
        ("null", "null"),
        ("1.0", "a number with a fraction or an exponent"),
        ("1e3", "a number with a fraction or an exponent"),
    ] {
        let error = find("/id", format!(r#"{{"id":{value}}}"#).as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the body at '/id' holds {words}; send a text or a whole number there")
        );
        assert_eq!(error.code(), "not_text");
    }
    for value in [r#""""#.to_string(), r#""\u0000""#.into(), r#""é""#.into(), "1".repeat(201)] {
        let error = find("/id", format!(r#"{{"id":{value}}}"#).as_bytes()).unwrap_err();
        assert_eq!(error.code(), "not_usable", "{value}");
    }
}

#[test]
fn a_body_that_is_not_json_is_refused_wherever_it_breaks() {
    for body in
        ["", "{", "id=1", r#"{"id":"a""#, r#"{"id":"a"} x"#, r#"{"id":"a","x":[1,}"#, r#"{"id":"\x"}"#]
    {
        let error = find("/id", body.as_bytes()).unwrap_err();
        assert_eq!(error.code(), "not_json", "{body}");
    }
    assert_eq!(find("/id", b"{\"id\":\"a\",\"x\":\"\xff\"}"), Err(PlaceError::NotUtf8));
    assert_eq!(find("/id", b"{\n\"id\": x}"), Err(PlaceError::NotJson { line: 2, column: 7 }));
}

#[test]
fn nesting_is_bounded_as_serde_json_bounds_it() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for depth in [126, 127, 128, 129] {
            let body = [&open.repeat(depth), "1", &close.repeat(depth)].concat();
            let read = serde_json::from_str::<Value>(&body).is_ok();
            for pointer in ["/x", &open.replace(r#"{"a":"#, "/a").replace('[', "/0").repeat(depth)] {
                let found = find(pointer, body.as_bytes());
                assert_eq!(found.is_ok(), read, "{depth} {found:?}");
                assert!(found.is_ok() || found == Err(PlaceError::TooDeep));
            }
        }
    }
    let flat = format!(r#"{{"id":"a","x":"{}\"{}"}}"#, "[".repeat(500), "{".repeat(500));
    assert_eq!(find("/id", flat.as_bytes()), Ok(Some("a".into())));
    assert_eq!(find("/id", "[".repeat(1 << 20).as_bytes()), Err(PlaceError::TooDeep));
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[ab/~\"\\\\]{0,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Every pointer that leads somewhere in a value.
fn pointers(value: &Value, here: String, all: &mut Vec<String>) {
    let under = |token: &str| format!("{here}/{}", token.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| pointers(item, under(&i.to_string()), all));
        }
        Value::Object(members) => members.iter().for_each(|(name, item)| pointers(item, under(name), all)),
        _ => {}
    }
    all.push(here);
}

proptest! {
    #[test]
    fn what_is_found_is_what_serde_json_finds(value in json(), other in "(/[ab01~/]{0,2}){0,3}") {
        let body = serde_json::to_string(&value).unwrap();
        let mut all = vec![other];
        pointers(&value, String::new(), &mut all);
        for pointer in all.iter().filter(|p| super::super::pointer::parse(p).is_some()) {
            let found = find(pointer, body.as_bytes());
            match value.pointer(pointer) {
                None => prop_assert_eq!(found, Ok(None)),
                Some(Value::String(text)) if !text.is_empty() => {
                    prop_assert_eq!(found, Ok(Some(text.clone())));
                }
                Some(Value::Number(n)) if n.is_i64() => prop_assert_eq!(found, Ok(Some(n.to_string()))),
                Some(_) => prop_assert!(found.is_err()),
            }
        }
    }

    #[test]
    fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..64), pointer in ".{0,8}") {
        let _ = find(&pointer, &body);
    }
}
