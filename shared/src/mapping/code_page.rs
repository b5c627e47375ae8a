//! Encodings of one byte a character that encoding_rs does not have: the code pages of DOS, and those parts of ISO/IEC 8859
//! that the web reads as a page of Windows.
//!
//! Source: ISO/IEC 8859-9 and 8859-11, which are windows-1254 and windows-874 but for the control characters.

use std::sync::LazyLock;

use oem_cp::code_table::DECODING_TABLE_CP_MAP;

/// An encoding whose lower half is ASCII.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CodePage {
    pub name: String,
    /// Characters of the upper half.
    upper: [Option<char>; 128],
}

static ALL: LazyLock<Vec<CodePage>> = LazyLock::new(|| {
    let mut all: Vec<_> = DECODING_TABLE_CP_MAP
        .entries()
        .map(|(number, table)| CodePage {
            name: format!("cp{number}"),
            upper: std::array::from_fn(|at| table.decode_char_checked(at as u8 | 0x80)),
        })
        .collect();
    all.push(iso("iso-8859-9", encoding_rs::WINDOWS_1254));
    all.push(iso("iso-8859-11", encoding_rs::WINDOWS_874));
    all
});

/// The part of ISO/IEC 8859 that a page of Windows has grown from.
fn iso(name: &str, windows: &'static encoding_rs::Encoding) -> CodePage {
    let upper = std::array::from_fn(|at| match at as u8 | 0x80 {
        control @ ..0xA0 => Some(char::from(control)),
        byte => windows.decode_without_bom_handling_and_without_replacement(&[byte])?.chars().next(),
    });
    CodePage { name: name.into(), upper }
}

impl CodePage {
    /// Finds a code page by its name, in any case.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|page| page.name.eq_ignore_ascii_case(name))
    }

    /// The character of a byte; None where the page has none.
    pub fn character(&self, byte: u8) -> Option<char> {
        match byte {
            ..0x80 => Some(char::from(byte)),
            _ => self.upper[usize::from(byte & 0x7F)],
        }
    }

    /// The byte of a character; None where the page does not have it.
    pub fn byte(&self, character: char) -> Option<u8> {
        if character.is_ascii() {
            return u8::try_from(character).ok();
        }
        self.upper.iter().position(|upper| *upper == Some(character)).map(|at| at as u8 | 0x80)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_the_characters_of_their_countries() {
        for (name, byte, character) in [
            ("cp437", 0x86, Some('\u{e5}')),
            ("CP850", 0x9B, Some('\u{f8}')),
            ("cp858", 0xD5, Some('\u{20ac}')),
            ("cp865", 0x9B, Some('\u{f8}')),
            ("cp850", 0x41, Some('A')),
            ("iso-8859-9", 0xFD, Some('\u{131}')),
            ("iso-8859-9", 0x80, Some('\u{80}')),
            ("iso-8859-11", 0xA1, Some('\u{e01}')),
            ("iso-8859-11", 0xDB, None),
        ] {
            let page = CodePage::named(name).unwrap();
            assert_eq!(page.character(byte), character, "{name}");
            if let Some(character) = character {
                assert_eq!(page.byte(character), Some(byte), "{name}");
            }
        }
        assert!(CodePage::named("cp850").unwrap().byte('\u{20ac}').is_none());
        assert!(CodePage::named("cp1252").is_none(), "encoding_rs has it as windows-1252");
    }
}
