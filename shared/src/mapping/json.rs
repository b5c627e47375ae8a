//! Writes JSON strings straight into a record, without a value in between.
//!
//! Escapes what RFC 8259 section 7 requires and nothing else, byte for byte as `serde_json` does, so
//! that the hash of a record does not depend on which of the two wrote it.

use std::borrow::Cow;
use std::fmt::Write;

/// Appends `text` as a JSON string, with its quotes.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0C => out.push_str("\\f"),
            control => write!(out, "\\u{control:04x}").expect("a String takes all that is written to it"),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Returns what a scalar token says as text: a string's content, or the token; None for null.
pub(super) fn text_of(token: &str) -> Option<Cow<'_, str>> {
    match token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        None if token == "null" => None,
        None => Some(Cow::Borrowed(token)),
        Some(inner) if !inner.contains('\\') => Some(Cow::Borrowed(inner)),
        Some(_) => Some(Cow::Owned(serde_json::from_str(token).expect("tokens are written by push_string"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn string(text: &str) -> String {
        let mut out = String::new();
        push_string(&mut out, text);
        out
    }

    proptest! {
        #[test]
        fn strings_are_written_as_serde_json_does(text in "(?s).*|[\\x00-\\x7f]*") {
            let token = string(&text);
            prop_assert_eq!(&token, &serde_json::to_string(&text).unwrap());
            prop_assert_eq!(text_of(&token).unwrap(), text);
        }
    }

    #[test]
    fn tokens_say_their_text() {
        let cases = [
            ("null", None),
            ("42", Some("42")),
            ("true", Some("true")),
            ("\"\"", Some("")),
            ("\"null\"", Some("null")),
        ];
        for (token, text) in cases {
            assert_eq!(text_of(token).as_deref(), text);
        }
    }
}
