//! What kind of file it is: by the bytes that files of a kind begin with.

use std::borrow::Cow;
use std::io::Read;

use schemars::JsonSchema;
use serde::Serialize;

use super::guess::Guess;
use super::{Note, Sample};
use crate::compression::{Unpacked, only_member};

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Text with delimiters, or of one column.
    Delimited,
    /// One JSON value.
    Json,
    /// One JSON value a line.
    Ndjson,
    /// XML.
    Xml,
    /// SAF-T Financial of Norway, which is XML.
    Saft,
    /// A web page.
    Html,
    /// A workbook of Excel 2007 and later.
    Xlsx,
    /// A workbook as OpenDocument.
    Ods,
    /// A workbook of Excel 97 to 2003, or another file of that container.
    Xls,
    /// Packed by gzip.
    Gzip,
    /// A zip archive.
    Zip,
    /// None of these, and no text.
    Binary,
    /// Nothing at all.
    Empty,
}

/// How much of a packed file is unpacked.
const UNPACKED_BYTES: u64 = 1024 * 1024;

/// What other files begin with that people take for tables, or pack them in.
const OTHERS: [(&[u8], &str); 6] = [
    (b"BZh", "bzip2 files"),
    (b"\xFD7zXZ\0", "xz files"),
    (b"(\xB5/\xFD", "zstd files"),
    (b"PAR1", "Parquet files"),
    (b"SQLite format 3\0", "SQLite databases"),
    (b"%PDF-", "PDF documents"),
];

/// The bytes that the preview looks at.
pub(super) struct Content<'s> {
    pub bytes: Cow<'s, [u8]>,
    pub is_whole: bool,
}

impl Format {
    /// Says what there is to do about a file that is recognised and not previewed.
    pub(super) fn note(self) -> Option<Note> {
        let note = |code, detail: &str| Some(Note::new(code, detail));
        match self {
            Self::Html => note("not_previewed", "the file is a web page, which no mapping reads"),
            Self::Zip => {
                note("archive", "the file is an archive of no file, several, or one that the sample cuts")
            }
            Self::Gzip => note("archive", "the file is packed by gzip, and the sample cannot be unpacked"),
            Self::Binary => note("binary", "the file is none that a mapping could read"),
            Self::Empty => note("empty", "the sample has nothing in it; send the first bytes of a file"),
            Self::Delimited
            | Self::Json
            | Self::Ndjson
            | Self::Xml
            | Self::Saft
            | Self::Xlsx
            | Self::Ods
            | Self::Xls => None,
        }
    }
}

/// Recognises the format of what is not packed.
pub(super) fn guess(sample: &Sample<'_>) -> Guess<Format> {
    let bytes = sample.bytes;
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    if bytes.is_empty() {
        return Guess::new(Format::Empty, 1.0, "there is no byte");
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return if has(b"xl/") {
            Guess::new(Format::Xlsx, 0.99, "a zip archive with a folder xl")
        } else if has(b"application/vnd.oasis.opendocument.spreadsheet") {
            Guess::new(Format::Ods, 0.99, "a zip archive that says that it is an OpenDocument spreadsheet")
        } else {
            Guess::new(Format::Zip, 0.99, "it begins as zip archives do")
        };
    }
    if bytes.starts_with(b"\x1f\x8b") {
        return Guess::new(Format::Gzip, 0.99, "it begins as gzip files do");
    }
    if bytes.starts_with(OLE) {
        return Guess::new(
            Format::Xls,
            0.9,
            "it begins with the header of OLE files, as Excel's old workbooks do",
        );
    }
    let plain = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let start: Vec<u8> = plain
        .iter()
        .copied()
        .filter(|byte| *byte != 0)
        .skip_while(u8::is_ascii_whitespace)
        .take(64)
        .collect();
    let is_mark = |start: &[u8]| start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF");
    let start = if is_mark(&start) { &start[2..] } else { &start[..] };
    if start.starts_with(b"<?xml") {
        return Guess::new(Format::Xml, 0.99, "it begins with an XML declaration");
    }
    let begins = |tag: &[u8]| start.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag));
    if [&b"<!doctype html"[..], b"<html", b"<table", b"<head", b"<body", b"<div"].into_iter().any(begins) {
        return Guess::new(Format::Html, 0.95, "it begins with a tag of HTML");
    }
    if start.first() == Some(&b'<')
        && start.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'!')
    {
        return Guess::new(Format::Xml, 0.8, "it begins with a tag");
    }
    if let Some((_, what)) = OTHERS.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return Guess::new(Format::Binary, 0.99, format!("it begins as {what} do"));
    }
    if let Some(json) = super::json::recognise(plain, sample.is_whole) {
        return json;
    }
    if is_binary(bytes) {
        return Guess::new(Format::Binary, 0.9, "it has bytes that no text has");
    }
    Guess::new(Format::Delimited, 0.9, "it is text, and nothing says that it is another format")
}

/// Says whether a file begins as workbooks do, of which a beginning alone shows nothing.
pub fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(OLE)
}

/// What old workbooks begin with, and other files of that container.
pub(super) const OLE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// Takes a file out of what it is packed in, as far as the sample reaches.
pub(super) fn unpack<'s>(sample: &Sample<'s>) -> (Content<'s>, Option<Format>) {
    let as_it_is = || Content { bytes: Cow::Borrowed(sample.bytes), is_whole: sample.is_whole };
    let (reader, packed): (Box<dyn Read + 's>, Format) = match sample.bytes {
        [0x1f, 0x8b, ..] => (Box::new(Unpacked::gzip(sample.bytes)), Format::Gzip),
        [b'P', b'K', 3, 4, ..] if sample.is_whole && guess(sample).value == Format::Zip => {
            let member = only_member(sample.bytes, sample.bytes.len() as u64).ok();
            let from =
                member.as_ref().and_then(|member| sample.bytes.get(usize::try_from(member.at).ok()?..));
            match member.zip(from).and_then(|(member, from)| Unpacked::zip(from, &member).ok()) {
                Some(reader) => (Box::new(reader), Format::Zip),
                None => return (as_it_is(), None),
            }
        }
        _ => return (as_it_is(), None),
    };
    let mut bytes = Vec::new();
    // What a cut archive still gives is as good as any sample.
    let is_read = reader.take(UNPACKED_BYTES + 1).read_to_end(&mut bytes).is_ok();
    let is_whole = is_read && sample.is_whole && bytes.len() as u64 <= UNPACKED_BYTES;
    bytes.truncate(usize::try_from(UNPACKED_BYTES).unwrap_or(usize::MAX));
    match bytes.is_empty() {
        true => (as_it_is(), None),
        false => (Content { bytes: Cow::Owned(bytes), is_whole }, Some(packed)),
    }
}

/// Zeros without the pattern of UTF-16, or many controls.
fn is_binary(bytes: &[u8]) -> bool {
    let encoding = super::encoding::guess(bytes, false);
    if encoding.value.starts_with("utf-16") || encoding.value.starts_with("utf-32") {
        return false;
    }
    // Some controls part fields or stand in cells; a NUL here and there does not make a table something else.
    let is_control = |byte: &&u8| matches!(byte, 0 | 2..=6 | 8 | 14..=26);
    let controls = bytes.iter().filter(is_control).count();
    controls > 4 && controls * 50 > bytes.len()
}
