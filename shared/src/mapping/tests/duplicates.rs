use serde_json::json;

use super::{compile, report, texts};
use crate::mapping::{Outcome, Settling, records};

/// Settles a run of these files; one report a file.
fn settle(policy: &str, files: &[&str]) -> Vec<String> {
    let mut mapping = texts(&["Id", "N"]);
    mapping["columns"][1]["type"] = json!("integer");
    mapping["duplicates"] = json!(policy);
    let mapping = compile(mapping);
    let settling = Settling::of(&mapping, files.len());
    assert_eq!(settling.needs_key_pass(), policy == "last" || files.len() > 1);
    let mut winners = match settling {
        Settling::WhileReading(winners) => winners,
        Settling::KeysFirst(mut keys) => {
            for file in files {
                keys.read(file.as_bytes(), &mapping).unwrap();
            }
            keys.finish()
        }
    };
    let settled = files.iter().enumerate().map(|(at, file)| {
        let outcomes: Vec<Outcome> = records(file.as_bytes(), &mapping)
            .unwrap()
            .map(|outcome| winners.settle(at, outcome.unwrap()))
            .collect();
        report(&outcomes)
    });
    settled.collect()
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
    let Settling::KeysFirst(mut keys) = Settling::of(&mapping, 2) else { panic!() };
    keys.read(&b"Id;N\na;1\n"[..], &mapping).unwrap();
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("connection lost"))
        }
    }
    assert!(keys.read(std::io::Read::chain(&b"Id;N\na;2\n"[..], Failing), &mapping).is_err());
    let mut winners = keys.finish();
    for outcome in records(&b"Id;N\na;1\n"[..], &mapping).unwrap() {
        assert!(matches!(winners.settle(0, outcome.unwrap()), Outcome::Record(_)));
    }
}

#[test]
fn without_a_key_nothing_is_a_duplicate() {
    let mut mapping = texts(&["Id", "N"]);
    mapping["key"] = json!([]);
    let mapping = compile(mapping);
    let Settling::WhileReading(mut winners) = Settling::of(&mapping, 3) else { panic!() };
    for outcome in records(&b"Id;N\na;1\na;1\n"[..], &mapping).unwrap() {
        assert!(matches!(winners.settle(0, outcome.unwrap()), Outcome::Record(_)));
    }
}
