//! What an invocation counts, printed as one line at its end: a line a notification would cost as much as storing it.

use shared::{aws::emf, metrics::Metric};

use crate::Context;

/// Counts something that has been written down.
pub(crate) fn add(context: &Context, metrics: &[Metric]) {
    context.tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend_from_slice(metrics);
}

/// Prints what was counted since it was last printed.
pub(crate) fn print(context: &Context) {
    let counted =
        std::mem::take(&mut *context.tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    emf::print(&counted);
}
