//! The encodings that a mapping may state, by name.
//!
//! Names mean what their standard says. encoding_rs follows the web, where `iso-8859-1` means
//! windows-1252 and `iso-8859-9` windows-1254: these therefore have decoders of their own, and any
//! other name that the web reads as something else is refused, with the name that says what would happen.
//!
//! Source: the WHATWG Encoding Standard (labels), ISO/IEC 8859-1, Unicode.

use std::fmt;

use thiserror::Error;

use super::code_page::CodePage;

/// An encoding that files may be in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Encoding(pub(super) Kind);

/// How its bytes are decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Passed through; fields are checked one by one later.
    Utf8,
    /// Each byte is the code point of its value.
    Latin1,
    /// Four bytes a character.
    Utf32 { is_big_endian: bool },
    /// By a table of its own.
    Page(&'static CodePage),
    /// As encoding_rs does, which is right for UTF-16 and for single bytes.
    Other(&'static encoding_rs::Encoding),
}

/// A name that states no encoding, or not the one that it seems to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name} is not an encoding that can be read: {advice}")]
pub struct UnknownEncoding {
    name: String,
    advice: String,
}

impl Encoding {
    /// UTF-8, which formats are in that may be in no other.
    pub const fn utf_8() -> Self {
        Self(Kind::Utf8)
    }

    /// Finds the encoding with this name, in any case: `utf-8`, `utf-16le`, `utf-16be`, `utf-32le`, `utf-32be`,
    /// `iso-8859-1`, `iso-8859-9`, `iso-8859-11`, `windows-1252`, another single-byte encoding by its WHATWG name, or a
    /// code page of DOS such as `cp850`.
    ///
    /// # Errors
    ///
    /// The name is unknown, is an alias, or is one that the web reads as another encoding.
    pub fn named(name: &str) -> Result<Self, UnknownEncoding> {
        let refused = |advice: String| Err(UnknownEncoding { name: format!("{name:?}"), advice });
        if name.eq_ignore_ascii_case("iso-8859-1") {
            return Ok(Self(Kind::Latin1));
        }
        for (utf_32, is_big_endian) in [("utf-32le", false), ("utf-32be", true)] {
            if name.eq_ignore_ascii_case(utf_32) {
                return Ok(Self(Kind::Utf32 { is_big_endian }));
            }
        }
        if let Some(page) = CodePage::named(name) {
            return Ok(Self(Kind::Page(page)));
        }
        let Some(found) = encoding_rs::Encoding::for_label(name.as_bytes()) else {
            return refused("state one such as utf-8, utf-16le, iso-8859-1 or windows-1252".into());
        };
        if !found.name().eq_ignore_ascii_case(name) {
            return refused(format!("did you mean {}", found.name().to_ascii_lowercase()));
        }
        if found == encoding_rs::UTF_8 {
            return Ok(Self(Kind::Utf8));
        }
        let is_utf_16 = found == encoding_rs::UTF_16LE || found == encoding_rs::UTF_16BE;
        let is_single_byte = found.is_single_byte() && found != encoding_rs::X_USER_DEFINED;
        if !is_utf_16 && !is_single_byte {
            return refused("only utf-8, utf-16, utf-32 and single-byte encodings are supported".into());
        }
        Ok(Self(Kind::Other(found)))
    }

    /// Returns what a byte means; None where it means nothing, or no whole character.
    pub(crate) fn character(self, byte: u8) -> Option<char> {
        match self.0 {
            Kind::Latin1 => Some(char::from(byte)),
            Kind::Page(page) => page.character(byte),
            Kind::Utf8 | Kind::Utf32 { .. } => byte.is_ascii().then(|| char::from(byte)),
            Kind::Other(other) => {
                other.decode_without_bom_handling_and_without_replacement(&[byte])?.chars().next()
            }
        }
    }

    /// Returns the name in lower case.
    pub fn name(self) -> String {
        match self.0 {
            Kind::Utf8 => "utf-8".into(),
            Kind::Latin1 => "iso-8859-1".into(),
            Kind::Utf32 { is_big_endian } => if is_big_endian { "utf-32be" } else { "utf-32le" }.into(),
            Kind::Page(page) => page.name.clone(),
            Kind::Other(encoding) => encoding.name().to_ascii_lowercase(),
        }
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoding({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_their_standard_says() {
        for name in [
            "utf-8",
            "UTF-8",
            "utf-16le",
            "UTF-16BE",
            "iso-8859-1",
            "ISO-8859-1",
            "windows-1252",
            "iso-8859-2",
            "iso-8859-15",
            "iso-8859-9",
            "utf-32le",
            "utf-32be",
            "cp850",
            "windows-1251",
            "koi8-r",
            "koi8-u",
            "ibm866",
            "macintosh",
        ] {
            assert_eq!(Encoding::named(name).map(Encoding::name), Ok(name.to_ascii_lowercase()));
        }
        assert_ne!(Encoding::named("iso-8859-1"), Encoding::named("windows-1252"));
    }

    #[test]
    fn names_that_mean_something_else_are_refused() {
        for (name, advice) in [
            ("", "state one such as"),
            ("ebcdic", "state one such as"),
            ("latin1", "did you mean windows-1252"), // as the web reads it; the caller has to decide
            ("ascii", "did you mean windows-1252"),
            ("latin5", "did you mean windows-1254"),
            ("utf8", "did you mean utf-8"),
            ("utf-16", "did you mean utf-16le"),
            ("shift_jis", "only utf-8, utf-16, utf-32 and single-byte"),
            ("gb18030", "only utf-8, utf-16, utf-32 and single-byte"),
            ("replacement", "only utf-8, utf-16, utf-32 and single-byte"),
            ("x-user-defined", "only utf-8, utf-16, utf-32 and single-byte"),
            (" utf-8", "did you mean utf-8"),
        ] {
            let message = Encoding::named(name).unwrap_err().to_string();
            assert!(message.contains(advice), "{name}: {message}");
        }
    }
}
