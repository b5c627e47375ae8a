//! Finding a run in the caller's account.

use shared::{problem::Problem, run::Run};

use crate::{
    Context,
    caller::Caller,
    http::{Request, unavailable},
};

/// Reads the run that a request names.
pub(super) async fn find(context: &Context, caller: &Caller, request: &Request) -> Result<Run, Problem> {
    let run = context.table.run(&caller.account, request.param("id")).await.map_err(unavailable)?;
    run.ok_or_else(|| Problem::not_found("run"))
}
