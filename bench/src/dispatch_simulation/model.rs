//! What a claim takes and costs. Every number that is not measured is named here, with where it is from.

use std::fmt;

use dispatch::tick::{AT_ONCE, ROWS_PER_PAGE, TIME_FOR_A_PAGE};
use tests::claim_costs::{
    READ_UNITS_A_PAGE, READ_UNITS_A_SCHEDULE, WRITE_UNITS_A_MISSED_ROW, WRITE_UNITS_A_RUN,
};

use super::queue::Drained;

/// Memory of the function, as the template has it, and the memory that comes with a whole processor.
///
/// Source: AWS Lambda developer guide, "Configure Lambda function memory".
const MEMORY_MB: f64 = 1_769.0;
const MEMORY_MB_A_PROCESSOR: f64 = 1_769.0;

/// Timeout of the function, as the template has it, in seconds.
const TIMEOUT_SECS: f64 = 50.0;

/// Milliseconds of a consistent read and of a transaction of three or four rows, within a region. Assumed: AWS
/// promises "single-digit milliseconds" for the first, and states nothing for the second.
const READ_MS: f64 = 5.0;
const TRANSACTION_MS: f64 = 15.0;

/// Microseconds of processor time of a claim without sockets and TLS, where this run does not measure it. Assumed.
pub(super) const ASSUMED_CPU_US: f64 = 250.0;

/// How much more processor time a claim takes with sockets and TLS than without. Assumed.
const SOCKETS_AND_TLS: f64 = 2.0;

/// Write units a second that a table takes which has been written to like that before: the default quota of an
/// account for one on-demand table. And one that is new.
///
/// Source: Amazon DynamoDB developer guide, "Quotas" and "On-demand capacity mode".
pub(super) const WARM_TABLE_WRITE_UNITS: f64 = 40_000.0;
pub(super) const NEW_TABLE_WRITE_UNITS: f64 = 4_000.0;

/// Prices in dollars, us-east-1, arm64: per million of write units, read units, SQS requests and Lambda requests,
/// and per GB-second.
///
/// Source: AWS price pages, as of 2026.
const USD_A_MILLION_WRITES: f64 = 0.625;
const USD_A_MILLION_READS: f64 = 0.125;
const USD_A_MILLION_MESSAGES: f64 = 0.40;
const USD_A_MILLION_INVOCATIONS: f64 = 0.20;
const USD_A_GB_SECOND: f64 = 0.000_013_333_4;

/// Messages a call.
const MESSAGES_A_CALL: f64 = 10.0;

/// What the simulation reckons with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    /// Measured: processor time of a claim, in microseconds.
    pub cpu_us: f64,
    /// Write units a second that the table takes.
    pub table_write_units: f64,
}

impl Model {
    /// Claims a second of a tick: what calls in flight, the processor and the table allow, whichever is least.
    pub(super) fn claims_a_second(&self) -> f64 {
        let in_flight = AT_ONCE as f64 / ((READ_MS + TRANSACTION_MS) / 1_000.0);
        let processor = MEMORY_MB / MEMORY_MB_A_PROCESSOR * 1e6 / (self.cpu_us * SOCKETS_AND_TLS);
        let table = self.table_write_units / WRITE_UNITS_A_RUN;
        in_flight.min(processor).min(table)
    }

    /// Seconds of a minute in which a tick begins pages.
    pub(super) fn seconds_a_tick(&self) -> f64 {
        TIMEOUT_SECS - TIME_FOR_A_PAGE.as_secs_f64()
    }

    /// What it costs to have drained this.
    pub(super) fn cost(&self, drained: &Drained) -> Cost {
        let (runs, missed) = (drained.runs as f64, drained.missed_rows as f64);
        let pages = runs / f64::from(ROWS_PER_PAGE);
        Cost {
            write_units: runs * WRITE_UNITS_A_RUN + missed * WRITE_UNITS_A_MISSED_ROW,
            read_units: runs * READ_UNITS_A_SCHEDULE + pages * READ_UNITS_A_PAGE,
            message_calls: runs / MESSAGES_A_CALL,
            invocations: drained.ticks as f64,
            gb_seconds: drained.busy_seconds * MEMORY_MB / 1_024.0,
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{AT_ONCE} claims in flight, {READ_MS} ms a read, {TRANSACTION_MS} ms a transaction, {} us of processor a \
             claim, {MEMORY_MB} MB, {} write units a second, {} s of each minute: {:.0} claims a second",
            self.cpu_us * SOCKETS_AND_TLS,
            self.table_write_units,
            self.seconds_a_tick(),
            self.claims_a_second()
        )
    }
}

/// What was consumed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub write_units: f64,
    pub read_units: f64,
    pub message_calls: f64,
    pub invocations: f64,
    pub gb_seconds: f64,
}

impl Cost {
    /// In dollars.
    pub(super) fn usd(&self) -> f64 {
        let millions = self.write_units * USD_A_MILLION_WRITES
            + self.read_units * USD_A_MILLION_READS
            + self.message_calls * USD_A_MILLION_MESSAGES
            + self.invocations * USD_A_MILLION_INVOCATIONS;
        millions / 1e6 + self.gb_seconds * USD_A_GB_SECOND
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} write units, {:.0} read units, {:.0} SQS calls, {:.0} GB-s, {:.2} USD",
            self.write_units,
            self.read_units,
            self.message_calls,
            self.gb_seconds,
            self.usd()
        )
    }
}
