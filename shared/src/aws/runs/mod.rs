//! Runs: admission, the work lease with the writes of its holder, and lists.
//!
//! Every write here is conditional, so each may be tried again: a second one changes nothing.

mod admission;
mod held;
mod list;

pub use admission::{Admission, ScheduleMove};
pub use list::{RunCursor, RunList, RunPage};
