#![no_main]
//! JSON, with records at the top and deeper.

use std::sync::LazyLock;

use fuzz::{check, mappings};
use libfuzzer_sys::fuzz_target;
use shared::mapping::Compiled;

static MAPPINGS: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    mappings(&[
        (r#"{"format": "json"}"#, &["a", "/a/b", "/b/0"]),
        (r#"{"format": "json", "records": "/a/1"}"#, &["a"]),
        (r#"{"format": "json"}"#, &["a", "each:b", "each:/c/0"]),
    ])
});

fuzz_target!(|bytes: &[u8]| check(&MAPPINGS, bytes));
