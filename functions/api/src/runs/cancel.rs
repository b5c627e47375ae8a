//! Cancelling a run.

use std::sync::Arc;

use shared::{aws::runs::Cancel, message::PullMessage, problem::Problem};

use super::view::RunView;
use crate::{
    Context, accounts,
    caller::Caller,
    http::{Request, Response, unavailable},
};

/// Cancels a run of the caller's account. One that delivers ends once what is being sent is answered; the answer
/// then shows it as it is now. Cancelling it again changes nothing.
pub(crate) async fn cancel(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let (account, id) = (&caller.account, request.param("id"));
    let found = context.table.run(account, id).await.map_err(unavailable)?;
    if found.is_some_and(|run| run.target_server.is_some()) {
        let why = "a push is not cancelled: what waits stays in the buffer; about a file whose name is taken decide by \
                   POST /v1/target-servers/{id}/open-batch";
        return Err(Problem::new(409, "is_a_push", why));
    }
    let run = match context.table.cancel_run(account, id, (context.clock)()).await.map_err(unavailable)? {
        Cancel::Cancelled(run) => run,
        Cancel::Requested(run) => {
            // If this is lost, `dispatch` finds the run by its row.
            if let Err(error) = context.pulls.send(account, &PullMessage::run(account, id), 0).await {
                tracing::warn!(
                    error = shared::chain(&error),
                    run.id = id,
                    "the run's message was not sent; its row is due"
                );
            }
            run
        }
        Cancel::Ended(_) => {
            return Err(Problem::new(409, "run_ended", "the run has ended; there is nothing to cancel"));
        }
        Cancel::NoRun => return Err(Problem::not_found("run")),
    };
    let shown = accounts::of_caller(&context, account).await?;
    Response::json(202, &RunView::new(run, &shown, None))
}
