//! The settings of formats that come in, other than CSV.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a JSON file has its records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonInput {
    /// A JSON pointer to the object, or the array of objects, for example `/data/items`; without one the
    /// file is that object or array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
}

/// What there is to say of NDJSON: nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NdjsonInput {}

/// How a file is written whose cells are where they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedWidthInput {
    /// For example `utf-8` or `iso-8859-1`; see [`Encoding`](super::Encoding).
    pub encoding: String,
    /// Where the columns are; not all of a record has to be in one, and they may overlap.
    pub columns: Vec<FixedColumn>,
    /// How many lines, or records where there are no lines, come before the first record. Default 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip_rows: u32,
    /// One character that is taken off the end of every cell, as often as it is there; without it
    /// cells are kept as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<String>,
    /// What becomes of a record that ends before its last column does. Default `error`.
    #[serde(default)]
    pub ragged: ShortRecords,
    /// How many characters a record has, in a file without line ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_length: Option<u32>,
}

/// Where a column is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedColumn {
    /// What `from` of a column that goes out calls it.
    pub name: String,
    /// Its first character, from 1: characters are counted, not bytes.
    pub start: u32,
    /// How many characters it has.
    pub width: u32,
}

/// What becomes of a record that ends before its last column does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShortRecords {
    /// It is an error.
    #[default]
    Error,
    /// What is not there is empty; a cell that it ends within is as long as it is.
    ShortIsEmpty,
}

/// Which elements of an XML file are records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct XmlInput {
    /// The path from the root to the elements that are records, for example
    /// `/n:AuditFile/n:MasterFiles/n:GeneralLedgerAccounts/n:Account`.
    pub record: String,
    /// The namespaces of the prefixes that paths use. A name without a prefix is in no namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespaces: BTreeMap<String, String>,
    /// The encoding that files must be in: one that declares another fails. Without it the file's own
    /// declaration, or its byte order mark, says the encoding, and is UTF-8 where there is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
}

/// Which records of a SAF-T Financial file are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaftInput {
    /// What a record is.
    pub entity: SaftEntity,
}

/// What a record of a SAF-T Financial file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaftEntity {
    /// An account of the general ledger.
    Accounts,
    /// A customer.
    Customers,
    /// A supplier.
    Suppliers,
    /// A transaction of a journal.
    Transactions,
    /// A line of a transaction.
    TransactionLines,
    /// A tax code, of the tax table.
    TaxCodes,
    /// A value of a dimension, for example a department or a project, of the table of analysis types.
    Dimensions,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}
