#![no_main]
//! Fixed width, with line ends and without.

use std::sync::LazyLock;

use fuzz::{check, mappings};
use libfuzzer_sys::fuzz_target;
use shared::mapping::Compiled;

static MAPPINGS: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    mappings(&[
        (
            r#"{"format": "fixed_width", "encoding": "utf-8", "columns": [{"name": "a", "start": 1, "width": 2}, {"name": "b", "start": 3, "width": 2}], "skip_rows": 1}"#,
            &["a", "b"],
        ),
        (
            r#"{"format": "fixed_width", "encoding": "utf-8", "columns": [{"name": "a", "start": 1, "width": 2}, {"name": "b", "start": 3, "width": 2}], "record_length": 5}"#,
            &["a", "b"],
        ),
        (
            r#"{"format": "fixed_width", "encoding": "windows-1253", "columns": [{"name": "a", "start": 1, "width": 2}, {"name": "b", "start": 3, "width": 2}], "ragged": "short_is_empty", "fill": " "}"#,
            &["b", "a"],
        ),
        (
            r#"{"format": "fixed_width", "encoding": "utf-16be", "columns": [{"name": "a", "start": 1, "width": 2}, {"name": "b", "start": 3, "width": 2}], "record_length": 4, "ragged": "short_is_empty"}"#,
            &["b"],
        ),
    ])
});

fuzz_target!(|bytes: &[u8]| check(&MAPPINGS, bytes));
