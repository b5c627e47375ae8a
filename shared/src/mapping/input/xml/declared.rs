//! The encoding that an XML file says it is in.
//!
//! Its byte order mark and its declaration say it, and where both are silent it is UTF-8, or what the
//! mapping states. Whatever two of the three say has to be the same.
//!
//! Source: Extensible Markup Language (XML) 1.0, section 4.3.3 and appendix F.

use std::io::{Chain, Cursor, Read};

use crate::mapping::encoding::Encoding;
use crate::mapping::file_error::FileError;
use crate::mapping::input::decode::MARKS;

/// How far a declaration can go.
const MAX_DECLARATION_BYTES: u64 = 1024;

/// A file from its first byte, some of which were looked at.
pub(super) type Undecoded<R> = Chain<Cursor<Vec<u8>>, R>;

/// Finds the encoding of a file, and gives the file back.
pub(super) fn encoding<R: Read>(
    mut reader: R,
    stated: Option<Encoding>,
) -> Result<(Encoding, Undecoded<R>), FileError> {
    let mut head = Vec::new();
    reader.by_ref().take(MAX_DECLARATION_BYTES).read_to_end(&mut head).map_err(FileError::from)?;
    let shape = shape(&head);
    let declared = declared(&head, shape);
    let is_wide = |name: &str| name.starts_with("utf-16") || name.starts_with("utf-32");
    let actual = match (&declared, shape) {
        (Some(name), Some(shape)) if is_wide(name) && shape.starts_with(name.as_str()) => named(shape)?,
        (Some(declared), Some(shape)) if is_wide(shape) || is_wide(declared) => {
            let instead = format!("its bytes are {shape}; declare what it is in");
            return Err(FileError::DeclaredEncoding { declared: declared.clone(), instead });
        }
        (Some(declared), _) => named(declared)?,
        (None, Some(shape)) if MARKS.iter().any(|(name, _)| *name == shape) => named(shape)?,
        (None, _) => stated.unwrap_or(Encoding::utf_8()),
    };
    if let Some(stated) = stated.filter(|stated| *stated != actual) {
        let instead = format!("the mapping states {}", stated.name());
        return Err(FileError::DeclaredEncoding { declared: actual.name(), instead });
    }
    Ok((actual, Cursor::new(head).chain(reader)))
}

fn named(declared: &str) -> Result<Encoding, FileError> {
    Encoding::named(declared).map_err(|error| FileError::DeclaredEncoding {
        declared: declared.to_owned(),
        instead: format!("that cannot be read: {error}"),
    })
}

/// What the first bytes show: a mark, or how wide the first characters are.
fn shape(head: &[u8]) -> Option<&'static str> {
    let mark = MARKS.iter().find(|(_, mark)| head.starts_with(mark)).map(|(name, _)| *name);
    mark.or(match head {
        [b'<', 0, 0, 0, ..] => Some("utf-32le"),
        [0, 0, 0, b'<', ..] => Some("utf-32be"),
        [b'<', 0, b'?', 0, ..] => Some("utf-16le"),
        [0, b'<', 0, b'?', ..] => Some("utf-16be"),
        [b'<', b'?', ..] => Some("one byte a character"),
        _ => None,
    })
}

/// The encoding that the declaration names, in lower case.
fn declared(head: &[u8], shape: Option<&str>) -> Option<String> {
    // A declaration is ASCII: where characters have several bytes, all but one of them are 0.
    let ascii: Vec<u8> = match shape {
        Some("utf-16le" | "utf-16be" | "utf-32le" | "utf-32be") => {
            head.iter().copied().filter(|byte| *byte != 0).collect()
        }
        _ => head.to_vec(),
    };
    let start = ascii.windows(5).take(4).position(|five| five == b"<?xml")?;
    let text = &ascii[start + 5..];
    let end = text.windows(2).position(|two| two == b"?>")?;
    let text = std::str::from_utf8(&text[..end]).ok()?;
    let value = text.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (name, _) = value[1..].split_once(quote)?;
    Some(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8], stated: Option<&str>) -> String {
        let stated = stated.map(|name| Encoding::named(name).unwrap());
        match encoding(bytes, stated) {
            Ok((encoding, mut rest)) => {
                let mut all = Vec::new();
                rest.read_to_end(&mut all).unwrap();
                assert_eq!(all, bytes);
                encoding.name()
            }
            Err(error) => format!("{}: {error}", error.code()),
        }
    }

    fn utf_16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn the_file_says_its_encoding() {
        let declared = |name: &str| format!("<?xml version='1.0' encoding=\"{name}\"?><a/>").into_bytes();
        let with_mark = |bytes: Vec<u8>| [&b"\xEF\xBB\xBF"[..], &bytes].concat();
        let utf_32: Vec<u8> = "\u{feff}<?xml version='1.0' encoding='UTF-32'?><a/>"
            .chars()
            .flat_map(|character| u32::from(character).to_be_bytes())
            .collect();
        let cases: [(Vec<u8>, Option<&str>, &str); 18] = [
            (utf_32.clone(), None, "utf-32be"),
            (utf_32[4..].to_vec(), Some("utf-32be"), "utf-32be"),
            (b"".into(), None, "utf-8"),
            (b"<a/>".into(), None, "utf-8"),
            (b"<a/>".into(), Some("iso-8859-1"), "iso-8859-1"),
            (b"<?xml version='1.0'?><a encoding='x'/>".into(), None, "utf-8"),
            (declared("ISO-8859-1"), None, "iso-8859-1"),
            (declared("ISO-8859-1"), Some("iso-8859-1"), "iso-8859-1"),
            (declared("windows-1252"), None, "windows-1252"),
            (with_mark(declared("UTF-8")), None, "utf-8"),
            (with_mark(b"<a/>".into()), Some("utf-8"), "utf-8"),
            (utf_16("\u{feff}<?xml version='1.0' encoding='UTF-16'?><a/>"), None, "utf-16le"),
            (utf_16("<?xml version='1.0' encoding='UTF-16'?><a/>"), None, "utf-16le"),
            (utf_16("\u{feff}<a/>"), None, "utf-16le"),
            (
                declared("UTF-8"),
                Some("iso-8859-1"),
                "wrong_encoding: the file declares its encoding as utf-8, but the mapping states iso-8859-1",
            ),
            (
                declared("UTF-16"),
                None,
                "wrong_encoding: the file declares its encoding as utf-16, but its bytes are one byte a character; declare what it is in",
            ),
            (
                utf_16("\u{feff}<?xml version='1.0' encoding='UTF-8'?><a/>"),
                None,
                "wrong_encoding: the file declares its encoding as utf-8, but its bytes are utf-16le; declare what it is in",
            ),
            (
                declared("EBCDIC-CP-NO"),
                None,
                "wrong_encoding: the file declares its encoding as ebcdic-cp-no, but that cannot be read: \"ebcdic-cp-no\" is not an encoding that can be read: state one such as utf-8, utf-16le, iso-8859-1 or windows-1252",
            ),
        ];
        for (bytes, stated, expected) in cases {
            assert_eq!(found(&bytes, stated), expected, "{}", String::from_utf8_lossy(&bytes));
        }
    }
}
