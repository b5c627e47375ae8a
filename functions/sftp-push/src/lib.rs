//! `sftp-push` flushes the buffers of target servers of kind `sftp_export`: what waits becomes a file.
//!
//! A message only says that a target has something to be pushed. Under the work lease of the target's push row the
//! oldest rows become a batch (`freeze`: list and bytes are in the bucket before anything is sent), the batch is
//! uploaded under a temporary name and renamed (`carry`), exactly its rows are written as delivered, and the batch is
//! closed with its line of the report (`settle`). Each step may be interrupted anywhere and begun again by the next
//! holder. Nothing is sent before the batch that is open. What fails leaves the rows where they are, at any number of
//! attempts.

mod carry;
mod done_file;
mod error;
mod flush;
mod freeze;
mod limit;
mod place;
mod remote;
mod render;
mod report;
mod settle;
mod together;
mod tried;
mod upload;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use shared::{
    aws::{AwsError, Table, clients, gates::Of, objects::Bucket, sqs_batch::handle_each, vault::Vault},
    config::PushConfig,
    message::PushMessage,
};
use tracing::instrument;

use limit::Limit;

/// What every message needs.
pub struct Context {
    table: Table,
    bucket: Bucket,
    vault: Vault,
    clock: fn() -> Timestamp,
}

impl Context {
    /// Makes the clients.
    #[expect(clippy::disallowed_methods, reason = "the one place where this function takes the clock")]
    pub fn new(sdk: &clients::SdkConfig, config: PushConfig) -> Self {
        Self {
            table: Table::new(clients::dynamodb(sdk), config.table),
            bucket: Bucket::new(clients::s3(sdk), config.bucket),
            vault: Vault::new(clients::kms(sdk)),
            clock: shared::clock::now,
        }
    }
}

/// How long after the function's deadline the work lease is still held.
const LEASE_SLACK: SignedDuration = SignedDuration::from_secs(60);

/// Handles the messages of an event, each by itself.
///
/// # Errors
/// Never: what fails is reported as a failed item of the batch.
pub async fn handle(context: Arc<Context>, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
    let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
    let deadline = Timestamp::from_millisecond(deadline).unwrap_or(Timestamp::MAX);
    Ok(handle_each(event.payload, |message| work(context.clone(), message, deadline)).await)
}

#[instrument(skip_all, fields(account.id, target_server.id, run.id))]
async fn work(context: Arc<Context>, message: PushMessage, deadline: Timestamp) -> Result<(), AwsError> {
    let (account, target_server, tries) = match message {
        PushMessage::Flush { v: _, account, target_server } => (account, target_server, None),
        PushMessage::Try { v: _, account, target_server, id } => (account, target_server, Some(id)),
    };
    let span = tracing::Span::current();
    span.record("account.id", &account).record("target_server.id", &target_server);
    let of = Of { account: &account, target_server: &target_server };
    if let Some(id) = tries {
        return tried::try_server(&context, of, &id).await;
    }
    let limit = Limit::new(context.clock, deadline);
    let lease_until = deadline.saturating_add(LEASE_SLACK).unwrap_or(Timestamp::MAX);
    // What came into a realtime target's buffer meanwhile makes the next file, with a report of its own.
    loop {
        let now = (context.clock)();
        let Some(push) = context.table.take_push(of, now, lease_until).await? else {
            tracing::debug!("nothing to do: nothing is to be pushed, or someone else is at it");
            return Ok(());
        };
        match flush::flush(&context, of, push, &limit).await {
            Ok(true) if limit.has_time() => {}
            Ok(_) => return Ok(()),
            Err(AwsError::LostLease(what)) => {
                tracing::warn!("{what} is someone else's by now; this attempt stops");
                return Ok(());
            }
            // The row is due at the end of its lease.
            Err(error) => return Err(error),
        }
    }
}
