use proptest::prelude::*;

use super::Pieces;
use crate::mapping::compile::Marks;
use crate::mapping::input::raw_record::{MAX_RECORD_BYTES, RawRecord};
use crate::mapping::input::scan::Scanner;
use crate::mapping::outcome::Reason;

const SEMICOLONS: Marks = Marks { delimiter: b';', quote: Some(b'"'), escape: None, comment: None };

/// A record's first and last line, fields, and flaw.
type Scanned = (u64, u64, Vec<String>, Option<Reason>);

fn scan(reader: impl std::io::Read) -> Vec<Scanned> {
    scan_with(reader, SEMICOLONS)
}

fn scan_with(reader: impl std::io::Read, marks: Marks) -> Vec<Scanned> {
    let mut scanner = Scanner::new(reader, marks);
    let mut record = RawRecord::default();
    let mut records = Vec::new();
    while scanner.read(&mut record).unwrap() {
        let fields = record.cells().map(String::from_utf8_lossy);
        records.push((record.line, record.last_line, fields.map(Into::into).collect(), record.flaw));
    }
    records
}

fn plain(line: u64, last_line: u64, fields: &[&str]) -> Scanned {
    (line, last_line, fields.iter().map(|field| (*field).to_owned()).collect(), None)
}

#[test]
fn records_begin_where_they_begin() {
    let cases: [(&str, &[Scanned]); 14] = [
        ("", &[]),
        ("\r\n\n\r", &[]),
        ("a;b", &[plain(1, 1, &["a", "b"])]),
        ("a;b;\n", &[plain(1, 1, &["a", "b", ""])]),
        ("a;", &[plain(1, 1, &["a", ""])]),
        (";\n", &[plain(1, 1, &["", ""])]),
        (
            "a\r\nb\nc\rd\r\n",
            &[plain(1, 1, &["a"]), plain(2, 2, &["b"]), plain(3, 3, &["c"]), plain(4, 4, &["d"])],
        ),
        ("a\n\n\r\n\r\rb", &[plain(1, 1, &["a"]), plain(6, 6, &["b"])]),
        ("\"a\r\nb\n\";c\r\nd", &[plain(1, 3, &["a\r\nb\n", "c"]), plain(4, 4, &["d"])]),
        ("\"a\rb\";c\rd", &[plain(1, 2, &["a\rb", "c"]), plain(3, 3, &["d"])]),
        ("\"\"\n\"\";\"\"\"\"\n", &[plain(1, 1, &[""]), plain(2, 2, &["", "\""])]),
        ("\"a;b\";\"say \"\"hi\"\"\"", &[plain(1, 1, &["a;b", "say \"hi\""])]),
        ("5\" nail;a\"b\"\n", &[plain(1, 1, &["5\" nail", "a\"b\""])]), // quotes within unquoted fields are text
        (" \n", &[plain(1, 1, &[" "])]),
    ];
    for (text, expected) in cases {
        assert_eq!(scan(text.as_bytes()), expected, "{text:?}");
        assert_eq!(scan(Pieces::new(text.as_bytes(), &[1])), expected, "{text:?} byte by byte");
    }
}

#[test]
fn flaws_are_told() {
    let flaws = |text: &str| {
        scan(text.as_bytes()).into_iter().map(|(line, last, _, flaw)| (line, last, flaw)).collect::<Vec<_>>()
    };
    assert_eq!(flaws("a\n\"b\nc;d\ne\n"), [(1, 1, None), (2, 5, Some(Reason::UnclosedQuote))]);
    assert_eq!(flaws("a;\""), [(1, 1, Some(Reason::UnclosedQuote))]);
    assert_eq!(flaws("\"a\"b;c\nd"), [(1, 1, Some(Reason::StrayQuote)), (2, 2, None)]);
    assert_eq!(flaws("\"a\" ;c\nd"), [(1, 1, Some(Reason::StrayQuote)), (2, 2, None)]);
}

proptest! {
    /// What is in the buffer as a whole is split in one go, the rest byte by byte: to the same records.
    #[test]
    fn records_are_split_alike_in_one_go_and_byte_by_byte(
        text in "([a;#\"\\\\\r\n]|\r\n|x{30}|;{30}){0,40}",
        has_escape: bool,
        has_comment: bool,
    ) {
        let escape = has_escape.then_some(b'\\');
        let marks = Marks { escape, comment: has_comment.then_some(b'#'), ..SEMICOLONS };
        let text = format!("{text}\n{}", "p".repeat(64)); // so that all of it is far enough from the buffer's end
        prop_assert_eq!(scan_with(text.as_bytes(), marks), scan_with(Pieces::new(text.as_bytes(), &[1]), marks));
    }
}

