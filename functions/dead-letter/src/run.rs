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
            tracing::warn!(n, %due, "the run's message was dropped; it is woken again");
            context.table.count_dead_letter(&keys::run(account, id), run.dead_letters, due, now).await?;
            Ok(())
        }
        Decision::Park => park(context, account, id, now).await,
    }
}

/// Ends a run that nothing gets any further. Where a holder is at work, the run is the holder's.
async fn park(context: &Context, account: &str, id: &str, now: Timestamp) -> Result<(), AwsError> {
    let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
    let Some(run) = context.table.take_run(account, id, now, until).await? else { return Ok(()) };
    let message = format!(
        "the hub failed to go on with the run, and its message was dropped {} times; the function's log says why; \
         rerun it, or start a new run if it took no file yet",
        run.dead_letters + 1
    );
    let failure = Failure::new(Origin::Hub, "dead_letter", message, true);
    let ended = match run.status {
        RunStatus::Delivering => by_rows(context, &run, failure, now).await,
        // Nothing was sent: what had been mapped is not released.
        _ => {
            let (status, counts) = (RunStatus::Error, Counts::default());
            context.table.finish_run(&run, status, counts, Some(&failure), now).await
        }
    };
    match ended {
        Err(AwsError::LostLease(_)) => Ok(()),
        ended => ended,
    }
}

/// Ends a run in DELIVERING with what the rows of its batches say. While one of them is still owed, it waits.
async fn by_rows(context: &Context, run: &Run, failure: Failure, now: Timestamp) -> Result<(), AwsError> {
    let batches = context.table.batches(&run.account, &run.id).await?;
    if batches.iter().any(|b| !b.state.is_final()) {
        let later = now.saturating_add(crate::WAITS[2]).unwrap_or(Timestamp::MAX);
        return context.table.yield_run(run, later, false).await;
    }
    let counts =
        settle_by_rows(run.counts, &batches).map_err(|e| AwsError::damaged("the run's counts", e))?;
    let (status, failure) = ending(&counts, Some(failure));
    context.table.finish_run(run, status, counts, failure.as_ref(), now).await
}
