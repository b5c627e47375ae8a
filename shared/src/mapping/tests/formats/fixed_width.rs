use serde_json::{Value, json};

use super::{invalid, outcome, texts};

/// `Id` in 1 to 4, `Name` in 5 to 10.
fn input(more: Value) -> Value {
    let mut input = json!({
        "format": "fixed_width", "encoding": "utf-8",
        "columns": [{"name": "Id", "start": 1, "width": 4}, {"name": "Name", "start": 5, "width": 6}],
    });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

fn found(more: Value, file: impl AsRef<[u8]>) -> String {
    outcome(file, texts(input(more), &["Name", "Id"]))
}

#[test]
fn cells_are_where_they_are() {
    let cases = [
        (
            json!({}),
            "0001Åse   \n0002Bo    ",
            "1 line 1 {\"a\":\"Åse   \",\"b\":\"0001\"}\n2 line 2 {\"a\":\"Bo    \",\"b\":\"0002\"}",
        ),
        (
            json!({"fill": " "}),
            "0001Åse   \r\n\r\n 002Bo  x more\r",
            "1 line 1 {\"a\":\"Åse\",\"b\":\"0001\"}\n3 line 3 {\"a\":\"Bo  x\",\"b\":\" 002\"}",
        ),
        (json!({"fill": "·"}), "0001Bo····", "1 line 1 {\"a\":\"Bo\",\"b\":\"0001\"}"),
        (json!({"skip_rows": 2}), "head\r\r\n0001Bo    ", "3 line 3 {\"a\":\"Bo    \",\"b\":\"0001\"}"),
        (json!({"skip_rows": 2}), "head", ""),
        (json!({}), "\u{feff}0001Bo    ", "1 line 1 {\"a\":\"Bo    \",\"b\":\"0001\"}"),
        (
            json!({}),
            "0001Bo\n0002Bo    ",
            "1 ? error ragged_line -: found 6 characters, expected at least 10\n2 line 2 {\"a\":\"Bo    \",\"b\":\"0002\"}",
        ),
        (
            json!({"ragged": "short_is_empty"}),
            "0001Bo\n0002\n00",
            "1 line 1 {\"a\":\"Bo\",\"b\":\"0001\"}\n2 line 2 {\"a\":null,\"b\":\"0002\"}\n3 line 3 {\"a\":null,\"b\":\"00\"}",
        ),
        (
            json!({"record_length": 10}),
            "0001Åse   0002B\n    ",
            "1 line 1 {\"a\":\"Åse   \",\"b\":\"0001\"}\n2 line 2 {\"a\":\"B\\n    \",\"b\":\"0002\"}",
        ),
        (
            json!({"record_length": 12, "skip_rows": 1}),
            "head        0001Bo    ..00",
            "2 line 2 {\"a\":\"Bo    \",\"b\":\"0001\"}\n3 ? error ragged_line -: found 2 characters, expected at least 10",
        ),
    ];
    for (more, file, expected) in cases {
        assert_eq!(found(more, file), expected, "{file:?}");
    }
}

#[test]
fn widths_count_characters_of_the_stated_encoding() {
    let latin_1 = b"0001\xC5se\xF8  \n0002a\xE6b   ";
    let expected = "1 line 1 {\"a\":\"Åseø\",\"b\":\"0001\"}\n2 line 2 {\"a\":\"aæb\",\"b\":\"0002\"}";
    assert_eq!(found(json!({"encoding": "iso-8859-1", "fill": " "}), latin_1), expected);
    let utf_16: Vec<u8> = "0001Åse😀  \n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let expected = "1 line 1 {\"a\":\"Åse😀\",\"b\":\"0001\"}";
    assert_eq!(found(json!({"encoding": "utf-16le", "fill": " "}), utf_16), expected);
    let latin_1 = b"0001\xC5se\xF8  0002a\xE6b   ";
    let expected = "1 line 1 {\"a\":\"Åseø  \",\"b\":\"0001\"}\n2 line 2 {\"a\":\"aæb   \",\"b\":\"0002\"}";
    assert_eq!(found(json!({"encoding": "iso-8859-1", "record_length": 10}), latin_1), expected);
}

/// A sample within the mapping is put into the encoding that files have.
#[test]
fn samples_are_in_the_encoding_of_the_files() {
    let mut mapping = texts(input(json!({"encoding": "iso-8859-1", "fill": " "})), &["Name"]);
    mapping["tests"] = json!([{"name": "a", "in": "0001Åse   ", "out": [{"a": "Åse"}]}]);
    assert_eq!(invalid(&mapping), [""; 0]);
    mapping["tests"][0]["out"][0]["a"] = json!("Ase");
    assert_eq!(invalid(&mapping).len(), 1);
}

#[test]
fn where_characters_cannot_be_counted_nothing_is_guessed() {
    let counted = "1 ? error invalid_bytes -: the line is malformed in the stated encoding, so its characters cannot be counted; fix the file, or the mapping's encoding\n2 line 2 {\"a\":\"Bo    \",\"b\":\"0002\"}";
    assert_eq!(found(json!({}), b"0001\xC5se\xF8  \n0002Bo    "), counted);
    let fails = found(json!({"record_length": 10}), b"0001Bo    0002\xC5se\xF8  0003Bo    ");
    assert_eq!(
        fails,
        "uncountable_record: record 2 of the file is malformed in the stated encoding, so where it ends cannot be counted"
    );
    // In an encoding of single bytes a malformed one is one character, and only its cell is wrong.
    let cell = found(json!({"encoding": "windows-1253"}), b"0001\xFFlpha \n0002Bo    ");
    assert!(cell.starts_with("1 line 1 error invalid_bytes Name: "), "{cell}");
    let long = found(json!({}), format!("{}\n0002Bo    ", "x".repeat(1024 * 1024 + 1)));
    assert_eq!(
        long,
        "1 ? error record_too_long -: the record is over 1048576 bytes\n2 line 2 {\"a\":\"Bo    \",\"b\":\"0002\"}"
    );
}

#[test]
fn every_error_of_a_mapping_names_its_field() {
    let cases = [
        (
            json!({"encoding": "ebcdic"}),
            "input.encoding: \"ebcdic\" is not an encoding that can be read: state one such as utf-8, utf-16le, iso-8859-1 or windows-1252",
        ),
        (json!({"fill": ""}), "input.fill: is not one character; leave it out where nothing fills"),
        (json!({"record_length": 0}), "input.record_length: is 0; a record has 1 to 262144 characters"),
        (
            json!({"record_length": 262145}),
            "input.record_length: is 262145; a record has 1 to 262144 characters",
        ),
        (
            json!({"record_length": 9}),
            "input.columns[1].width: goes to character 10, but a record has at most 9",
        ),
        (
            json!({"columns": [{"name": "Id", "start": 0, "width": 4}, {"name": "Name", "start": 5, "width": 1}]}),
            "input.columns[0].start: is 0, but characters count from 1",
        ),
        (
            json!({"columns": [{"name": "Id", "start": 1, "width": 0}, {"name": "Name", "start": 5, "width": 1}]}),
            "input.columns[0].width: is 0; a column has at least one character",
        ),
        (
            json!({"columns": [{"name": "Id", "start": 1, "width": 1}, {"name": "Name", "start": 4294967295u32, "width": 4294967295u32}]}),
            "input.columns[1].width: goes to character 8589934589, but a record has at most 262144",
        ),
        (
            json!({"columns": [{"name": "Id", "start": 1, "width": 1}]}),
            "columns[0].from: \"Name\" is none of the columns that `input.columns` names",
        ),
    ];
    for (more, expected) in cases {
        assert_eq!(invalid(&texts(input(more), &["Name", "Id"])), [expected]);
    }
    let twice =
        json!({"columns": [{"name": "Id", "start": 1, "width": 1}, {"name": "Id", "start": 2, "width": 1}]});
    assert_eq!(
        invalid(&texts(input(twice), &["Id"])),
        ["input.columns[1].name: \"Id\" is the name of an earlier column too"]
    );
    assert_eq!(
        invalid(&texts(input(json!({"columns": []})), &["Id"])),
        [
            "input.columns: is empty; say where at least one column is",
            "columns[0].from: \"Id\" is none of the columns that `input.columns` names"
        ]
    );
}
