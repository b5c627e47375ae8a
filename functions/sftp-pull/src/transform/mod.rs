//! Maps the run's files, compares the records with what the target has, and stages what it owes.
//!
//! The same inputs, mapping version and state give the same batches under the same ids, so a run that died
//! here is mapped again from the beginning and overwrites its own work. Nothing is sent before the release. So all
//! files of a run have to be mapped within one invocation: there is no going on in the middle.

mod cursor;
mod deletes;
mod mapper;
mod open;
pub(crate) mod store;

use std::{collections::HashSet, sync::Arc};

use shared::{
    aws::AwsError,
    change::State,
    connection::Connection,
    counts::Counts,
    keys,
    mapping::Compiled,
    message::DeliveryMessage,
    run::{Failure, Run},
    wire::{Action, StagedBatch},
};
use tokio::sync::mpsc;

use crate::{Context, error::Stop, limit::Limit, state_object};

/// What a mapped run comes to.
pub(crate) struct Transformed {
    /// Every record read, once.
    pub(crate) counts: Counts,
    /// Files that could not be read as the mapping states, where others could.
    pub(crate) failure: Option<Failure>,
    /// What a person should know beside.
    pub(crate) warning: Option<String>,
    /// A message for each batch, to be sent after the release.
    pub(crate) batches: Vec<DeliveryMessage>,
}

/// Pieces that wait to be stored while mapping goes on.
const WAITING: usize = 4;

/// Maps every input and stores what comes of it.
pub(crate) async fn transform(
    context: &Arc<Context>,
    run: &mut Run,
    connection: &Connection,
    mapping: Arc<Compiled>,
    limit: &Limit,
) -> Result<Transformed, Stop> {
    let state =
        if connection.compare { pinned_state(context, run, connection).await? } else { State::default() };
    let run = &*run;
    let (sender, receiver) = mpsc::channel(WAITING);
    let job = mapper::Job {
        bucket: context.bucket.clone(),
        runtime: tokio::runtime::Handle::current(),
        run: run.clone(),
        compression: connection.files().and_then(|files| files.compression),
        compare: connection.compare,
        batch_size: u64::from(connection.target.batch_size),
        mapping,
        deletes: deletes::Inferring::of(context, run, connection).await?,
        cursor: cursor::Boundary::of_run(run, connection, &state),
        state,
        memory_mib: context.memory_mib,
        only: only(context, run).await?,
        limit: *limit,
    };
    let mapping = tokio::task::spawn_blocking(move || job.run(sender));
    let stored = store::store(context, run, connection, receiver).await;
    let mapped = mapping.await.map_err(Stop::task)?;
    // Where storing fails, the mapper finds its channel closed: the first cause is the one to tell.
    let stored = stored?;
    let mapped = mapped?;
    for path in &mapped.left_out {
        context.table.forget_content(run, path).await?;
    }
    store::index(context, &keys::records_index(&run.account, &run.id, "read"), stored.parts).await?;
    Ok(Transformed {
        counts: mapped.counts,
        failure: mapped.failure,
        warning: mapped.warning,
        batches: stored.batches,
    })
}

/// For a run that takes a dead batch again: where the batch's records are.
async fn only(context: &Context, run: &Run) -> Result<Option<HashSet<mapper::Place>>, Stop> {
    let Some(batch) = &run.retry_of else { return Ok(None) };
    let object = context.bucket.get(&batch.object).await?;
    let object = object.ok_or_else(|| {
        Stop::settings("batch_gone", "the dead batch is no longer in the bucket; rerun its run instead")
    })?;
    let staged: StagedBatch =
        serde_json::from_slice(&object.bytes).map_err(|e| AwsError::damaged(&batch.object, e))?;
    if staged.records.iter().all(|record| record.action == Action::Delete) {
        let why = "the batch's records are deletes, which follow from what is missing now; the connection's next \
                   complete read sends those that still are";
        return Err(Stop::settings("deletes_not_retried", why));
    }
    Ok(Some(staged.records.into_iter().map(|r| (r.file, r.taken_at, r.place.unwrap_or(r.line))).collect()))
}

/// Reads the state that the run pinned when it started. Where somebody has replaced it since, the run compares with what
/// is there now, and pins that: nothing was released yet.
async fn pinned_state(context: &Context, run: &mut Run, connection: &Connection) -> Result<State, Stop> {
    let key = keys::state_object(&run.account, &run.connection, &connection.target.target_server);
    let (state, etag) = state_object::read(context, &key).await?;
    if run.state_etag.as_deref().unwrap_or_default() != etag {
        tracing::warn!("the state was replaced while the run was reading; it goes on with the new one");
        context.table.pin_state(run, etag).await?;
    }
    Ok(state)
}
