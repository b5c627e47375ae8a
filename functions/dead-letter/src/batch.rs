//! A batch whose message was dropped.

use jiff::Timestamp;
use shared::{
    aws::AwsError,
    delivery::{Batch, BatchName, DeathCause, DeliveryState, WaitingFor},
    message::PullMessage,
};
use tracing::instrument;

use crate::{Context, Decision, LEASE, decide};

/// Wakes the batch later, or gives it up.
#[instrument(skip_all, fields(account.id = account, delivery.id = %name))]
pub(crate) async fn look_after(
    context: &Context,
    account: &str,
    name: &BatchName,
    now: Timestamp,
) -> Result<(), AwsError> {
    let Some(batch) = context.table.batch(account, name).await? else { return Ok(()) };
    // An attempt that is planned, a person's decision, or a flush is not the infrastructure's business.
    let planned = batch.attempt_at.is_some_and(|at| at > now.as_millisecond());
    let is_in_buffer = batch.waiting_for == Some(WaitingFor::Flush);
    if batch.state.is_final() || batch.state == DeliveryState::Unknown || planned || is_in_buffer {
        return Ok(());
    }
    match decide(batch.dead_letters, batch.last_dead_letter_at, now) {
        Decision::Leave => Ok(()),
        Decision::Wake { due, n } => {
            if context.table.count_dead_letter(&name.key(account), batch.dead_letters, due, now).await? {
                tracing::warn!(n, %due, "the batch's message was dropped; it is woken again");
            }
            Ok(())
        }
        Decision::Park => park(context, account, name, now).await,
    }
}

/// Gives a batch back to the file that has it.
async fn leave_to_file(context: &Context, batch: &Batch, now: Timestamp) -> Result<(), AwsError> {
    let until = batch.flush_until.and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(now);
    let due = now.saturating_add(LEASE).unwrap_or(now).max(until);
    match context.table.batch_buffered(batch, until, due).await {
        Err(AwsError::LostLease(_)) => Ok(()),
        kept => kept,
    }
}

/// Gives up a batch that the hub fails to handle. Where a holder is at work, the batch is the holder's.
async fn park(context: &Context, account: &str, name: &BatchName, now: Timestamp) -> Result<(), AwsError> {
    let until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
    let Some(claimed) = context.table.claim_batch(&name.key(account), now, until).await? else {
        return Ok(());
    };
    if context.table.is_in_open_file(&claimed.batch).await? {
        return leave_to_file(context, &claimed.batch, now).await;
    }
    let why = format!(
        "the hub failed to send it, and its message was dropped {} times; the function's log says why",
        claimed.batch.dead_letters + 1
    );
    tracing::error!("the batch is given up");
    // Where an attempt was under way, nobody knows whether it arrived.
    let cause = match claimed.was {
        DeliveryState::Waiting => DeathCause::DeadLetter,
        _ => DeathCause::OutcomeUnknown,
    };
    let hears = context.table.hears(account).await?;
    match context.table.batch_dies(&claimed.batch, cause, &why, (hears, now)).await {
        Err(AwsError::LostLease(_)) => return Ok(()),
        died => died?,
    }
    // What is lost from here on is found when the run is due again.
    if context.table.count_final_batch(account, &name.run).await? {
        context.pulls.send(account, &PullMessage::run(account, &name.run), 0).await?;
    }
    Ok(())
}
