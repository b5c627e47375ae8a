//! `deliver` sends batches of records to the webservices that they are owed to.
//!
//! A message only names a batch; the batch's row says whether it is to be sent now. A claim is a
//! conditional write on the row, so the same message three times sends once. Where the function dies
//! after the target took a batch and before the row says so, the target's policy decides: the batch goes
//! again under the same Idempotency-Key, or waits as UNKNOWN for a person.

mod answer;
mod http;
mod hub_failure;
mod send;
mod wake;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use shared::{
    aws::{AwsError, Table, clients, objects::Bucket, queues::Queue, sqs_batch::handle_each, vault::Vault},
    config::DeliverConfig,
    keys,
    message::{DeliveryMessage, PullMessage},
};
use tracing::instrument;

use hub_failure::HubFailure;

/// What every message needs.
pub struct Context {
    table: Table,
    bucket: Bucket,
    deliveries: Queue<DeliveryMessage>,
    pulls: Queue<PullMessage>,
    vault: Vault,
    http: http::Clients,
    clock: fn() -> Timestamp,
    jitter: fn() -> f64,
}

impl Context {
    /// Makes the clients.
    #[expect(clippy::disallowed_methods, reason = "the one place where this function takes the clock")]
    pub fn new(sdk: &shared::aws::clients::SdkConfig, config: DeliverConfig) -> Self {
        let sqs = clients::sqs(sdk);
        Self {
            table: Table::new(clients::dynamodb(sdk), config.table),
            bucket: Bucket::new(clients::s3(sdk), config.bucket),
            deliveries: Queue::new(sqs.clone(), config.deliveries_queue_url),
            pulls: Queue::new(sqs, config.pulls_queue_url),
            vault: Vault::new(clients::kms(sdk)),
            http: http::Clients::default(),
            clock: Timestamp::now,
            jitter: || getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX)),
        }
    }
}

/// How long after the function's deadline a claim is still held, so that no one takes it while it may be working.
const LEASE_SLACK: SignedDuration = SignedDuration::from_secs(60);

/// Handles the messages of an event, each by itself.
///
/// # Errors
/// Never: what fails is reported as a failed item of the batch.
pub async fn handle(context: Arc<Context>, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
    let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
    let lease_until =
        Timestamp::from_millisecond(deadline).unwrap_or(Timestamp::MAX).saturating_add(LEASE_SLACK);
    let lease_until = lease_until.unwrap_or(Timestamp::MAX);
    Ok(handle_each(event.payload, |message| deliver(context.clone(), message, lease_until)).await)
}

#[instrument(skip_all, fields(account.id, run.id, delivery.id, attempt))]
async fn deliver(
    context: Arc<Context>,
    message: DeliveryMessage,
    lease_until: Timestamp,
) -> Result<(), AwsError> {
    let DeliveryMessage::Batch { v: _, account, run, first_ordinal, part } = message;
    let now = (context.clock)();
    let key = keys::batch(&account, &run, first_ordinal, part);
    let Some(claimed) = context.table.claim_batch(&key, now, lease_until).await? else {
        tracing::debug!(run.id = run, "nothing to do: the batch is final, held, or not due");
        return Ok(());
    };
    let batch = &claimed.batch;
    let span = tracing::Span::current();
    span.record("account.id", &batch.account).record("run.id", &batch.run);
    span.record("delivery.id", &batch.id).record("attempt", batch.attempts);
    let attempted = match send::attempt(&context, &claimed).await {
        Err(HubFailure::BeforeSending(error)) => {
            tracing::error!(error = shared::chain(&error), "the hub could not make the attempt");
            hub_failure::not_made(&context, &claimed, &error).await
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
    if state.is_final() && context.table.count_final_batch(&account, &run).await? {
        context.pulls.send(&account, &PullMessage::run(&account, &run), 0).await?;
    }
    Ok(())
}