#[test]
fn escapes_and_comments_are_read_where_they_are_stated() {
    let marks = Marks { escape: Some(b'\\'), comment: Some(b'#'), ..SEMICOLONS };
    let text = "#x;\"y\r\na;\"b\\\"c\\\\\"\n#\n# \"\nd\\;e;#f\r\n\"#g\";\"h\\\ni\"\"j\"\n#";
    let records = scan_with(text.as_bytes(), marks);
    let cells: Vec<_> =
        records.iter().map(|(line, _, cells, flaw)| (*line, cells.join("|"), *flaw)).collect();
    let expected =
        [(2, "a|b\"c\\".to_string(), None), (5, "d;e|#f".into(), None), (6, "#g|h\ni\"j".into(), None)];
    assert_eq!(cells, expected);
    assert_eq!(scan_with(&b"a;\"b\\"[..], marks)[0].3, Some(Reason::UnclosedQuote));
}

#[test]
fn without_quoting_quotes_are_text() {
    let mut scanner = Scanner::new(&b"\"a;b\"\n\"c"[..], Marks { quote: None, ..SEMICOLONS });
    let mut record = RawRecord::default();
    assert!(scanner.read(&mut record).unwrap());
    assert_eq!((&record.bytes[..], &record.spans[..]), (&b"\"ab\""[..], &[(0, 2), (2, 4)][..]));
    assert!(scanner.read(&mut record).unwrap());
    assert_eq!((&record.bytes[..], record.flaw), (&b"\"c"[..], None));
}

#[test]
fn long_records_are_passed_over_in_bounded_memory() {
    let fits = "x".repeat(MAX_RECORD_BYTES - 1);
    let flaws = |text: String| {
        scan(text.as_bytes()).into_iter().map(|(line, last, _, flaw)| (line, last, flaw)).collect::<Vec<_>>()
    };
    assert_eq!(flaws(format!("{fits}\nb")), [(1, 1, None), (2, 2, None)]);
    assert_eq!(flaws(format!("{fits}x\nb")), [(1, 1, Some(Reason::RecordTooLong)), (2, 2, None)]);
    let quoted = format!("a\n\"{}\";c\nd", "x\n".repeat(MAX_RECORD_BYTES));
    let last = 2 + MAX_RECORD_BYTES as u64;
    assert_eq!(
        flaws(quoted),
        [(1, 1, None), (2, last, Some(Reason::RecordTooLong)), (last + 1, last + 1, None)]
    );
    assert_eq!(
        flaws(format!("{}\nb", ";".repeat(2 * MAX_RECORD_BYTES))),
        [(1, 1, Some(Reason::RecordTooLong)), (2, 2, None)]
    );
    let unclosed = format!("a\n\"{}", "x\n".repeat(MAX_RECORD_BYTES));
    assert_eq!(flaws(unclosed), [(1, 1, None), (2, last, Some(Reason::UnclosedQuote))]);

    let mut record = RawRecord::default();
    let endless = std::io::Read::take(std::io::repeat(b'x'), 64 * MAX_RECORD_BYTES as u64);
    assert!(Scanner::new(endless, Marks { quote: None, ..SEMICOLONS }).read(&mut record).unwrap());
    assert_eq!(record.bytes.capacity(), 0, "nothing of it is kept");
}

proptest! {
    #[test]
    fn pieces_make_no_difference(text in "[ab;\"\r\n]{0,40}", sizes in prop::collection::vec(1usize..5, 1..4)) {
        prop_assert_eq!(scan(Pieces::new(text.as_bytes(), &sizes)), scan(text.as_bytes()));
    }

    #[test]
    fn the_csv_crate_splits_alike_what_has_no_flaw(text in "([ab;\r\n]|\"([ab;\r\n]|\"\"){0,3}\"){0,20}|[ab;\"\r\n]{0,30}") {
        let ours = scan(text.as_bytes());
        prop_assume!(ours.iter().all(|record| record.3.is_none()));
        let mut theirs = csv::ReaderBuilder::new().delimiter(b';').has_headers(false).flexible(true).from_reader(text.as_bytes());
        let theirs: Vec<Vec<String>> =
            theirs.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        let ours: Vec<Vec<String>> = ours.into_iter().map(|record| record.2).collect();
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn what_the_csv_crate_writes_is_read_back(rows in prop::collection::vec(prop::collection::vec("(?s).{0,6}|[;\"\r\n]{0,4}", 2..4), 0..6)) {
        let mut writer = csv::WriterBuilder::new().delimiter(b';').flexible(true).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let read = scan(&writer.into_inner().unwrap()[..]);
        prop_assert!(read.iter().all(|record| record.3.is_none()));
        prop_assert_eq!(read.into_iter().map(|record| record.2).collect::<Vec<_>>(), rows);
    }
}
