//! Closes a run once every batch is final: answers into counts, report and state, then the run's end.
//!
//! What decides is a consistent look at the batch rows; the message that leads here is a hint. Closing
//! twice writes the same objects again, and the second end of the run fails on its condition.

mod fold;
mod results;
mod settled;
mod state;

use std::sync::Arc;

use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{AwsError, runs::CancelledBy},
    counts::Counts,
    delivery::{Batch, DeathCause, DeliveryState, WaitingFor, settle_by_rows, why_cancelled},
    message::DeliveryMessage,
    run::{Failure, Origin, Run, RunStatus, ending},
};

use crate::{Context, error::Stop, limit::Limit, report, send_all};

/// Bounds between which a run that waits for its target is looked at again.
const LOOK_AGAIN: (SignedDuration, SignedDuration) =
    (SignedDuration::from_mins(1), SignedDuration::from_mins(15));

/// So often the state is read again in one invocation that somebody else replaces meanwhile.
const MOST_RACES: u32 = 5;

/// Batches of a cancelled run that are ended at once.
const CANCELLED_AT_ONCE: usize = 8;

/// Closes the run, or sees to it that what keeps it open goes on.
pub(crate) async fn close(context: &Arc<Context>, run: &mut Run, limit: &Limit) -> Result<(), Stop> {
    let batches = released(context, run, limit).await?;
    if batches.iter().any(|b| !b.state.is_final()) {
        return wait(context, run, &batches, limit).await;
    }
    let was_cancelled = was_cancelled(run, &batches);
    let settings = run.settings.clone().ok_or_else(|| damaged("the run", "it has no settings"))?;
    let mut races = 0;
    let folded = loop {
        let mut state = state::StateUpdate::open(context, run, &settings).await?;
        let folded = match fold::fold(context, run, batches.clone(), &mut state, limit).await {
            Err(Stop::OutOfTime(_)) if limit.was_in_vain(run) => return give_up(context, run, limit).await,
            folded => folded?,
        };
        if state.write(context, run).await? {
            break folded;
        }
        races += 1;
        tracing::warn!(
            races,
            "somebody else replaced the state meanwhile; what the target said goes into theirs"
        );
        if races == MOST_RACES {
            return Err(Stop::Broken(
                "the state was replaced again and again while the run was closed".into(),
            ));
        }
    };
    let counts = folded.counts;
    let told = report::Told { reasons: folded.reasons, parts: folded.parts };
    report::tell(context, run, &settings, told, limit).await?;
    let failure = run.failure.clone();
    let (status, failure) = match was_cancelled {
        true => (RunStatus::Cancelled, failure),
        false => ending(&counts, failure.or_else(|| nothing_arrived(&counts))),
    };
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
    (counts.errors() == counts.reported())
        .then(|| Failure::new(Origin::Target, "every_record_failed", message, true))
}

/// Ends a run whose report could not be written, time after time: with what the rows of its batches say.
/// The state does not move, so the next run sends these records again.
pub(crate) async fn give_up(context: &Arc<Context>, run: &mut Run, limit: &Limit) -> Result<(), Stop> {
    let batches = released(context, run, limit).await?;
    if batches.iter().any(|b| !b.state.is_final()) {
        return wait(context, run, &batches, limit).await;
    }
    let counts = settle_by_rows(run.counts, &batches).map_err(|e| damaged("the run's counts", e))?;
    let message = "the target has answered for every record, but the report and the state could not be written; \
                   the function's log says why, and the next run sends these records again";
    let failure = Failure::new(Origin::Hub, "report_not_written", message, true);
    let (status, failure) = match was_cancelled(run, &batches) {
        true => (RunStatus::Cancelled, Some(failure)),
        false => ending(&counts, Some(failure)),
    };
    let now = (context.clock)();
    Ok(context.table.finish_run(run, status, counts, failure.as_ref(), now).await?)
}

/// The run's batches: those that its last holder staged. What an earlier one staged otherwise, with another version
/// of this function, was never released. Of a cancelled run, what no one is sending, and no file has, is dead.
async fn released(context: &Context, run: &Run, limit: &Limit) -> Result<Vec<Batch>, Stop> {
    // A run that was released before rows told by whom has 0.
    let is_own = |b: &Batch| run.released_by == 0 || b.staged_by == run.released_by;
    let own = |batches: Vec<Batch>| batches.into_iter().filter(is_own).collect();
    let batches: Vec<Batch> = own(context.table.batches(&run.account, &run.id).await?);
    let left: Vec<_> = batches.iter().filter(|b| !b.state.is_final()).cloned().collect();
    if !run.cancel_requested || left.is_empty() {
        return Ok(batches);
    }
    let now = (context.clock)();
    let mut dying = stream::iter(left)
        .map(|batch| async move {
            if limit.is_over() {
                return Ok::<_, AwsError>(false);
            }
            if context.table.is_in_open_file(&batch).await? {
                return Ok(false); // that file says what becomes of it
            }
            let why = why_cancelled(batch.last_error.as_deref());
            context.table.batch_cancelled(&batch, CancelledBy::Close, &why, now).await
        })
        .buffer_unordered(CANCELLED_AT_ONCE);
    let mut dead = 0;
    while let Some(died) = dying.next().await {
        dead += u64::from(died?);
    }
    // So that whoever settles a batch that is being sent knows that it is the last.
    context.table.count_final_batches(&run.account, &run.id, dead).await?;
    Ok(own(context.table.batches(&run.account, &run.id).await?))
}

/// A batch of a file that a person discarded ends so too, and does not make the run one that was cancelled.
fn was_cancelled(run: &Run, batches: &[Batch]) -> bool {
    run.cancel_requested && batches.iter().any(|b| b.died_of == Some(DeathCause::Cancelled))
}

/// Sends batches again that no message reached after the release, and looks again later.
async fn wait(context: &Context, run: &Run, batches: &[Batch], limit: &Limit) -> Result<(), Stop> {
    let unsent: Vec<_> = batches
        .iter()
        .filter(|b| b.state == DeliveryState::Waiting && b.waiting_for == Some(WaitingFor::Release))
        .map(|b| DeliveryMessage::batch(&b.account, &b.run, b.first_ordinal, b.part))
        .collect();
    // While batches become final, the queue is at work: sending all again would only make it longer.
    if run.batches_final == run.batches_final_seen {
        send_all(context, &run.account, &unsent, limit).await?;
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
