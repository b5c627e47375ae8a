//! The copies, byte by byte, and the rules of records held together with those of the scanner.

use proptest::prelude::*;

use super::units::Units;
use super::*;
use crate::mapping::input::{self, raw_record::RawRecord};
use crate::mapping::{Encoding, compile::Marks, document::Ragged, outcome::Reason};

fn settings(encoding: &str, quote: Option<u8>, has_header: bool) -> CompiledCsv {
    CompiledCsv {
        encoding: Encoding::named(encoding).unwrap(),
        marks: Marks { delimiter: b';', quote, escape: None, comment: None },
        has_header,
        skip_lines: 0,
        ragged: Ragged::Error,
        skip_empty: false,
    }
}

fn failed(lines: &[(u64, &str)]) -> Vec<FailedRecord> {
    lines.iter().map(|(line, reason)| FailedRecord { line: *line, reason: (*reason).into() }).collect()
}

fn copy(csv: &CompiledCsv, file: &[u8], wanted: Vec<FailedRecord>) -> (Vec<u8>, Copied) {
    let mut out = Vec::new();
    // One byte a read: nothing may hang on where a piece ends.
    let reader = OneByOne(file);
    let copied = FailedLines::of_csv(csv).copy(reader, wanted.into_iter().map(Ok), &mut out).unwrap();
    (out, copied)
}

struct OneByOne<'f>(&'f [u8]);

impl Read for OneByOne<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = buf.len().min(1);
        self.0.read(&mut buf[..count])
    }
}

#[test]
fn the_copy_has_the_failed_records_as_they_came_and_their_reasons() {
    let quote = Some(b'"');
    for (why, file, wanted, expected) in [
        (
            "plain",
            "id;v\r\n1;a\r\n2;b\r\n3;c\r\n",
            &[(3, "required")][..],
            "id;v;crossdock_reason\r\n2;b;required\r\n",
        ),
        ("no line end behind the last", "id;v\n1;a", &[(2, "r")], "id;v;crossdock_reason\n1;a;r"),
        ("lone CRs", "id;v\r1;a\r2;b\r", &[(3, "r")], "id;v;crossdock_reason\r2;b;r\r"),
        (
            "mixed",
            "id;v\r\n1;a\r\n\n2;b\n3;c\r",
            &[(4, "r"), (5, "s")],
            "id;v;crossdock_reason\r\n2;b;r\n3;c;s\r",
        ),
        (
            "blank lines are no part of it",
            "\n\nid;v\n\n\n1;a\n\n2;b\n",
            &[(6, "r")],
            "id;v;crossdock_reason\n1;a;r\n",
        ),
        (
            "quotes with line breaks and delimiters",
            "id;v\r\n1;\"a\r\n;\"\"b\"\r\n2;\"c\nd\"\r\n3;e\r\n",
            &[(2, "r"), (4, "s")],
            "id;v;crossdock_reason\r\n1;\"a\r\n;\"\"b\";r\r\n2;\"c\nd\";s\r\n",
        ),
        (
            "too few and too many fields",
            "id;v\n1\n1;2;3\n",
            &[(2, "r"), (3, "r")],
            "id;v;crossdock_reason\n1;r\n1;2;3;r\n",
        ),
        (
            "text behind a quote",
            "id;v\n\"1\"x;2\n",
            &[(2, "stray_quote")],
            "id;v;crossdock_reason\n\"1\"x;2;stray_quote\n",
        ),
        (
            "a quote that never closes: as it is",
            "id;v\n1;a\n2;\"b\n3;c\n",
            &[(2, "r"), (3, "unclosed_quote")],
            "id;v;crossdock_reason\n1;a;r\n2;\"b\n3;c\n",
        ),
        (
            "sent again: the old reasons are replaced",
            "id;v;crossdock_reason\n1;a;old\n2;b;\"o;ld\"\n",
            &[(3, "new")],
            "id;v;crossdock_reason\n2;b;new\n",
        ),
        (
            "the old column was moved to the front, and quoted",
            "\"crossdock_reason\";id\nold;1\n;2\n",
            &[(2, "r"), (3, "s")],
            "\"crossdock_reason\";id\nr;1\ns;2\n",
        ),
        (
            "an unclosed quote in the old column swallows nothing",
            "id;crossdock_reason\n1;\"old\n2;x\n",
            &[(2, "unclosed_quote")],
            "id;crossdock_reason\n1;\"old\n2;x\n",
        ),
        ("nothing but reasons", "crossdock_reason\nx\n", &[(2, "r")], "crossdock_reason\nr\n"),
    ] {
        let csv = settings("utf-8", quote, true);
        let (copy, copied) = copy(&csv, file.as_bytes(), failed(wanted));
        assert_eq!(String::from_utf8(copy).unwrap(), expected, "{why}");
        assert_eq!(copied, Copied { records: wanted.len() as u64, missing: 0 }, "{why}");
    }
}

