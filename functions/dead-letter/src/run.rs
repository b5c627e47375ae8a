//! A run whose message was dropped.

use jiff::Timestamp;
use shared::{
    aws::AwsError,
    counts::Counts,
    delivery::settle_by_rows,
    keys,
    run::{Failure, Origin, Run, RunStatus, ending},
};
use tracing::instrument;

use crate::{Context, Decision, LEASE, decide};

/// Wakes the run later, or ends it.
#[instrument(skip_all, fields(account.id = account, run.id = id))]
pub(crate) async fn look_after(
    context: &Context,
    account: &str,
    id: &str,
    now: Timestamp,
) -> Result<(), AwsError> {
    let Some(run) = context.table.run(account, id).await?.filter(|r| !r.status.is_final()) else {
        return Ok(());
    };
    match decide(run.dead_letters, run.last_dead_letter_at, now) {
        Decision::Leave => Ok(()),
        Decision::Wake { due, n } => {
            if context.table.count_dead_letter(&keys::run(account, id), run.dead_letters, due, now).await? {
                tracing::warn!(n, %due, "the run's message was dropped; it is woken again");
            }
            Ok(())
        }
        Decision::Park => park(context, &run, now).await,
    }
}

/// Ends a run that nothing gets any further. Where a holder is at work, the run is the holder's; while a batch of it
/// is owed, it waits.
async fn park(context: &Context, run: &Run, now: Timestamp) -> Result<(), AwsError> {
    let batches = match run.status {
        RunStatus::Delivering => context.table.batches(&run.account, &run.id).await?,
        _ => Vec::new(),
    };
    if batches.iter().any(|b| !b.state.is_final()) {
        let (key, later) = (keys::run(&run.account, &run.id), now.saturating_add(crate::WAITS[2]));
        context.table.count_dead_letter(&key, run.dead_letters, later.unwrap_or(Timestamp::MAX), now).await?;
        return Ok(());
    }
    let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
    let seen = run.status;
    let Some(run) = context.table.take_run(&run.account, &run.id, now, until).await? else { return Ok(()) };
    if run.status != seen {
        return context.table.yield_run(&run, now, true).await; // it got further after all
    }
    let message = format!(
        "the hub failed to go on with the run, and its message was dropped {} times; the function's log says why; \
         rerun it, or start a new run if it took no file yet",
        run.dead_letters + 1
    );
    let failure = Failure::new(Origin::Hub, "dead_letter", message, true);
    let (status, counts, failure) = match run.status {
        RunStatus::Delivering => {
            let counts = settle_by_rows(run.counts, &batches);
            let counts = counts.map_err(|e| AwsError::damaged("the run's counts", e))?;
            let (status, failure) = ending(&counts, Some(failure));
            (status, counts, failure)
        }
        // Nothing was sent: what had been mapped is not released.
        _ => (RunStatus::Error, Counts::default(), Some(failure)),
    };
    match context.table.finish_run(&run, status, counts, failure.as_ref(), now).await {
        Err(AwsError::LostLease(_)) => Ok(()),
        ended => ended,
    }
}
