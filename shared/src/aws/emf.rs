//! Prints metrics where Lambda's log takes them up: a line of their own on standard output.
//!
//! Outside Lambda (tests, tools) there is no function's name, and nothing is printed. Printing twice counts
//! twice, so callers print after the write that makes the thing true has gone through.

use std::io::Write;

use jiff::Timestamp;

use crate::{
    config,
    metrics::{self, Metric},
};

/// Prints one line for these metrics, stamped with the time of printing.
#[expect(clippy::disallowed_methods, reason = "a metric's time is when it is printed")]
pub fn print(metrics: &[Metric]) {
    let Some(function) = config::function_name() else { return };
    if let Some(mut line) = metrics::line(&function, Timestamp::now(), metrics) {
        line.push('\n');
        // One write, so that no other line gets in between. A log that cannot be written is nobody's error.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}
