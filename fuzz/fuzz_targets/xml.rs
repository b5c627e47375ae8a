#![no_main]
//! XML, with records at the root and deeper, and every kind of path.

use std::sync::LazyLock;

use fuzz::{check, mappings};
use libfuzzer_sys::fuzz_target;
use shared::mapping::Compiled;

static MAPPINGS: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    mappings(&[
        (
            r#"{"format": "xml", "record": "/f/r", "namespaces": {"n": "u"}}"#,
            &["@a", "a", "a[1]", ".", "a/n:b[join:;]", "../a", "/f/@a", "@n:c"],
        ),
        (r#"{"format": "xml", "record": "/f"}"#, &["r[2]/a", "."]),
        (r#"{"format": "xml", "record": "/f/r"}"#, &["@a", "each:b", "each:a/b"]),
    ])
});

fuzz_target!(|bytes: &[u8]| check(&MAPPINGS, bytes));
