//! `deliver` sends batches of records, and notifications, to the webservices that they are owed to; what is owed to a
//! target of files it puts into that target's buffer.
//!
//! A message names a delivery, and its row says whether it is to be sent now; a notification that was just posted
//! comes as a message alone, and its first claim makes the row. A claim is a conditional write, so the same message
//! three times sends once. Where the function dies after the target took a delivery and before the row says so, the
//! target's policy decides: it goes again under the same Idempotency-Key, or waits as UNKNOWN for a person.

mod batch;
mod buffer;
mod content;
mod gate;
mod hears;
mod http;
mod mappings;
mod notification;
mod oauth;
mod request;
mod route;
mod tally;
mod targets;
mod wake;

use std::sync::{Arc, Mutex};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use shared::{
    aws::{AwsError, Table, clients, objects::Bucket, queues::Queue, sqs_batch::handle_each, vault::Vault},
    config::DeliverConfig,
    delivery::{BatchName, NotificationName},
    gate::Coming,
    message::{DeliveryMessage, LetOut, PullMessage, PushMessage},
    metrics::Metric,
};

/// What every message needs.
pub struct Context {
    table: Table,
    bucket: Bucket,
    deliveries: Queue<DeliveryMessage>,
    pulls: Queue<PullMessage>,
    pushes: Queue<PushMessage>,
    vault: Vault,
    http: http::Clients,
    turns: content::Turns,
    targets: targets::Targets,
    rates: gate::Rates,
    hears: hears::Hears,
    mappings: mappings::Mappings,
    tally: Mutex<Vec<Metric>>,
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
            pulls: Queue::new(sqs.clone(), config.pulls_queue_url),
            pushes: Queue::new(sqs, config.pushes_queue_url),
            vault: Vault::new(clients::kms(sdk)),
            http: http::Clients::default(),
            turns: content::Turns::default(),
            targets: targets::Targets::default(),
            rates: gate::Rates::default(),
            hears: Mutex::default(),
            mappings: mappings::Mappings::default(),
            tally: Mutex::default(),
            clock: shared::clock::now,
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
    let response = handle_each(event.payload, |message| deliver(context.clone(), message, lease_until)).await;
    tally::print(&context);
    Ok(response)
}

async fn deliver(
    context: Arc<Context>,
    message: DeliveryMessage,
    lease_until: Timestamp,
) -> Result<(), AwsError> {
    match message {
        DeliveryMessage::Batch { v: _, account, run, first_ordinal, part } => {
            let name = BatchName { run, first_ordinal, part };
            batch::deliver(&context, &account, &name, lease_until).await
        }
        DeliveryMessage::Route { v: _, account, notification } => {
            route::route(&context, &account, &notification).await
        }
        DeliveryMessage::Posted(posted) => notification::take(&context, *posted, lease_until).await,
        DeliveryMessage::Target { v: _, account, target_server } => {
            gate::drain(&context, &account, &target_server).await
        }
        DeliveryMessage::Notification { v: _, account, notification, connection, let_out } => {
            let name = NotificationName { notification, connection };
            let coming = match let_out {
                None => Coming::ByItself,
                Some(LetOut::InTurn) => Coming::Released,
                Some(LetOut::Probe(epoch)) => Coming::Probe(epoch),
            };
            notification::go_on(&context, &account, &name, coming, lease_until).await
        }
    }
}