#[test]
fn marks_and_bytes_of_other_encodings_stay_as_they_are() {
    let latin = settings("iso-8859-1", Some(b'"'), true);
    let (copied, _) = copy(&latin, b"id;n\r\n1;\xC5\xFF\r\n2;\x85\r\n", failed(&[(2, "r")]));
    assert_eq!(copied, b"id;n;crossdock_reason\r\n1;\xC5\xFF;r\r\n");
    let marked = settings("utf-8", None, true);
    let (copied, _) = copy(&marked, b"\xEF\xBB\xBFid\n1\n\xFF2\n", failed(&[(3, "invalid_bytes")]));
    assert_eq!(copied, b"\xEF\xBB\xBFid;crossdock_reason\n\xFF2;invalid_bytes\n");
    let wide = settings("utf-16le", Some(b'"'), true);
    let encode = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let file = [vec![0xFF, 0xFE], encode("id;n\r\n1;\u{3B0A}\u{0D0A}\r\n2;b\r\n")].concat();
    let (copied, _) = copy(&wide, &file, failed(&[(2, "r")]));
    let expected = encode("id;n;crossdock_reason\r\n1;\u{3B0A}\u{0D0A};r\r\n");
    assert_eq!(copied, [vec![0xFF, 0xFE], expected].concat(), "units that hold the bytes of ; CR and LF");
}

#[test]
fn without_a_header_the_records_are_all_there_is() {
    let csv = settings("utf-8", Some(b'"'), false);
    assert!(!FailedLines::of_csv(&csv).has_reasons());
    let (copied, _) = copy(&csv, b"1;a\n2;b\n3;c\n", failed(&[(1, "r"), (3, "s")]));
    assert_eq!(copied, b"1;a\n3;c\n");
}

#[test]
fn a_column_without_a_name_is_not_taken_for_the_reasons() {
    let csv = settings("utf-8", None, true);
    let (copied, _) = copy(&csv, b";id\nx;1\n", failed(&[(2, "r")]));
    assert_eq!(copied, b";id;crossdock_reason\nx;1;r\n");
}

#[test]
fn where_the_name_of_the_column_cannot_be_written_there_is_none() {
    let marks = |quote| Marks { delimiter: b'_', quote, escape: None, comment: None };
    let csv = CompiledCsv { marks: marks(None), ..settings("utf-8", None, true) };
    let (copied, _) = copy(&csv, b"a_b\n1_2\n", failed(&[(2, "r")]));
    assert_eq!(copied, b"a_b\n1_2\n");
    let csv = CompiledCsv { marks: marks(Some(b'\'')), ..settings("utf-8", None, true) };
    let (copied, _) = copy(&csv, b"a_b\n1_2\n", failed(&[(2, "not_a_date")]));
    assert_eq!(copied, b"a_b_'crossdock_reason'\n1_2_'not_a_date'\n");
}

#[test]
fn what_stands_around_records_is_known_and_title_lines_stay() {
    let plain = settings("utf-8", Some(b'"'), true);
    let titled = CompiledCsv { skip_lines: 2, ..plain.clone() };
    let (copied, _) = copy(&titled, b"Report \"of\r\n\r\nid;v\r\n1;a\r\n2;b\r\n", failed(&[(5, "r")]));
    assert_eq!(copied, b"Report \"of\r\n\r\nid;v;crossdock_reason\r\n2;b;r\r\n");
    let marks = Marks { comment: Some(b'#'), escape: Some(b'\\'), ..plain.marks };
    let commented = CompiledCsv { marks, ..plain.clone() };
    let (copied, _) =
        copy(&commented, b"# \"x\nid;v\n#;\n1;a\\;\n\\#2;\"b\\\"\n\"\n", failed(&[(4, "r"), (5, "s")]));
    assert_eq!(copied, b"id;v;crossdock_reason\n1;a\\;;r\n\\#2;\"b\\\"\n\";s\n");
    let (copied, _) = copy(&commented, b"id\n1\\", failed(&[(2, "r")]));
    assert_eq!(copied, b"id;crossdock_reason\n1\\", "what stood behind the escape would be escaped");
    let empty = CompiledCsv { skip_empty: true, ..plain };
    let (copied, _) = copy(&empty, b";;\n\" \";\nid;v\n;\n1;a\n", failed(&[(5, "r")]));
    assert_eq!(copied, b"id;v;crossdock_reason\n1;a;r\n");
}

