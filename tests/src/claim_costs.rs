//! What `dispatch` pays for a schedule that is due, in calls and capacity units.
//!
//! `tests/tests/dispatch_scale.rs` measures these figures on the local cloud and holds them against what is
//! written here; `make bench AREA=dispatch` reckons with them. The units are those of rows as small as in that
//! test: keys, ids and settings of ordinary length. A row that passes 1 KB costs a unit more in the table and in
//! each index it is in, twice that in a transaction's own table.

/// Calls of `GetItem` and of `TransactWriteItems` for a schedule, one each.
pub const CALLS_A_CLAIM: f64 = 2.0;

/// Write units of the transaction that makes a due time a run: run, connection and schedule, with indexes.
pub const WRITE_UNITS_A_RUN: f64 = 11.0;

/// Write units that a MISSED row adds to it.
pub const WRITE_UNITS_A_MISSED_ROW: f64 = 4.0;

/// Read units of reading a schedule's row, consistently.
pub const READ_UNITS_A_SCHEDULE: f64 = 1.0;

/// Read units of a query for a full page of due rows.
pub const READ_UNITS_A_PAGE: f64 = 2.0;
