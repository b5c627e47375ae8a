//! Taking a run's records again: all of them, or those that failed.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::{
    problem::Problem,
    run::{Run, TOO_MANY_ERRORS},
};

use super::{
    find::find,
    records::{expired, index, is_complete},
    start::{accepted, admit, new_run},
};
use crate::{
    Context,
    caller::Caller,
    http::{self, Request, Response, unavailable},
};

/// Which records a rerun takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Which {
    /// All that the run took.
    #[default]
    All,
    /// Those that its report has as errors, whatever made them fail.
    Failed,
}

/// What a caller may say about a rerun.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rerun {
    /// Which records it takes; all without it. Each run's failed records are taken again by one run: who wants what is
    /// left of them once more reruns that one.
    #[serde(default)]
    records: Which,
    /// Of a run that was refused with `too_many_deletes`: whether the records that it named are to be deleted all the
    /// same. Holds as long as nothing else has been delivered since.
    #[serde(default)]
    confirm_deletes: bool,
}

/// Takes the files of a run through mapping and delivery again, compared with today's state.
pub(crate) async fn rerun(
    context: Arc<Context>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let body: Rerun = match request.body.is_empty() {
        true => Rerun::default(),
        false => http::parse(&request.body)?,
    };
    let old = find(&context, &caller, &request).await?;
    let conflict = |code, detail: &str| Err(Problem::new(409, code, detail));
    if !old.status.is_final() {
        return conflict("run_active", "the run has not ended yet");
    }
    if old.inputs.is_empty() {
        return conflict("no_inputs", "the run took no file; start a new run instead");
    }
    if old.validate_only {
        return conflict(
            "validate_only",
            "the run only validated, and took no file; start a new run instead",
        );
    }
    let is_refused = old.failure.as_ref().is_some_and(|failure| failure.code == "too_many_deletes");
    if body.confirm_deletes && !is_refused {
        let detail = "the run was not refused for its deletes; rerun it without confirm_deletes";
        return conflict("nothing_to_confirm", detail);
    }
    let mut run = new_run(&context, &caller, &request, &old.connection);
    run.inputs_complete = true;
    run.deletes_confirmed_by = body.confirm_deletes.then(|| caller.key.clone());
    run.left_behind = old.left_behind.clone();
    match body.records {
        Which::All => (run.retry_of, run.failed_of) = (old.retry_of, old.failed_of),
        Which::Failed => {
            if let Some(by) = old.taken_again_by.as_ref().filter(|by| **by != run.id) {
                return taken_again(&context, &caller, &old.id, by).await;
            }
            check_failed(&context, &old).await?;
            run.failed_of = Some(old.id.clone());
        }
    }
    (run.inputs, run.rerun_of) = (old.inputs, Some(old.id));
    admit(&context, &caller, run).await
}

/// The answer where another run takes the failed records: that run, while it is at it.
async fn taken_again(context: &Context, caller: &Caller, old: &str, by: &str) -> Result<Response, Problem> {
    let run = context.table.run(&caller.account, by).await.map_err(unavailable)?;
    match run {
        Some(run) if !run.status.is_final() && run.failed_of.as_deref() == Some(old) => {
            accepted(context, caller, run).await
        }
        _ => {
            let detail = format!("run {by} has taken these records again; rerun what failed of that one");
            Err(Problem::new(409, "taken_again", detail))
        }
    }
}

/// Holds that the report of a run says of every record whether it failed, and that some did.
async fn check_failed(context: &Context, old: &Run) -> Result<(), Problem> {
    let conflict = |code, detail: &str| Err(Problem::new(409, code, detail));
    if old.failure.as_ref().is_some_and(|failure| failure.code == TOO_MANY_ERRORS) {
        return conflict(TOO_MANY_ERRORS, "nothing of the run was sent; rerun all of its records");
    }
    if old.counts.errors() == 0 {
        return conflict(
            "nothing_failed",
            "the run has no failed records; rerun all of them if it failed whole",
        );
    }
    match index(context, old, None).await? {
        Some((stage, _)) if is_complete(old, stage) => Ok(()),
        Some(_) => conflict(
            "report_not_written",
            "the hub could not write the whole report of this run; rerun all of its records",
        ),
        None => Err(expired()),
    }
}
