use std::io::Read;

use proptest::prelude::*;

use super::Pieces;
use crate::mapping::{Encoding, Utf8Reader, WrongEncoding};

/// Of each family some.
pub(super) const ENCODINGS: [&str; 13] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "utf-32le",
    "utf-32be",
    "iso-8859-1",
    "windows-1252",
    "iso-8859-15",
    "windows-1253",
    "iso-8859-9",
    "cp850",
    "koi8-r",
    "macintosh",
];

fn decode(encoding: &str, reader: impl Read) -> Result<Vec<u8>, WrongEncoding> {
    let mut decoded = Vec::new();
    match Utf8Reader::new(reader, Encoding::named(encoding).unwrap()).read_to_end(&mut decoded) {
        Ok(_) => Ok(decoded),
        Err(error) => Err(error.downcast().expect("the bytes themselves are read without error")),
    }
}

#[test]
fn bytes_mean_what_the_encoding_says() {
    let cases: [(&str, &[u8], &[u8]); 17] = [
        ("utf-8", b"\xC3\xB8", "ø".as_bytes()),
        ("utf-8", b"\xEF\xBB\xBFa", b"a"),
        ("utf-8", b"\xEF\xBB", b"\xEF\xBB"),
        ("utf-8", b"a\xC3;b", b"a\xC3;b"), // left for the field to fail
        ("utf-16le", b"\xFF\xFEa\0\xF8\0", "aø".as_bytes()),
        ("utf-16le", b"a\0=\xD8\0\xDE", "a😀".as_bytes()),
        ("utf-16be", b"\xFE\xFF\0a", b"a"),
        ("utf-16le", b"a\0=\xD8b\0", b"a\xFFb"), // half a surrogate pair
        ("utf-16le", b"a\0b", b"a\xFF"),         // half a unit
        ("iso-8859-1", b"\xE6\x80\x93", "æ\u{80}\u{93}".as_bytes()), // not what the web reads
        ("windows-1252", b"\xE6\x80\x93", "æ€“".as_bytes()),
        ("iso-8859-15", b"\xA4", "€".as_bytes()),
        ("windows-1253", b"a\xAAb", b"a\xFFb"), // not assigned
        ("windows-1253", b"\xAA\xAA", b"\xFF\xFF"),
        ("iso-8859-1", b"", b""),
        ("utf-16le", b"\xFF\xFE", b""),
        ("utf-8", b"\xEF\xBB\xBF", b""),
    ];
    for (encoding, bytes, expected) in cases {
        assert_eq!(decode(encoding, bytes).as_deref(), Ok(expected), "{encoding} {bytes:x?}");
    }
}

#[test]
fn a_mark_of_another_encoding_is_an_error() {
    let cases: [(&str, &[u8], &str); 8] = [
        ("utf-8", b"\xFF\xFEa\0", "utf-16le"),
        ("utf-8", b"\xFE\xFF\0a", "utf-16be"),
        ("utf-16le", b"\xEF\xBB\xBFa", "utf-8"),
        ("utf-16le", b"\xFE\xFF\0a", "utf-16be"),
        ("utf-16le", b"\xFF\xFE\0\0a\0\0\0", "utf-32le"),
        ("iso-8859-1", b"\xEF\xBB\xBFa", "utf-8"),
        ("windows-1252", b"\xFF\xFEa\0", "utf-16le"),
        ("utf-8", b"\0\0\xFE\xFF", "utf-32be"),
    ];
    for (stated, bytes, found) in cases {
        let error = decode(stated, bytes).unwrap_err();
        assert_eq!(error, WrongEncoding { stated: stated.into(), found });
        assert_eq!(decode(stated, Pieces::new(bytes, &[1])).unwrap_err(), error, "byte by byte");
    }
}

#[test]
fn input_larger_than_any_buffer_is_decoded_whole() {
    let text = "æ€“ abc\u{3042}".repeat(50_000);
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(decode("utf-16le", &utf_16[..]).unwrap(), text.as_bytes());
    let latin_1 = vec![0xF8; 300_001];
    assert_eq!(decode("iso-8859-1", &latin_1[..]).unwrap(), "ø".repeat(300_001).as_bytes());
}

proptest! {
    #[test]
    fn pieces_make_no_difference(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(&b"\xEF\xBB\xBF\xFF\xFE\0a\xD8\xDC"[..])], 0..60),
        sizes in prop::collection::vec(1usize..7, 1..4),
        take in 1usize..9,
    ) {
        for encoding in ENCODINGS {
            let whole = decode(encoding, &bytes[..]);
            prop_assert_eq!(&decode(encoding, Pieces::new(&bytes, &sizes)), &whole);
            let Ok(whole) = whole else { continue };
            let mut reader = Utf8Reader::new(&bytes[..], Encoding::named(encoding).unwrap());
            let (mut given, mut buf) = (Vec::new(), vec![0; take]);
            loop {
                let count = reader.read(&mut buf).unwrap();
                if count == 0 { break }
                given.extend_from_slice(&buf[..count]);
            }
            prop_assert_eq!(given, whole);
        }
    }

    #[test]
    fn what_an_encoding_has_is_written_and_read_alike(text in "[ -~]{0,20}|[åøæéüçş]{0,9}|.{0,12}") {
        for name in ENCODINGS {
            let (encoding, mut bytes) = (Encoding::named(name).unwrap(), Vec::new());
            if encoding.encode(&text, &mut bytes).is_ok() && !text.starts_with(['\u{feff}', '\u{fffe}']) {
                let is_mark = |mark: &&[u8]| bytes.starts_with(mark);
                prop_assume!(![&b"\xEF\xBB\xBF"[..], b"\xFF\xFE", b"\xFE\xFF"].iter().any(is_mark));
                prop_assert_eq!(decode(name, &bytes[..]).unwrap(), text.as_bytes(), "{}", name);
            }
        }
    }

    #[test]
    fn latin_1_is_one_character_a_byte(
        // Long runs of ASCII are decoded in another way than what stands between them.
        bytes in prop::collection::vec(prop_oneof![20 => b' '..=b'~', 1 => any::<u8>()], 0..200),
    ) {
        prop_assume!(![&b"\xEF\xBB\xBF"[..], b"\xFF\xFE", b"\xFE\xFF", b"\0\0\xFE\xFF"].iter().any(|mark| bytes.starts_with(mark)));
        let text: String = bytes.iter().copied().map(char::from).collect();
        prop_assert_eq!(decode("iso-8859-1", &bytes[..]).unwrap(), text.into_bytes());
    }

    #[test]
    fn malformed_utf_16_never_passes_for_text(units: Vec<u16>) {
        let bytes: Vec<u8> = units.iter().copied().flat_map(u16::to_be_bytes).collect();
        prop_assume!(!matches!(units.first(), Some(0xFEFF | 0xFFFE | 0xEFBB | 0)));
        let decoded = decode("utf-16be", &bytes[..]).unwrap();
        prop_assert_eq!(String::from_utf8(decoded).ok(), String::from_utf16(&units).ok());
    }
}
