//! The Norwegian Tax Administration's lists of codes, as they publish them. Where `shared/data` is not
//! beside the repository, small files of the same form stand in for them, and the test says so.

use std::path::Path;

use serde_json::{Value, json};

use super::{compile, report, settled};
use crate::mapping::{Mapped, Outcome, records};

/// Reads a file of `shared/data`; false with the stand-in.
pub(super) fn data(name: &str, stand_in: Vec<u8>) -> (Vec<u8>, bool) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
    match std::fs::read(&path) {
        Ok(bytes) => (bytes, true),
        Err(error) => {
            eprintln!("{} is not there ({error}): a stand-in is used", path.display());
            (stand_in, false)
        }
    }
}

fn mapping(encoding: &str, delimiter: &str, name_column: &str) -> Value {
    json!({
        "name": "grouping codes",
        "input": {"format": "csv", "encoding": encoding, "delimiter": delimiter},
        "columns": [
            {"name": "category", "from": "GroupingCategory", "type": "text", "required": true},
            {"name": "code", "from": "GroupingCode", "type": "text"},
            {"name": "description", "from": name_column, "type": "text", "required": true}
        ],
        "key": ["code"],
        "record_name": "description"
    })
}

/// Maps a file in which every record is good.
fn read_all(bytes: &[u8], mapping: Value) -> Vec<Mapped> {
    let mapping = compile(mapping);
    let outcomes = settled(&mapping, &[bytes], bytes.len() as u64).concat();
    let mapped = outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Record(record) => record,
        other => panic!("{}", report(&[other])),
    });
    let mapped = mapped.collect();
    let mut reading = records(bytes, &mapping).unwrap();
    assert!(reading.by_ref().all(|outcome| outcome.is_ok()));
    assert!(reading.is_complete());
    mapped
}

fn latin_1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

const HEADER: &str = "GroupingCategory;CategoryDescriptionNOB;CategoryDescriptionENG;GroupingCode;CodeDescriptionNOB;CodeDescriptionENG\r\n";

#[test]
fn rf_1167_is_latin_1() {
    let stand_in = format!(
        "{HEADER}RF-1167;Næringsoppgave 2;Income Statement 2;1000;Forskning og utvikling;NA\r\nRF-1167;Næringsoppgave 2;Income Statement 2;9200;Årsresultat/Totalresultat;NA\r\n"
    );
    let (bytes, is_real) = data("RF-1167_Grouping_Category_Code.csv", latin_1(&stand_in));
    let mapped = read_all(&bytes, mapping("iso-8859-1", ";", "CodeDescriptionNOB"));
    assert_eq!(mapped.len(), if is_real { 169 } else { 2 });
    assert_eq!(
        mapped[0].data,
        r#"{"category":"RF-1167","code":"1000","description":"Forskning og utvikling"}"#
    );
    let last = mapped.last().unwrap();
    assert_eq!(last.name.as_deref(), Some("Årsresultat/Totalresultat"));
    assert_eq!((last.line, last.source_id.as_str()), (mapped.len() as u64 + 1, "9200"));
}

#[test]
fn rf_1167_read_as_utf_8_fails_record_by_record() {
    let stand_in = format!(
        "{HEADER}RF-1167;Næringsoppgave 2;Income Statement 2;1000;Forskning og utvikling;NA\r\nRF-1167;Næringsoppgave 2;Income Statement 2;9200;Årsresultat/Totalresultat;NA\r\n"
    );
    let (bytes, is_real) = data("RF-1167_Grouping_Category_Code.csv", latin_1(&stand_in));
    let mapping = compile(mapping("utf-8", ";", "CodeDescriptionNOB"));
    let outcomes: Vec<Outcome> = records(&bytes[..], &mapping).unwrap().map(Result::unwrap).collect();
    let is_bad = |outcome: &&Outcome| {
        report(std::slice::from_ref(outcome)).contains("error invalid_bytes CodeDescriptionNOB")
    };
    let (bad, good): (Vec<_>, Vec<_>) = outcomes.iter().partition(is_bad);
    assert_eq!((bad.len(), good.len()), if is_real { (40, 129) } else { (1, 1) });
    assert!(
        good.iter().all(|outcome| matches!(outcome, Outcome::Record(_))),
        "cells that are ASCII are good"
    );
}

#[test]
fn rf_1323_is_utf_16_with_a_mark() {
    let text = format!("\u{feff}{HEADER}RF-1323;Skattemelding;Tax return;1000;Forskning og utvikling;NA\r\nRF-1323;Skattemelding;Tax return;1320;Lån til foretak i samme konsern;NA\r\n").replace(';', "\t");
    let stand_in = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (bytes, is_real) = data("RF-1323_Grouping_Category_Code.csv", stand_in);
    let mapped = read_all(&bytes, mapping("utf-16le", "\t", "CodeDescriptionNOB"));
    assert_eq!(mapped.len(), if is_real { 187 } else { 2 });
    assert_eq!(mapped[0].source_id, "1000");
    let lent = mapped.iter().find(|record| record.source_id == "1320").unwrap();
    assert_eq!(lent.name.as_deref(), Some("Lån til foretak i samme konsern"));
    let error = records(&bytes[..], &compile(mapping("utf-8", "\t", "CodeDescriptionNOB"))).err().unwrap();
    assert_eq!(error.code(), "wrong_encoding");
}

#[test]
fn ka_is_utf_8_with_a_mark() {
    let stand_in = "\u{feff}GroupingCategory;CategoryDescriptionNOB;GroupingCode;CodeDescriptionNOB\r\nKA;KOSTRA Arts;10;FASTLØNN \r\n";
    let (bytes, is_real) = data("KA_Grouping_Category_Code.csv", stand_in.into());
    let mapped = read_all(&bytes, mapping("utf-8", ";", "CodeDescriptionNOB"));
    assert_eq!(mapped.len(), if is_real { 116 } else { 1 });
    // The mark is not part of the first column's name, and the space at the end is part of the text.
    assert_eq!(mapped[0].data, r#"{"category":"KA","code":"10","description":"FASTLØNN "}"#);
}
