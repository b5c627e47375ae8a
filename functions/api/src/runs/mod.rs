//! Runs: start, list, show, and what became of their records.

mod cancel;
mod csv;
mod failed_lines;
mod find;
mod records;
mod rerun;
mod start;
mod view;

pub(crate) use cancel::cancel;
pub(crate) use csv::{CsvLink, records_csv};
pub(crate) use failed_lines::{FailedLinesView, failed_lines};
pub(crate) use records::{RecordPage, records};
pub(crate) use rerun::{Rerun, rerun};
pub(crate) use start::{StartRun, accepted, admit, run_id, start};
pub(crate) use view::{RunPageView, RunView, list, show};
