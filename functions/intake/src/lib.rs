//! `intake` takes notifications that clients post: it verifies, finds who wants them, and hands them to the queue
//! `deliveries` before it answers.
//!
//! What it acknowledges is in the queue, or, where no connection wants it, in the table. On the plain path it writes
//! no row: the first claim of `deliver` makes one, under a key that follows from account, source, event id and
//! connection, so that a repeat does nothing twice. It sends nothing to targets and maps nothing.

mod accept;
mod address;
mod batch;
mod fan_out;
mod rate;
mod refusal;
mod sources;
mod upload;

use std::sync::Arc;

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use shared::{
    aws::{Table, clients, emf, objects::Bucket, queues::Queue, vault::Vault},
    config::IntakeConfig,
    http_api::{HttpEvent, Request, Response, problem},
    message::DeliveryMessage,
    metrics,
};

/// What every request needs.
pub struct Context {
    table: Table,
    bucket: Bucket,
    deliveries: Queue<DeliveryMessage>,
    sources: sources::Sources,
    rates: rate::Rates,
    clock: fn() -> Timestamp,
}

impl Context {
    /// Makes the clients.
    #[expect(clippy::disallowed_methods, reason = "the one place where this function takes the clock")]
    pub fn new(sdk: &clients::SdkConfig, config: IntakeConfig) -> Self {
        let table = Table::new(clients::dynamodb(sdk), config.table);
        Self {
            sources: sources::Sources::new(table.clone(), Vault::new(clients::kms(sdk))),
            rates: rate::Rates::default(),
            table,
            bucket: Bucket::new(clients::s3(sdk), config.bucket),
            deliveries: Queue::new(clients::sqs(sdk), config.deliveries_queue_url),
            clock: shared::clock::now,
        }
    }
}

/// Handles a request.
///
/// # Errors
/// When the event is no request.
pub async fn handle(context: Arc<Context>, event: LambdaEvent<HttpEvent>) -> Result<Response, Error> {
    let request = Request::try_from(event.payload)?;
    Ok(match Box::pin(serve(&context, &request)).await {
        Ok(response) => response,
        Err(refusal) => {
            emf::print(&metrics::refused(refusal.reason()));
            let retry_after = refusal.retry_after_secs();
            let refused = problem(&refusal.into_problem());
            match retry_after {
                Some(secs) => refused.header("retry-after", secs.to_string()),
                None => refused,
            }
        }
    })
}

async fn serve(context: &Context, request: &Request) -> Result<Response, refusal::Refusal> {
    let address = address::parse(request)?;
    match address.form {
        address::Form::One => accept::accept(context, &address, request).await,
        address::Form::Batch => batch::accept(context, &address, request).await,
        address::Form::Upload => upload::begin(context, &address, request).await,
        address::Form::Uploaded => upload::accept(context, &address, request).await,
    }
}
