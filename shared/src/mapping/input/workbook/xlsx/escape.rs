//! Characters that XML cannot have, as XLSX writes them: `_x000D_`.
//!
//! Source: ECMA-376 part 1, section 22.9.2.19 (ST_Xstring).

use std::borrow::Cow;

/// Puts such characters in their place. What is no character stays as it is written.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains("_x") {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("_x") {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        match escaped(tail) {
            Some(character) => {
                out.push(character);
                rest = &tail["_x0000_".len()..];
            }
            None => {
                out.push_str("_x");
                rest = &tail[2..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn escaped(tail: &str) -> Option<char> {
    let digits = tail.get(2..6)?;
    let is_escape = tail.as_bytes().get(6) == Some(&b'_') && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_escape.then(|| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_characters_and_all_else_stays() {
        for (written, text) in [
            ("a", "a"),
            ("a_x000D_\nb", "a\r\nb"),
            ("_x005F_x000D_", "_x000D_"),
            ("_x000D", "_x000D"),
            ("_x00zz_", "_x00zz_"),
            ("_xD800_", "_xD800_"),
            ("_x_x0041_", "_xA"),
            ("_xåå00_", "_xåå00_"),
        ] {
            assert_eq!(unescaped(written), text, "{written}");
        }
    }
}
