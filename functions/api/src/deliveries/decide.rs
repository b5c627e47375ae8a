//! What a person decides about a delivery that is dead, or of which nobody knows whether it arrived.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use shared::{
    aws::{AwsError, owed::Owed},
    delivery::{Batch, BatchName, DeliveryName, DeliveryState},
    id, keys,
    message::{DeliveryMessage, PullMessage},
    notification::NotificationDelivery,
    problem::Problem,
    run::{RetryOf, Run, Trigger},
};

use super::{
    remap::remap,
    view::{DeliveryView, find},
};
use crate::{
    Context, accounts,
    caller::Caller,
    http::{Request, Response, unavailable},
    runs::{self, RunView},
};

/// What sending a delivery again comes to.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Retried {
    /// Of a batch: the run that sends its records.
    Run(Box<RunView>),
    /// Of a notification: the delivery.
    Delivery(Box<DeliveryView>),
}

/// Sends a delivery again. A notification, and a batch that is UNKNOWN, go again under the same id. The records of a
/// dead batch go in a new run, which compares them with what the target has today: old data never overtakes new.
pub(crate) async fn retry(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    match find(&context, &caller, &request).await? {
        (DeliveryName::Batch(name), Owed::Batch(batch)) => {
            retry_batch(&context, &caller, &name, *batch).await
        }
        (_, Owed::Notification(row)) => retry_notification(&context, *row).await,
        _ => Err(Problem::not_found("delivery")),
    }
}

async fn retry_notification(context: &Context, mut row: NotificationDelivery) -> Result<Response, Problem> {
    if matches!(row.state, DeliveryState::Sending | DeliveryState::Delivered) {
        return Err(Problem::new(409, "not_dead", "it is delivered, or being sent just now"));
    }
    remap(context, &mut row).await?;
    let now = (context.clock)();
    if !context.table.notification_resends(&row, now).await.map_err(unavailable)? {
        return Err(moved_on());
    }
    let name = row.name();
    // What is lost here is sent by the next tick: the row is due.
    let message = DeliveryMessage::of(&row.account, &DeliveryName::Notification(name.clone()));
    if let Err(error) = context.deliveries.send(&row.account, &message, 0).await {
        tracing::warn!(error = shared::chain(&error), "the notification was not woken; its row is due");
    }
    let again = context.table.notification_delivery(&row.account, &name).await.map_err(unavailable)?;
    Response::json(202, &Retried::Delivery(Box::new(again.unwrap_or(row).into())))
}

async fn retry_batch(
    context: &Context,
    caller: &Caller,
    name: &BatchName,
    batch: Batch,
) -> Result<Response, Problem> {
    let old = context.table.run(&caller.account, &name.run).await.map_err(unavailable)?;
    let old = old.ok_or_else(|| Problem::not_found("run"))?;
    match batch.state {
        DeliveryState::Unknown => {
            let now = (context.clock)();
            if !context.table.batch_resends(&caller.account, name, now).await.map_err(unavailable)? {
                return Err(moved_on());
            }
            let account = accounts::of_caller(context, &caller.account).await?;
            let view = Retried::Run(Box::new(RunView::new(old, &account, None)));
            Response::json(202, &view)
        }
        DeliveryState::Dead if !old.status.is_final() => {
            Err(Problem::new(409, "run_active", "its run has not ended yet; retry once it has"))
        }
        DeliveryState::Dead => {
            let run = match &batch.retried_by {
                // Asked twice: the answer is the same run.
                Some(run) => context.table.run(&caller.account, run).await.map_err(unavailable)?,
                None => None,
            };
            match run {
                Some(run) => runs::accepted(context, caller, run).await,
                None => runs::admit(context, caller, retry_run(context, old, name, batch)).await,
            }
        }
        _ => Err(Problem::new(409, "not_dead", "only a delivery that is DEAD or UNKNOWN can be sent again")),
    }
}

/// The run that takes a dead batch's records again; the same one however often it is asked for, until it has failed.
fn retry_run(context: &Context, old: Run, name: &BatchName, batch: Batch) -> Run {
    let parts = [&old.account, "retry", &name.to_string(), &batch.failed_retries.to_string()];
    let id = id::derived("run", &parts);
    let mut run = Run::queued(id, &old.account, &old.connection, Trigger::Manual, (context.clock)());
    run.inputs = old.inputs;
    run.inputs_complete = true;
    run.retry_of = Some(RetryOf {
        run: old.id.clone(),
        first_ordinal: name.first_ordinal,
        part: name.part,
        owed_by: keys::owed_by(&old.account, &batch.target_server, &batch.id),
        object: batch.object,
    });
    run.rerun_of = Some(old.id);
    run
}

/// Takes a person's word that the target has an UNKNOWN delivery.
pub(crate) async fn confirm(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (name, batch) = match find(&context, &caller, &request).await? {
        (DeliveryName::Batch(name), Owed::Batch(batch)) => (name, *batch),
        (_, Owed::Notification(row)) => return confirm_notification(&context, *row).await,
        _ => return Err(Problem::not_found("delivery")),
    };
    if batch.state == DeliveryState::Delivered {
        return Response::json(200, &DeliveryView::from(batch));
    }
    if batch.state != DeliveryState::Unknown {
        return Err(not_unknown());
    }
    let now = (context.clock)();
    if !context.table.batch_confirmed(&caller.account, &name, now).await.map_err(unavailable)? {
        return Err(moved_on());
    }
    // What is lost here is found when the run is due again.
    if let Err(error) = wake_run(&context, &caller.account, &name.run).await {
        tracing::warn!(
            error = shared::chain(&error),
            run.id = name.run,
            "the run was not woken; its row is due"
        );
    }
    let batch = context.table.batch(&caller.account, &name).await.map_err(unavailable)?;
    Response::json(200, &DeliveryView::from(batch.ok_or_else(|| Problem::not_found("delivery"))?))
}

async fn confirm_notification(context: &Context, row: NotificationDelivery) -> Result<Response, Problem> {
    match row.state {
        DeliveryState::Delivered => return Response::json(200, &DeliveryView::from(row)),
        DeliveryState::Unknown => {}
        _ => return Err(not_unknown()),
    }
    if !context.table.notification_confirmed(&row).await.map_err(unavailable)? {
        return Err(moved_on());
    }
    let now = context.table.notification_delivery(&row.account, &row.name()).await.map_err(unavailable)?;
    Response::json(200, &DeliveryView::from(now.unwrap_or(row)))
}

fn not_unknown() -> Problem {
    Problem::new(409, "not_unknown", "only a delivery that is UNKNOWN can be confirmed")
}

/// Counts the batch as final, and has the run closed if it may have been the last.
async fn wake_run(context: &Context, account: &str, run: &str) -> Result<(), AwsError> {
    if context.table.count_final_batch(account, run).await? {
        context.pulls.send(account, &PullMessage::run(account, run), 0).await?;
    }
    Ok(())
}

fn moved_on() -> Problem {
    Problem::new(409, "moved_on", "someone decided before; look at the delivery again")
}
