//! Writes text in a stated encoding. A character that the encoding does not have is an error, never a `?` or an entity.
//!
//! Source: the WHATWG Encoding Standard (single bytes), ISO/IEC 8859-1, Unicode 16, section 3.10 (UTF-16).

use encoding_rs::EncoderResult;

use super::{
    encoding::{Encoding, Kind},
    input::decode::MARKS,
};

impl Encoding {
    /// Appends a text in this encoding.
    ///
    /// # Errors
    /// The first character that the encoding does not have; nothing is appended then.
    pub fn encode(self, text: &str, out: &mut Vec<u8>) -> Result<(), char> {
        match self.0 {
            Kind::Utf8 => out.extend_from_slice(text.as_bytes()),
            Kind::Latin1 => {
                if let Some(missing) = text.chars().find(|c| u8::try_from(*c).is_err()) {
                    return Err(missing);
                }
                out.extend(text.chars().filter_map(|c| u8::try_from(c).ok()));
            }
            Kind::Utf32 { is_big_endian } => out.extend(text.chars().flat_map(|c| match is_big_endian {
                true => u32::from(c).to_be_bytes(),
                false => u32::from(c).to_le_bytes(),
            })),
            Kind::Page(page) => {
                if let Some(missing) = text.chars().find(|c| page.byte(*c).is_none()) {
                    return Err(missing);
                }
                out.extend(text.chars().filter_map(|c| page.byte(c)));
            }
            Kind::Other(other) if other == encoding_rs::UTF_16LE => {
                out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            }
            Kind::Other(other) if other == encoding_rs::UTF_16BE => {
                out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            }
            Kind::Other(single_bytes) => return encode_bytewise(single_bytes, text, out),
        }
        Ok(())
    }

    /// The byte order mark with which a file in this encoding may begin, if it has one.
    pub fn byte_order_mark(self) -> Option<&'static [u8]> {
        let name = self.name();
        MARKS.iter().find(|(of, _)| *of == name).map(|(_, mark)| *mark)
    }
}

fn encode_bytewise(
    encoding: &'static encoding_rs::Encoding,
    text: &str,
    out: &mut Vec<u8>,
) -> Result<(), char> {
    let before = out.len();
    // A character takes one byte, and has one of UTF-8 at least; the encoder asks for some room beside.
    out.reserve(text.len() + 16);
    match encoding.new_encoder().encode_from_utf8_to_vec_without_replacement(text, out, true) {
        (EncoderResult::Unmappable(missing), _) => {
            out.truncate(before);
            Err(missing)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;
    use crate::mapping::Utf8Reader;

    fn encoded(name: &str, text: &str) -> Result<Vec<u8>, char> {
        let mut out = b"before".to_vec();
        Encoding::named(name).unwrap().encode(text, &mut out)?;
        Ok(out.split_off(6))
    }

    #[test]
    fn a_text_has_the_bytes_of_its_encoding_or_names_the_character_that_is_missing() {
        for (name, text, wanted) in [
            ("utf-8", "Å€", Ok(&b"\xC3\x85\xE2\x82\xAC"[..])),
            ("utf-16le", "Å😀", Ok(b"\xC5\x00\x3D\xD8\x00\xDE")),
            ("utf-16be", "Å😀", Ok(b"\x00\xC5\xD8\x3D\xDE\x00")),
            ("iso-8859-1", "Å\u{85}", Ok(b"\xC5\x85")),
            ("iso-8859-1", "1 €", Err('€')),
            ("windows-1252", "Å€", Ok(b"\xC5\x80")),
            ("windows-1252", "Åł", Err('ł')),
            ("iso-8859-2", "ł", Ok(b"\xB3")),
            ("iso-8859-15", "€", Ok(b"\xA4")),
            ("windows-1251", "Ж", Ok(b"\xC6")),
            ("ibm866", "Ж", Ok(b"\x86")),
        ] {
            assert_eq!(encoded(name, text), wanted.map(<[u8]>::to_vec), "{name} {text}");
        }
    }

    #[test]
    fn only_encodings_of_unicode_have_a_mark() {
        for (name, mark) in [
            ("utf-8", Some(&b"\xEF\xBB\xBF"[..])),
            ("utf-16le", Some(b"\xFF\xFE")),
            ("utf-16be", Some(b"\xFE\xFF")),
            ("iso-8859-1", None),
            ("windows-1252", None),
        ] {
            assert_eq!(Encoding::named(name).unwrap().byte_order_mark(), mark, "{name}");
        }
    }

    #[test]
    fn what_was_there_before_stays_where_a_character_is_missing() {
        let mut out = b"before".to_vec();
        assert_eq!(Encoding::named("windows-1252").unwrap().encode("abcł", &mut out), Err('ł'));
        assert_eq!(out, b"before");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in "[ -~Å-ÿЖł€😀]{0,40}", name in prop::sample::select(vec![
            "utf-8", "utf-16le", "utf-16be", "iso-8859-1", "windows-1252", "iso-8859-2", "windows-1251", "koi8-r",
        ])) {
            if let Ok(bytes) = encoded(name, &text) {
                let mut read = String::new();
                Utf8Reader::new(&bytes[..], Encoding::named(name).unwrap()).read_to_string(&mut read).unwrap();
                prop_assert_eq!(read, text);
            }
        }
    }
}
