use super::*;

fn found(text: &str) -> Dialect {
    guess(text, false).0.value
}

/// delimiter, quote, escape, header, skipped lines, comment.
fn told(text: &str) -> (String, String, String, bool, u64, String) {
    let d = found(text);
    let or = |part: Option<String>| part.unwrap_or_default();
    (or(d.delimiter), or(d.quote), or(d.escape), d.header, d.skipped_lines, or(d.comment))
}

#[test]
fn dialects_are_told_by_their_records() {
    let cases = [
        ("a,b,c\n1,2,3\n4,5,6\n", (",", "\"", "", true, 0, "")),
        ("1,2,3\n4,5,6\n", (",", "\"", "", false, 0, "")),
        ("navn;timer\nÅse;7,5\nKåre;8,25\n", (";", "\"", "", true, 0, "")),
        ("1,5;2,5\n3,5;4,5\n", (";", "\"", "", false, 0, "")),
        ("navn\tby\nAnsen, Åse\tOslo\nBerg, Kari\tBergen\n", ("\t", "\"", "", true, 0, "")),
        ("id|name\n1|a\n2|b\n", ("|", "\"", "", true, 0, "")),
        ("id,text\n1,\"a, b\"\n2,\"c\nd\"\n3,\"say \"\"x\"\"\"\n", (",", "\"", "", true, 0, "")),
        ("id,text\n1,\"say \\\"x\\\", he\"\n2,\"b\"\n", (",", "\"", "\\", true, 0, "")),
        ("id,text\n1,'a, b'\n2,'c, d'\n", (",", "'", "", true, 0, "")),
        ("id,name\n1,O'Neil\n2,'t Hart\n", (",", "\"", "", true, 0, "")),
        ("Lønn 2026\n\nid,navn,kr\n1,a,10\n2,b,20\n3,c,30\n", (",", "\"", "", true, 2, "")),
        ("Lønn 2026,,\nid,navn,kr\n1,a,10\n2,b,20\n3,c,30\n", (",", "\"", "", true, 1, "")),
        ("# made by x, y and z, at 10\nid,navn\n1,a\n2,b\n", (",", "\"", "", true, 1, "#")),
        ("#id,navn\n1,a\n2,b\n", (",", "\"", "", true, 0, "")),
        ("name\nÅse\nKåre\n", ("", "\"", "", true, 0, "")),
        ("1\n2\n3\n", ("", "\"", "", false, 0, "")),
        ("2026-01-01 10:00:00\n2026-01-02 11:00:00\n", ("", "\"", "", false, 0, "")),
        ("at,what\n2026-01-01 10:00:00,a\n2026-01-02 11:00:00,b\n", (",", "\"", "", true, 0, "")),
        ("1 2 3\n4 5 6\n7 8 9\n", (" ", "\"", "", false, 0, "")),
        ("id:name:x\n1:a:b\n2:c:d\n", (":", "\"", "", true, 0, "")),
        ("a\u{1f}b\n1\u{1f}2\n", ("\u{1f}", "\"", "", true, 0, "")),
    ];
    for (text, (delimiter, quote, escape, header, skipped, comment)) in cases {
        let expected = (delimiter.into(), quote.into(), escape.into(), header, skipped, comment.into());
        assert_eq!(told(text), expected, "{text}");
    }
}

#[test]
fn what_is_odd_is_told() {
    let ragged = found("a,b,c\n1,2,3\n4,5\n6,7,8\n9,10,11\n");
    assert_eq!((ragged.width, ragged.ragged_records), (3, 1));
    let trailing = found("a;b;\n1;2;\n3;4;\n");
    assert!(trailing.trailing_delimiter);
    assert_eq!(trailing.width, 3);
    for (text, end) in [
        ("a,b\r\n1,2\r\n", Some("crlf")),
        ("a,b\r1,2\r", Some("cr")),
        ("a,b\n1,2\r\n", Some("mixed")),
        ("a,b", None),
    ] {
        assert_eq!(found(text).line_end.as_deref(), end);
    }
    for text in ["", "\n\n", "\"", "\"\n", ",", "#", "\u{fffd}"] {
        let (guess, _) = guess(text, true);
        assert!((0.0..=1.0).contains(&guess.confidence), "{text:?}");
    }
}

#[test]
fn a_decimal_comma_has_the_comma_as_a_rival() {
    let (guess, table) = guess("1,5;2,5\n3,5;4,5\n", false);
    assert_eq!(table.width, 2);
    assert!(guess.rivals.iter().any(|rival| rival.value.delimiter.as_deref() == Some(",")), "{guess:#?}");
}
