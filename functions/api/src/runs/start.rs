//! Starting a run by hand.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    aws::runs::Admission,
    id,
    message::{PullMessage, PushMessage},
    problem::Problem,
    run::{Run, Trigger},
};

use super::view::RunView;
use crate::{
    Context, accounts,
    caller::Caller,
    http::{self, Request, Response, unavailable},
    uploads,
};

/// What a caller may say about the run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartRun {
    /// What part of the source is wanted. Recorded with the run; not yet acted on.
    #[serde(default)]
    scope: Option<String>,
    /// Whether it only reads and maps, and reports what it would send: nothing is sent, no file counts as taken, none is
    /// moved or removed, and the next run does all of it as if this one had not been.
    #[serde(default)]
    validate_only: bool,
    /// The upload whose file it takes; without it, files are taken from the connection's server. Each upload is taken by
    /// one run, beside those that only validate.
    #[serde(default)]
    upload: Option<String>,
}

/// Starts a run of a connection. It takes the same admission as a scheduled one, and moves no schedule.
pub(crate) async fn start(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let body: StartRun = match request.body.is_empty() {
        true => StartRun::default(),
        false => http::parse(&request.body)?,
    };
    let connection = request.param("id");
    let mut run = new_run(&context, &caller, &request, connection);
    run.scope = body.scope;
    run.validate_only = body.validate_only;
    run.upload = body.upload;
    if let Some(upload) = &run.upload {
        uploads::check(&context, &run, upload).await?;
    }
    admit(&context, &caller, run).await
}

pub(crate) fn run_id(context: &Context, caller: &Caller, request: &Request, of: &str) -> String {
    match request.header("idempotency-key") {
        Some(key) => id::derived("run", &[&caller.account, of, &request.path, "key", key]),
        None => context.new_id("run"),
    }
}

pub(super) fn new_run(context: &Context, caller: &Caller, request: &Request, connection: &str) -> Run {
    let id = run_id(context, caller, request, connection);
    Run::queued(id, &caller.account, connection, Trigger::Manual, (context.clock)())
}

/// Admits a run and sends the message that starts it.
pub(crate) async fn admit(context: &Context, caller: &Caller, run: Run) -> Result<Response, Problem> {
    let conflict = |code, detail: String| Err(Problem::new(409, code, detail));
    let run = match context.table.admit(&run, None).await.map_err(unavailable)? {
        Admission::Admitted => run,
        Admission::AlreadyClaimed => {
            let found = context.table.run(&caller.account, &run.id).await.map_err(unavailable)?;
            let found = found.ok_or_else(|| Problem::not_found("run"))?;
            let what = |run: &Run| {
                (
                    run.scope.clone(),
                    run.upload.clone(),
                    run.validate_only,
                    run.rerun_of.clone(),
                    run.failed_of.clone(),
                    run.deletes_confirmed_by.is_some(),
                )
            };
            if what(&found) != what(&run) {
                let detail = "another request was made with this Idempotency-Key";
                return conflict("idempotency_conflict", detail.into());
            }
            found
        }
        Admission::Busy { active_run } => {
            return conflict("run_active", format!("run {active_run} has not ended yet; wait until it has"));
        }
        Admission::Disabled => {
            return conflict(
                "connection_disabled",
                "the connection is disabled; set its status to active".into(),
            );
        }
        Admission::NoConnection => return Err(Problem::not_found("connection")),
        Admission::TakenAgain => {
            return conflict(
                "taken_again",
                "another run takes these records again; look at the run again".into(),
            );
        }
        Admission::NotDead => {
            return conflict("moved_on", "the delivery is no longer dead; look at it again".into());
        }
    };
    // If this is lost, `dispatch` finds the run by its row, or by its target's.
    let account = &caller.account;
    let sent = match &run.target_server {
        Some(target) => context.pushes.send(account, &PushMessage::flush(account, target), 0).await,
        None => context.pulls.send(account, &PullMessage::run(account, &run.id), 0).await,
    };
    if let Err(error) = sent {
        tracing::warn!(
            error = shared::chain(&error),
            run.id,
            "the run's message was not sent; its row is due"
        );
    }
    accepted(context, caller, run).await
}

/// The answer to who asked for a run.
pub(crate) async fn accepted(context: &Context, caller: &Caller, run: Run) -> Result<Response, Problem> {
    let account = accounts::of_caller(context, &caller.account).await?;
    let location = format!("/v1/runs/{}", run.id);
    Ok(Response::json(202, &RunView::new(run, &account, None))?.header("location", location))
}
