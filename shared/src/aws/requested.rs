//! A request for a run, from the deployment's own bus.

use jiff::Timestamp;
use tracing::instrument;

use super::{AwsError, Table, queues::Queue, runs::Admission};
use crate::{
    event::RunRequested,
    id,
    message::PullMessage,
    run::{Run, Trigger},
};

/// Admits a run. The same event twice is one run, since the run's id follows from the event's.
///
/// # Errors
/// When a call fails; the event can be handed over again.
#[instrument(skip_all, fields(account.id = %wanted.account, connection.id = %wanted.connection))]
pub async fn request(
    table: &Table,
    pulls: &Queue<PullMessage>,
    event_id: &str,
    wanted: &RunRequested,
    now: Timestamp,
) -> Result<(), AwsError> {
    let RunRequested { account, connection, scope } = wanted;
    if !id::is_id(account) || !id::is_id(connection) {
        tracing::error!("a RunRequested event names no account or connection; it is dropped");
        return Ok(());
    }
    let run_id = id::derived("run", &[account, connection, "event", event_id]);
    let mut run = Run::queued(run_id, account, connection, Trigger::Manual, now);
    run.scope = scope.clone();
    match table.admit(&run, None).await? {
        Admission::Admitted | Admission::AlreadyClaimed => {
            pulls.send(account, &PullMessage::run(account, &run.id), 0).await?;
        }
        Admission::NoConnection => {
            tracing::error!("a RunRequested event names a connection that this account does not have");
        }
        refused => {
            let skipped = run.skipped(refused.why_skipped(), now);
            table.record_final(&skipped, None).await?;
        }
    }
    Ok(())
}
