//! What a person decides about a delivery that is dead, or of which nobody knows whether it arrived.

use std::sync::Arc;

use shared::{
    aws::AwsError,
    delivery::{Batch, BatchName, DeliveryState},
    id, keys,
    message::PullMessage,
    problem::Problem,
    run::{RetryOf, Run, Trigger},
};

use super::view::{DeliveryView, find};
use crate::{
    Context, accounts,
    caller::Caller,
    http::{Request, Response, unavailable},
    runs::{self, RunView},
};

/// Sends a delivery again. One that is UNKNOWN goes again under the same id, in its own run. The records of a dead
/// one go in a new run, which compares them with what the target has today: old data never overtakes new.
pub(crate) async fn retry(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (name, batch) = find(&context, &caller, &request).await?;
    let old = context.table.run(&caller.account, &name.run).await.map_err(unavailable)?;
    let old = old.ok_or_else(|| Problem::not_found("run"))?;
    match batch.state {
        DeliveryState::Unknown => {
            let now = (context.clock)();
            if !context.table.batch_resends(&caller.account, &name, now).await.map_err(unavailable)? {
                return Err(moved_on());
            }
            let account = accounts::of_caller(&context, &caller.account).await?;
            Response::json(202, &RunView::new(old, &account, None))
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
                Some(run) => runs::accepted(&context, &caller, run).await,
                None => runs::admit(&context, &caller, retry_run(&context, old, &name, batch)).await,
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
    let (name, batch) = find(&context, &caller, &request).await?;
    if batch.state == DeliveryState::Delivered {
        return Response::json(200, &DeliveryView::from(batch));
    }
    if batch.state != DeliveryState::Unknown {
        return Err(Problem::new(409, "not_unknown", "only a delivery that is UNKNOWN can be confirmed"));
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
