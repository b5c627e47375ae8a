#![no_main]
//! NDJSON.

use std::sync::LazyLock;

use fuzz::{check, mappings};
use libfuzzer_sys::fuzz_target;
use shared::mapping::Compiled;

static MAPPINGS: LazyLock<Vec<Compiled>> =
    LazyLock::new(|| mappings(&[(r#"{"format": "ndjson"}"#, &["a", "/a/b", "/b/0"])]));

fuzz_target!(|bytes: &[u8]| check(&MAPPINGS, bytes));
