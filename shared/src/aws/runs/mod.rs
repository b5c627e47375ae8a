//! Runs: admission, the work lease with the writes of its holder, cancelling, and lists.
//!
//! Every write here is conditional, so each may be tried again: a second one changes nothing.

mod admission;
mod cancel;
mod held;
mod list;
mod taken_again;

pub use admission::{Admission, ScheduleMove};
pub use cancel::{Cancel, CancelledBy};
pub use list::{RunCursor, RunList, RunPage};
