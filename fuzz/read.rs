//! What every fuzz target does: reads any bytes as a file of one format, and checks what must hold.
//!
//! No bytes may make the reader panic. Each record becomes one outcome, in order, and none is taken for
//! another; read in small pieces the file comes to the same.

use std::io::{self, Read};

use shared::mapping::{Compiled, Mapping, Outcome, records};

/// Compiles mappings of one format from their inputs and columns: each from its path, or with `each:` from those of
/// children, which have children of their own there.
pub fn mappings(cases: &[(&str, &[&str])]) -> Vec<Compiled> {
    let mapping = |(input, from): &(&str, &[&str])| {
        let columns: Vec<String> = from
            .iter()
            .enumerate()
            .map(|(at, from)| match from.strip_prefix("each:") {
                None => format!(r#"{{"name": "c{at}", "from": {from:?}, "type": "text"}}"#),
                Some(path) => format!(
                    r#"{{"name": "c{at}", "each": {path:?}, "columns": [{{"name": "a", "from": "a", "type": "text"}},
                        {{"name": "own", "each": "b", "columns": [{{"name": "a", "from": "a", "type": "text"}}]}}]}}"#
                ),
            })
            .collect();
        let text = format!(
            r#"{{"name": "fuzz", "input": {input}, "columns": [{}], "key": ["c0"]}}"#,
            columns.join(",")
        );
        let mapping: Mapping = serde_json::from_str(&text).expect("the target's mapping is written right");
        mapping.compile().expect("the target's mapping is valid")
    };
    cases.iter().map(mapping).collect()
}

/// Reads bytes with every mapping.
pub fn check(mappings: &[Compiled], bytes: &[u8]) {
    for mapping in mappings {
        let whole = read(bytes, mapping);
        assert!(whole.0.is_sorted_by(|left, right| left.place() < right.place()));
        assert!(whole.0.is_sorted_by(|left, right| left.line() <= right.line()));
        assert_eq!(whole, read(Pieces(bytes), mapping));
    }
}

fn read(reader: impl Read, mapping: &Compiled) -> (Vec<Outcome>, Option<String>) {
    let mut outcomes = Vec::new();
    let reading = match records(reader, mapping) {
        Ok(reading) => reading,
        Err(error) => return (outcomes, Some(error.to_string())),
    };
    for outcome in reading {
        match outcome {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => return (outcomes, Some(error.to_string())),
        }
    }
    (outcomes, None)
}

/// Gives at most three bytes at once.
struct Pieces<'b>(&'b [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(buf.len()).min(3);
        buf[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}
