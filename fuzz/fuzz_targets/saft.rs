#![no_main]
//! SAF-T: lines, and a table.

use std::sync::LazyLock;

use fuzz::{check, mappings};
use libfuzzer_sys::fuzz_target;
use shared::mapping::Compiled;

static MAPPINGS: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    mappings(&[
        (
            r#"{"format": "saft", "entity": "transaction_lines"}"#,
            &["RecordID", "JournalID", "TransactionID", "DebitAmount", "AnalysisIDs", "CompanyName"],
        ),
        (r#"{"format": "saft", "entity": "tax_codes"}"#, &["TaxCode", "TaxType", "BaseRates"]),
    ])
});

fuzz_target!(|bytes: &[u8]| check(&MAPPINGS, bytes));
