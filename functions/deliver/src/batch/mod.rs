//! One batch of a run: claimed, sent or put into its target's buffer, and what came of it written down.

mod answer;
mod hub_failure;
mod send;

use jiff::Timestamp;
use shared::{
    aws::AwsError,
    delivery::{Batch, BatchName, DeliveryName},
    message::{DeliveryMessage, PullMessage},
};
use tracing::instrument;

use crate::Context;
use hub_failure::HubFailure;

/// Sends the message that wakes a batch at `due`, where that is soon.
async fn wake(context: &Context, batch: &Batch, due: Timestamp) -> Result<(), AwsError> {
    let message = DeliveryMessage::of(&batch.account, &DeliveryName::Batch(BatchName::of(batch)));
    crate::wake::wake(context, &message, batch.attempts, due).await
}

/// Makes an attempt with a batch, unless it is final, held, or not due.
#[instrument(skip_all, fields(account.id, run.id, delivery.id, attempt))]
pub(crate) async fn deliver(
    context: &Context,
    account: &str,
    name: &BatchName,
    lease_until: Timestamp,
) -> Result<(), AwsError> {
    let now = (context.clock)();
    let Some(claimed) = context.table.claim_batch(&name.key(account), now, lease_until).await? else {
        tracing::debug!(run.id = name.run, "nothing to do: the batch is final, held, or not due");
        return Ok(());
    };
    let batch = &claimed.batch;
    let span = tracing::Span::current();
    span.record("account.id", &batch.account).record("run.id", &batch.run);
    span.record("delivery.id", &batch.id).record("attempt", batch.attempts);
    let attempted = match send::attempt(context, &claimed).await {
        Err(HubFailure::BeforeSending(error)) => {
            tracing::error!(error = shared::chain(&error), "the hub could not make the attempt");
            hub_failure::not_made(context, &claimed, &error).await
        }
        attempted => attempted,
    };
    let state = match attempted {
        Ok(state) => state,
        Err(
            HubFailure::BeforeSending(AwsError::LostLease(what))
            | HubFailure::AfterSending(AwsError::LostLease(what)),
        ) => {
            tracing::warn!("{what} is someone else's by now; this attempt stops");
            return Ok(());
        }
        // The row is due at the end of its lease, and the attempt counts.
        Err(HubFailure::BeforeSending(error) | HubFailure::AfterSending(error)) => return Err(error),
    };
    if state.is_final() && context.table.count_final_batch(account, &name.run).await? {
        context.pulls.send(account, &PullMessage::run(account, &name.run), 0).await?;
    }
    Ok(())
}
