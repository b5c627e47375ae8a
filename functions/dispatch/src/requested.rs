//! A request for a run, from the deployment's own bus.

use shared::{
    aws::{AwsError, runs::Admission},
    id,
    message::PullMessage,
    run::{Failure, Origin, Run, Trigger},
};
use tracing::instrument;

use crate::{Context, event::RunRequested};

/// Admits a run. The same event twice is one run, since the run's id follows from the event's.
#[instrument(skip_all, fields(account.id = %wanted.account, connection.id = %wanted.connection))]
pub(crate) async fn request(
    context: &Context,
    event_id: &str,
    wanted: &RunRequested,
) -> Result<(), AwsError> {
    let now = (context.clock)();
    let RunRequested { account, connection, scope } = wanted;
    if !id::is_id(account) || !id::is_id(connection) {
        tracing::error!("a RunRequested event names no account or connection; it is dropped");
        return Ok(());
    }
    let run_id = id::derived("run", &[account, connection, "event", event_id]);
    let mut run = Run::queued(run_id, account, connection, Trigger::Manual, now);
    run.scope = scope.clone();
    match context.table.admit(&run, None).await? {
        Admission::Admitted | Admission::AlreadyClaimed => {
            context.pulls.send(account, &PullMessage::run(account, &run.id), 0).await?;
        }
        Admission::NoConnection => {
            tracing::error!("a RunRequested event names a connection that this account does not have");
        }
        refused => {
            let skipped = run.skipped(why_skipped(&refused), now);
            context.table.record_final(&skipped, None).await?;
        }
    }
    Ok(())
}

/// Says why a run was not admitted.
pub(crate) fn why_skipped(admission: &Admission) -> Failure {
    match admission {
        Admission::Busy { active_run } => Failure::new(
            Origin::Settings,
            "overlap",
            format!("the connection still has run {active_run}; this time was skipped"),
            true,
        ),
        Admission::Disabled => {
            Failure::new(Origin::Settings, "connection_disabled", "the connection is disabled", false)
        }
        _ => Failure::new(Origin::Settings, "no_connection", "the connection has been removed", false),
    }
}
