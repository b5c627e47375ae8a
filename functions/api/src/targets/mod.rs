//! What people do about a target: see how it does, pause and resume it, take up what it was not sent, try it out.

mod buffer;
mod gate;
mod recover;
mod test_event;
mod try_server;

pub(crate) use buffer::{Buffer, Decide, buffer, decide, flush};
pub(crate) use gate::{Pause, TargetStatus, pause, resume, status};
pub(crate) use recover::{Recover, Recovered, recover};
pub(crate) use test_event::{TestEvent, test_event};
pub(crate) use try_server::{TryServer, TryView, last_try, try_server};

use shared::{aws::gates::Of, problem::Problem, target_server::TargetServer};

use crate::{
    Context,
    caller::Caller,
    http::{Request, unavailable},
};

/// The target server that a request names, in the caller's account; only a webservice has a gate.
async fn find<'a>(context: &Context, caller: &'a Caller, request: &'a Request) -> Result<Of<'a>, Problem> {
    let of = Of { account: &caller.account, target_server: request.param("id") };
    let found =
        context.table.find::<TargetServer>(of.account, of.target_server).await.map_err(unavailable)?;
    match found.map(|f| f.resource.settings.kind) {
        None => Err(Problem::not_found("target server")),
        Some(shared::target_server::TargetServerKind::Webservice) => Ok(of),
        Some(_) => {
            Err(Problem::new(409, "not_a_webservice", "this is for a target server of kind webservice"))
        }
    }
}
