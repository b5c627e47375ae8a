#![no_main]
//! CSV without a header, in three encodings.

use std::sync::LazyLock;

use fuzz::{check, mappings};
use libfuzzer_sys::fuzz_target;
use shared::mapping::Compiled;

static MAPPINGS: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    mappings(&[
        (r#"{"format": "csv", "encoding": "utf-8", "delimiter": ";", "header": false}"#, &["1"]),
        (r#"{"format": "csv", "encoding": "utf-16le", "delimiter": ",", "header": false}"#, &["1"]),
        (
            r#"{"format": "csv", "encoding": "windows-1253", "delimiter": "\t", "quote": null, "header": false}"#,
            &["1"],
        ),
    ])
});

fuzz_target!(|bytes: &[u8]| check(&MAPPINGS, bytes));
