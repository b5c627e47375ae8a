//! When the hub itself fails: an attempt that was not made costs the customer's schedule nothing.

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::{
        AwsError,
        batches::{Claimed, NotMade},
    },
    delivery::{DeathCause, DeliveryState, hub_wait_secs},
};

use super::send::{die, until};
use crate::Context;

/// A failure of the hub itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HubFailure {
    /// Nothing was sent: the attempt was not made.
    #[error(transparent)]
    BeforeSending(AwsError),
    /// The batch was sent, and what came of it could not be written down.
    #[error(transparent)]
    AfterSending(#[from] AwsError),
}

/// Gives a batch back whose attempt was not made, to be woken by `dispatch`; or gives it up where its time is over,
/// or where what is stored of it cannot be read. Answers the state that it ends in.
pub(crate) async fn not_made(
    context: &Context,
    claimed: &Claimed,
    error: &AwsError,
) -> Result<DeliveryState, HubFailure> {
    let batch = &claimed.batch;
    // What may be in a file is not given up.
    let may_be_in_a_file = batch.in_file.is_some();
    if !error.is_retryable() && !may_be_in_a_file {
        let why = format!("the hub cannot send it: {error}");
        return die(context, batch, cause(claimed, DeathCause::DeadLetter), &why).await;
    }
    let (now, until) = ((context.clock)(), until(context, batch).await?);
    if now >= until && !may_be_in_a_file {
        let why = "the hub itself could not send it in time; the function's log says why";
        return die(context, batch, cause(claimed, DeathCause::Expired), why).await;
    }
    let wait = SignedDuration::from_secs(hub_wait_secs(batch.hub_failures + 1));
    let due = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
    let due = if may_be_in_a_file { due } else { due.min(until) };
    let why = "the hub itself could not send it; the function's log says why";
    context.table.batch_returns(claimed, due, NotMade::HubFailed(why)).await?;
    Ok(claimed.was)
}

/// What a batch dies of: where an earlier attempt may have arrived, of that.
pub(crate) fn cause(claimed: &Claimed, otherwise: DeathCause) -> DeathCause {
    match claimed.was {
        DeliveryState::Waiting => otherwise,
        _ => DeathCause::OutcomeUnknown,
    }
}
