//! `dead-letter` looks after what the infrastructure dropped: messages that failed at every receive, and events that
//! a function failed to take.
//!
//! The raw message is kept in the bucket before anything is read from it. What it is about is a row, and the row is
//! the truth: where that is final or somebody works on it, there is nothing to do. Otherwise the row's `due` is put
//! off, further each time, and `dispatch` wakes it again; after a few times it is parked with the cause, as an ERROR
//! run or a DEAD delivery, which a person can take up again through the API. This is the infrastructure's
//! redelivery: it spends no attempt of the customer's schedule.

mod batch;
mod letter;
mod notification;
mod run;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use shared::{
    aws::{
        AwsError, Table, clients, objects::Bucket, queues::Queue, requested, sqs_batch::handle_each_record,
    },
    config::DeadLetterConfig,
    event::Event,
    id::{hash128, hex},
    keys,
    message::{DeliveryMessage, PullMessage, PushMessage},
};
use tracing::instrument;

use letter::Letter;

/// What every message needs.
pub struct Context {
    table: Table,
    bucket: Bucket,
    pulls: Queue<PullMessage>,
    clock: fn() -> Timestamp,
}

impl Context {
    /// Makes the clients.
    #[expect(clippy::disallowed_methods, reason = "the one place where this function takes the clock")]
    pub fn new(sdk: &clients::SdkConfig, config: DeadLetterConfig) -> Self {
        Self {
            table: Table::new(clients::dynamodb(sdk), config.table),
            bucket: Bucket::new(clients::s3(sdk), config.bucket),
            pulls: Queue::new(clients::sqs(sdk), config.pulls_queue_url),
            clock: shared::clock::now,
        }
    }
}

/// Waits before a row is woken again, after each of its dead letters; after one more it is parked.
const WAITS: [SignedDuration; 4] = [
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(5),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(2),
];

/// How long a row is held while it is parked.
const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// Handles the messages of an event, each by itself.
///
/// # Errors
/// Never: what fails is reported as a failed item of the batch.
pub async fn handle(context: Arc<Context>, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
    Ok(handle_each_record(event.payload, |record| letter(context.clone(), record)).await)
}

#[instrument(skip_all, fields(object))]
async fn letter(context: Arc<Context>, record: SqsMessage) -> Result<(), AwsError> {
    let body = record.body.unwrap_or_default();
    let queue =
        record.event_source_arn.as_deref().and_then(|arn| arn.rsplit(':').next()).unwrap_or("unknown");
    let object = keys::dead_letter_object(queue, &hex(&hash128(&[&body])));
    tracing::Span::current().record("object", &object);
    context.bucket.put(&object, body.clone().into_bytes()).await?;
    match look_after(&context, &body).await {
        // It stays so however often it is looked at; the message is kept, and a person has to look at the row.
        Err(error @ AwsError::Damaged { .. }) => {
            tracing::error!(error = shared::chain(&error), "a dead letter's row cannot be handled");
            Ok(())
        }
        done => done,
    }
}

async fn look_after(context: &Context, body: &str) -> Result<(), AwsError> {
    let now = (context.clock)();
    match Letter::read(body) {
        Some(Letter::Pull(PullMessage::Run { account, run, .. })) => {
            run::look_after(context, &account, &run, now).await
        }
        Some(Letter::Delivery(message)) => {
            match message {
                DeliveryMessage::Batch { account, run, first_ordinal, part, .. } => {
                    let name = shared::delivery::BatchName { run, first_ordinal, part };
                    batch::look_after(context, &account, &name, now).await
                }
                // Their rows are due until they have been seen to.
                DeliveryMessage::Route { .. } | DeliveryMessage::Target { .. } => Ok(()),
                DeliveryMessage::Posted(posted) => notification::dropped(context, *posted, now).await,
                DeliveryMessage::Notification { account, notification, connection, .. } => {
                    let name = shared::delivery::NotificationName { notification, connection };
                    notification::look_after(context, &account, &name, now).await
                }
            }
        }
        // A target's push row is due as long as something is to be pushed, at any number of attempts.
        Some(Letter::Push(PushMessage::Flush { account, target_server, .. })) => {
            tracing::warn!(
                account.id = account,
                target_server.id = target_server,
                "a push was dropped; its row is due"
            );
            Ok(())
        }
        // Whoever asked for it has given up waiting.
        Some(Letter::Push(PushMessage::Try { .. })) => Ok(()),
        Some(Letter::Event(Event::RunRequested { id, detail })) => {
            tracing::warn!(account.id = detail.account, "a request for a run is made again");
            requested::request(&context.table, &context.pulls, &id, &detail, now).await
        }
        // The next tick wakes what this one did not.
        Some(Letter::Event(Event::Tick)) => Ok(()),
        None => {
            tracing::error!("a dead letter cannot be read; it is kept in the bucket");
            Ok(())
        }
    }
}

/// What to do about a row's dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// Wake it again then; this is its `n`th dead letter.
    Wake { due: Timestamp, n: u32 },
    /// Nothing: its last dead letter is so fresh that this is another message of the same failure.
    Leave,
    /// It was woken often enough.
    Park,
}

/// Decides about a dead letter of a row that had `before` of them, the last at `last_at`.
fn decide(before: u32, last_at: Option<Timestamp>, now: Timestamp) -> Decision {
    let wait_after = |n: u32| WAITS.get(usize::try_from(n).ok()?.checked_sub(1)?).copied();
    let quiet_until = last_at.zip(wait_after(before)).and_then(|(at, wait)| at.checked_add(wait).ok());
    if quiet_until.is_some_and(|until| now < until) {
        return Decision::Leave;
    }
    match wait_after(before + 1) {
        Some(wait) => {
            Decision::Wake { due: now.saturating_add(wait).unwrap_or(Timestamp::MAX), n: before + 1 }
        }
        None => Decision::Park,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_woken_later_and_later_and_then_parked() {
        let at = |secs| Timestamp::from_second(secs).unwrap();
        assert_eq!(decide(0, None, at(0)), Decision::Wake { due: at(60), n: 1 });
        assert_eq!(decide(1, Some(at(0)), at(59)), Decision::Leave);
        assert_eq!(decide(1, Some(at(0)), at(60)), Decision::Wake { due: at(360), n: 2 });
        assert_eq!(decide(3, Some(at(0)), at(1800)), Decision::Wake { due: at(1800 + 7200), n: 4 });
        assert_eq!(decide(4, Some(at(0)), at(7199)), Decision::Leave);
        assert_eq!(decide(4, Some(at(0)), at(7200)), Decision::Park);
    }
}
