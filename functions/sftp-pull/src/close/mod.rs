//! Closes a run once every batch is final: answers into counts, report and state, then the run's end.
//!
//! What decides is a consistent look at the batch rows; the message that leads here is a hint. Closing
//! twice writes the same objects again, and the second end of the run fails on its condition.

mod fold;
mod results;
mod settled;
mod state;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::AwsError,
    counts::Counts,
    delivery::{Batch, DeliveryState, WaitingFor, settle_by_rows},
    message::DeliveryMessage,
    run::{Failure, Origin, Run, ending},
};

use crate::{Context, error::Stop};

/// Bounds between which a run that waits for its target is looked at again.
const LOOK_AGAIN: (SignedDuration, SignedDuration) =
    (SignedDuration::from_mins(1), SignedDuration::from_mins(15));

/// Closes the run, or sees to it that what keeps it open goes on.
pub(crate) async fn close(context: &Arc<Context>, run: &mut Run) -> Result<(), Stop> {
    let batches = context.table.batches(&run.account, &run.id).await?;
    if batches.iter().any(|b| !b.state.is_final()) {
        return wait(context, run, &batches).await;
    }
    let settings = run.settings.clone().ok_or_else(|| damaged("the run", "it has no settings"))?;
    let mut state = state::StateUpdate::open(context, run, settings).await?;
    let counts = fold::fold(context, run, batches, &mut state).await?;
    let failure = state.write(context, run).await?;
    let failure = failure.or_else(|| run.failure.clone()).or_else(|| nothing_arrived(&counts));
    let (status, failure) = ending(&counts, failure);
    let now = (context.clock)();
    context.table.finish_run(run, status, counts, failure.as_ref(), now).await?;
    tracing::info!(
        ?status,
        read = counts.read(),
        written = counts.written(),
        errors = counts.errors(),
        "closed"
    );
    Ok(())
}

/// The failure of a run whose target took no record, although some were sent.
fn nothing_arrived(counts: &Counts) -> Option<Failure> {
    let message = "the target took no record; the record results say why; rerun this once it takes them";
    (counts.errors() == counts.read())
        .then(|| Failure::new(Origin::Target, "every_record_failed", message, true))
}

/// Ends a run whose report could not be written, time after time: with what the rows of its batches say.
/// The state does not move, so the next run sends these records again.
pub(crate) async fn give_up(context: &Arc<Context>, run: &mut Run) -> Result<(), Stop> {
    let batches = context.table.batches(&run.account, &run.id).await?;
    if batches.iter().any(|b| !b.state.is_final()) {
        return wait(context, run, &batches).await;
    }
    let counts = settle_by_rows(run.counts, &batches).map_err(|e| damaged("the run's counts", e))?;
    let message = "the target has answered for every record, but the report and the state could not be written; \
                   the function's log says why, and the next run sends these records again";
    let failure = Failure::new(Origin::Hub, "report_not_written", message, true);
    let (status, failure) = ending(&counts, Some(failure));
    let now = (context.clock)();
    Ok(context.table.finish_run(run, status, counts, failure.as_ref(), now).await?)
}

/// Sends batches again that no message reached after the release, and looks again later.
async fn wait(context: &Context, run: &Run, batches: &[Batch]) -> Result<(), Stop> {
    let unsent: Vec<_> = batches
        .iter()
        .filter(|b| b.state == DeliveryState::Waiting && b.waiting_for == Some(WaitingFor::Release))
        .map(|b| DeliveryMessage::batch(&b.account, &b.run, b.first_ordinal, b.part))
        .collect();
    // While batches become final, the queue is at work: sending all again would only make it longer.
    if run.batches_final == run.batches_final_seen {
        context.deliveries.send_all(&run.account, &unsent).await?;
    }
    let now = (context.clock)();
    let at = |wait| now.saturating_add(wait).unwrap_or(Timestamp::MAX);
    let next = batches.iter().filter_map(|b| Timestamp::from_millisecond(b.due?).ok()).min();
    let again = next.unwrap_or(now).clamp(at(LOOK_AGAIN.0), at(LOOK_AGAIN.1));
    Ok(context.table.yield_run(run, again, true).await?)
}

fn damaged(what: impl Into<String>, detail: impl std::fmt::Display) -> Stop {
    Stop::Hub(AwsError::damaged(what, detail))
}