/// Where the mapping fills records up, a reason behind a short one would stand in a column of the source.
#[test]
fn a_record_that_is_padded_has_its_reason_in_the_column_of_reasons() {
    let csv = CompiledCsv { ragged: Ragged::Pad, ..settings("utf-8", Some(b'"'), true) };
    let file = b"id;v;n\n1\n2;b;2;;\"\"\n3;c;3\n4;d;4;x\n";
    let wanted = [(2, "required"), (3, "refused_by_target"), (4, "r"), (5, "ragged_line")];
    let (first, _) = copy(&csv, file, failed(&wanted));
    let expected =
        "id;v;n;crossdock_reason\n1;;;required\n2;b;2;refused_by_target\n3;c;3;r\n4;d;4;x;ragged_line\n";
    assert_eq!(String::from_utf8(first.clone()).unwrap(), expected);
    let (again, _) = copy(&csv, &first, failed(&[(2, "s"), (4, "s")]));
    assert_eq!(again, b"id;v;n;crossdock_reason\n1;;;s\n3;c;3;s\n");
    let (short, _) = copy(&csv, b"id;v;crossdock_reason\n1\n", failed(&[(2, "s")]));
    assert_eq!(short, b"id;v;crossdock_reason\n1;;s\n");
}

#[test]
fn plain_lines_are_copied_as_they_are() {
    let utf_8 = Encoding::named("utf-8").unwrap();
    let of = |lines: &FailedLines, file: &[u8], wanted| {
        let mut out = Vec::new();
        let copied = lines.copy(OneByOne(file), failed(wanted).into_iter().map(Ok), &mut out).unwrap();
        (out, copied)
    };
    let fixed = FailedLines::plain(utf_8, 2, true, String::new());
    let (copied, counted) =
        of(&fixed, b"Title\r\n\r\n0001\t;A\r\n\r\n0002\"B\r0003C\n", &[(5, "r"), (6, "s")]);
    assert_eq!((copied.as_slice(), counted.records), (&b"Title\r\n\r\n0002\"B\r0003C\n"[..], 2));
    // Within a line of JSON a CR is white space.
    let ndjson = FailedLines::plain(utf_8, 0, false, String::new());
    let (copied, _) = of(&ndjson, b"{\"a\":1}\r\n \n{\"a\":\r2}\r\n{\"a\":3}", &[(3, "r"), (4, "s")]);
    assert_eq!(copied, b"{\"a\":\r2}\r\n{\"a\":3}");
    assert!(!fixed.has_reasons() && !ndjson.has_reasons());
}

#[test]
fn lines_on_which_no_record_begins_are_counted() {
    let csv = settings("utf-8", Some(b'"'), true);
    let file = b"id\n1\n\"2\n3\"\n4\n";
    let (copied, counted) = copy(&csv, file, failed(&[(2, "r"), (4, "r"), (5, "r"), (9, "r")]));
    assert_eq!(copied, b"id;crossdock_reason\n1;r\n4;r\n");
    assert_eq!(counted, Copied { records: 2, missing: 2 });
}

#[test]
fn no_more_is_read_than_is_needed() {
    struct Ends<'f>(&'f [u8]);
    impl Read for Ends<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Err(io::Error::other("read on")) } else { self.0.read(buf) }
        }
    }
    let csv = settings("utf-8", None, true);
    let wanted = failed(&[(2, "r")]).into_iter().map(Ok);
    let mut out = Vec::new();
    let copied = FailedLines::of_csv(&csv).copy(Ends(b"id\n1\n2\n3\n"), wanted, &mut out).unwrap();
    assert_eq!((out.as_slice(), copied.records), (&b"id;crossdock_reason\n1;r\n"[..], 1));
}

/// The records of a file as the mapping reads them.
fn read(csv: &CompiledCsv, file: &[u8]) -> Option<(Vec<String>, Vec<RawRecord>)> {
    let settings = CompiledInput::Csv(csv.clone());
    let mut opened = input::open(&settings, &[], &[], file).ok()?;
    let mut records = Vec::new();
    loop {
        let mut record = RawRecord::default();
        if !opened.rows.read(&mut record).ok()? {
            return Some((opened.columns?, records));
        }
        records.push(record);
    }
}

fn cells(record: &RawRecord) -> Vec<Vec<u8>> {
    record.cells().map(<[u8]>::to_vec).collect()
}

const ENCODINGS: [&str; 8] =
    ["utf-8", "iso-8859-1", "windows-1252", "utf-16le", "utf-16be", "utf-32le", "utf-32be", "cp850"];

