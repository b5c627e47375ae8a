//! Runs: start, list, show, and what became of their records.

mod cancel;
mod csv;
mod find;
mod records;
mod start;
mod view;

pub(crate) use cancel::cancel;
pub(crate) use csv::{CsvLink, records_csv};
pub(crate) use records::{RecordPage, records};
pub(crate) use start::{Rerun, StartRun, accepted, admit, rerun, run_id, start};
pub(crate) use view::{RunPageView, RunView, list, show};
