//! `dispatch` starts what is due and wakes what waits.
//!
//! It is called every minute, and by `RunRequested` events of the deployment's own bus. Ticks may come
//! twice, late, or at once: a due time is claimed in one transaction, and a waking row's `due` is put off
//! by a conditional write before its message is sent. It never looks at what a run does.

mod claim;
mod remind;
pub mod tick;

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent};
use shared::{
    aws::{Table, clients, queues::Queue, requested},
    config::DispatchConfig,
    event::Event,
    message::{DeliveryMessage, PullMessage, PushMessage},
};

/// What every event needs.
pub struct Context {
    table: Table,
    pulls: Queue<PullMessage>,
    deliveries: Queue<DeliveryMessage>,
    pushes: Queue<PushMessage>,
    clock: fn() -> Timestamp,
}

impl Context {
    /// Makes the clients.
    #[expect(clippy::disallowed_methods, reason = "the one place where this function takes the clock")]
    pub fn new(sdk: &clients::SdkConfig, config: DispatchConfig) -> Self {
        let sqs = clients::sqs(sdk);
        Self {
            table: Table::new(clients::dynamodb(sdk), config.table),
            pulls: Queue::new(sqs.clone(), config.pulls_queue_url),
            deliveries: Queue::new(sqs.clone(), config.deliveries_queue_url),
            pushes: Queue::new(sqs, config.pushes_queue_url),
            clock: shared::clock::now,
        }
    }
}

/// Handles a tick or a request for a run.
///
/// # Errors
/// When a call fails: EventBridge then tries again, and so does the next tick.
pub async fn handle(context: &Context, event: LambdaEvent<Event>) -> Result<(), Error> {
    let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
    let deadline = Timestamp::from_millisecond(deadline).unwrap_or(Timestamp::MAX);
    match event.payload {
        Event::Tick => tick::tick(context, deadline).await?,
        Event::RunRequested { id, detail } => {
            let now = (context.clock)();
            requested::request(&context.table, &context.pulls, &id, &detail, now).await?;
        }
    }
    Ok(())
}
