use serde_json::json;

use super::{SIZES, compile, report, settled, texts};
use std::io::Read;

use crate::mapping::{FileError, Outcome, Settled, records, settle as settle_files};

/// Settles a run of these files; one report a file.
fn settle(policy: &str, files: &[&str]) -> Vec<String> {
    let mut mapping = texts(&["Id", "N"]);
    mapping["columns"][1]["type"] = json!("integer");
    mapping["duplicates"] = json!(policy);
    let mapping = compile(mapping);
    let files: Vec<&[u8]> = files.iter().map(|file| file.as_bytes()).collect();
    let reports = SIZES.map(|size| {
        settled(&mapping, &files, size).iter().map(|outcomes| report(outcomes)).collect::<Vec<_>>()
    });
    assert!(reports.iter().all(|report| *report == reports[0]), "{reports:?}");
    let [first, ..] = reports;
    first
}

const FILE: &str = "Id;N\na;1\nb;2\na;3\na;x\na;4\n";

#[test]
fn within_a_file_the_policy_decides() {
    insta::assert_snapshot!(settle("error", &[FILE])[0], @r#"
    2 a {"Id":"a","N":1}
    3 b {"Id":"b","N":2}
    4 a error duplicate_key -: the record on line 2 has the same key and counts
    5 a error not_an_integer N: found "x", expected a whole number
    6 a error duplicate_key -: the record on line 2 has the same key and counts
    "#);
    insta::assert_snapshot!(settle("first", &[FILE])[0], @r#"
    2 a {"Id":"a","N":1}
    3 b {"Id":"b","N":2}
    4 a filtered duplicate_key: the record on line 2 has the same key and counts
    5 a error not_an_integer N: found "x", expected a whole number
    6 a filtered duplicate_key: the record on line 2 has the same key and counts
    "#);
    insta::assert_snapshot!(settle("last", &[FILE])[0], @r#"
    2 a filtered duplicate_key: the record on line 6 has the same key and counts
    3 b {"Id":"b","N":2}
    4 a filtered duplicate_key: the record on line 6 has the same key and counts
    5 a error not_an_integer N: found "x", expected a whole number
    6 a {"Id":"a","N":4}
    "#);
}

#[test]
fn between_files_the_last_file_counts() {
    let second = "Id;N\nc;1\na;7\nb;x\na;8\n";
    let third = "Id;N\nc;2\n";
    insta::assert_snapshot!(settle("error", &[FILE, second, third]).join("\n--\n"), @r#"
    2 a filtered superseded_by_later_file: file 2 of the run has the same key on line 3
    3 b {"Id":"b","N":2}
    4 a error duplicate_key -: the record on line 2 has the same key and counts
    5 a error not_an_integer N: found "x", expected a whole number
    6 a error duplicate_key -: the record on line 2 has the same key and counts
    --
    2 c filtered superseded_by_later_file: file 3 of the run has the same key on line 2
    3 a {"Id":"a","N":7}
    4 b error not_an_integer N: found "x", expected a whole number
    5 a error duplicate_key -: the record on line 3 has the same key and counts
    --
    2 c {"Id":"c","N":2}
    "#);
    insta::assert_snapshot!(settle("last", &[FILE, second]).join("\n--\n"), @r#"
    2 a filtered duplicate_key: the record on line 6 has the same key and counts
    3 b {"Id":"b","N":2}
    4 a filtered duplicate_key: the record on line 6 has the same key and counts
    5 a error not_an_integer N: found "x", expected a whole number
    6 a filtered superseded_by_later_file: file 2 of the run has the same key on line 5
    --
    2 c {"Id":"c","N":1}
    3 a filtered duplicate_key: the record on line 5 has the same key and counts
    4 b error not_an_integer N: found "x", expected a whole number
    5 a {"Id":"a","N":8}
    "#);
}

#[test]
fn a_file_that_cannot_be_read_displaces_nothing() {
    let mapping = compile(texts(&["Id", "N"]));
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("connection lost"))
        }
    }
    let open = |at: usize| -> Result<Box<dyn Read>, FileError> {
        Ok(match at {
            0 => Box::new(&b"Id;N\na;1\n"[..]),
            _ => Box::new(Read::chain(&b"Id;N\na;2\n"[..], Failing)),
        })
    };
    let mut failed = 0;
    let mut winners = settle_files(&mapping, &[1, 1], open, |file, _| {
        assert_eq!(file, 1);
        failed += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(failed, 1, "then no key is there twice");
    let mut records = records(&b"Id;N\na;1\n"[..], &mapping).unwrap();
    assert!(matches!(winners.read(0, &mut records), Some(Ok(Settled::Mapped(_)))));
    let error = settle_files(&mapping, &[1, 1], open, |_, error| Err(error)).map(|_| ()).unwrap_err();
    assert_eq!(error.code(), "read_failed");
}

#[test]
fn without_a_key_nothing_is_a_duplicate() {
    let mut mapping = texts(&["Id", "N"]);
    mapping["key"] = json!([]);
    let file = &b"Id;N\na;1\na;1\n"[..];
    for outcome in settled(&compile(mapping), &[file, file, file], SIZES[1]).concat() {
        assert!(matches!(outcome, Outcome::Record(_)));
    }
}