proptest! {
    /// Whatever the bytes: a record begins where the scanner says that one begins, and nowhere else.
    #[test]
    fn records_begin_where_the_scanner_says(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "a", ";", "\"", "\r", "\n", "\r\n", "\"\"", ";\"", "\";", "\"\n", "å", "b;c", "\u{3B0A}", "\\", "#", " ", ";;",
        ]), 0..60),
        encoding in prop::sample::select(ENCODINGS.to_vec()),
        quote in prop::sample::select(vec![Some(b'"'), None]),
        (escape, comment) in prop::sample::select(vec![(None, None), (Some(b'\\'), None), (None, Some(b'#'))]),
        (skip_lines, skip_empty, is_padded) in (0..3u32, any::<bool>(), any::<bool>()),
        has_header in any::<bool>(),
        cut in 0..2usize,
        pick in any::<u64>(),
    ) {
        let ragged = if is_padded { Ragged::Pad } else { Ragged::Error };
        let marks = Marks { delimiter: b';', quote, escape, comment };
        let csv = CompiledCsv { marks, skip_lines, skip_empty, ragged, ..settings(encoding, quote, has_header) };
        let mut file = Vec::new();
        for piece in &pieces {
            let _ = csv.encoding.encode(piece, &mut file); // what the encoding has not is left out
        }
        file.truncate(file.len().saturating_sub(cut));
        let Some((columns, records)) = read(&csv, &file) else { return Ok(()) };
        let reason_of = |record: &RawRecord| record.flaw.map_or("required", Reason::as_str);
        let wanted: Vec<_> = records
            .iter()
            .enumerate()
            .filter(|(at, _)| pick >> (at % 64) & 1 == 1)
            .map(|(_, record)| FailedRecord { line: record.line, reason: reason_of(record).into() })
            .collect();
        let (copied, counted) = copy(&csv, &file, wanted.clone());
        prop_assert_eq!(counted, Copied { records: wanted.len() as u64, missing: 0 });
        if wanted.is_empty() {
            return Ok(());
        }
        // Read again, the copy has these records and no other; one that was no record before stays none.
        let Some((again, copies)) = read(&csv, &copied) else {
            prop_assert!(!has_header, "the copy has a header");
            return Ok(()); // its first record is one that cannot be split
        };
        if has_reasons_column(&csv) {
            prop_assert_eq!(again, [&columns[..], &[REASON_COLUMN.to_string()]].concat());
        }
        let originals: Vec<_> =
            records.iter().filter(|r| wanted.iter().any(|w| w.line == r.line)).collect();
        prop_assert_eq!(copies.len(), originals.len());
        for (copy, (original, wanted)) in copies.iter().zip(originals.iter().zip(&wanted)) {
            let is_split = |r: &RawRecord| r.flaw.is_none_or(|flaw| flaw == Reason::RaggedLine);
            let is_cut_off = {
                let width = Units::of(csv.encoding).width;
                let mark = csv.encoding.byte_order_mark().filter(|mark| file.starts_with(mark));
                let is_whole = (file.len() - mark.map_or(0, <[u8]>::len)).is_multiple_of(width);
                !is_whole || escape.is_some()
            };
            if is_cut_off && Some(original.line) == records.last().map(|r| r.line) {
                continue; // nothing can stand behind half a unit, or an escape
            }
            if csv.has_header {
                prop_assert_eq!(copy.flaw, original.flaw);
            }
            // Without a header, how wide records are made follows from the first of them.
            if is_split(original) && (has_header || !is_padded) {
                let mut expected = cells(original);
                if has_reasons_column(&csv) {
                    expected.push(wanted.reason.clone().into_bytes());
                }
                prop_assert_eq!(cells(copy), expected);
            }
        }
    }

    /// A file that is copied whole, without a column for reasons, is the file without its blank lines.
    #[test]
    fn nothing_is_lost_between_records(
        lines in prop::collection::vec("[a-c;å]{1,6}(\r\n|\n|\r)", 1..20),
        encoding in prop::sample::select(ENCODINGS.to_vec()),
    ) {
        let csv = settings(encoding, None, false);
        let mut file = Vec::new();
        let mut wanted = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            if csv.encoding.encode(line, &mut file).is_err() {
                return Ok(());
            }
            wanted.push(FailedRecord { line: at as u64 + 1, reason: "r".into() });
        }
        let (copied, _) = copy(&csv, &file, wanted);
        prop_assert_eq!(copied, file);
    }
}

fn has_reasons_column(csv: &CompiledCsv) -> bool {
    FailedLines::of_csv(csv).has_reasons()
}
