//! Maps the run's files, compares the records with what the target has, and stages what it owes.
//!
//! The same inputs, mapping version and state give the same batches under the same ids, so a run that died
//! here is mapped again from the beginning and overwrites its own work. Nothing is sent before the release. So all
//! files of a run have to be mapped within one invocation: there is no going on in the middle.
//!
//! A run that only validates stages nothing, and tells what it would send. So does one with too many errors, which
//! shows only in the course of it: its files are mapped a second time, as far as they were read.

mod cursor;
mod deletes;
mod mapper;
pub(crate) mod open;
mod out;
pub(crate) mod store;
mod wanted;

use std::sync::Arc;

use shared::{
    change::State,
    connection::{Ceiling, Connection},
    counts::Counts,
    keys,
    mapping::Compiled,
    message::DeliveryMessage,
    reasons::Reasons,
    record::RecordsPart,
    run::{Failure, Origin, Run, TOO_MANY_ERRORS},
};
use tokio::sync::mpsc;

use crate::{Context, error::Stop, limit::Limit, state_object};
use mapper::{Job, Mapping, Purpose};
use open::Files;
use store::Stored;
use wanted::Only;

/// What a mapped run comes to.
pub(crate) struct Transformed {
    /// Every record read, once.
    pub(crate) counts: Counts,
    /// Files that could not be read as the mapping states, where others could.
    pub(crate) failure: Option<Failure>,
    /// What a person should know beside.
    pub(crate) warning: Option<String>,
    /// Why nothing is released, where too many records are in error.
    pub(crate) too_many: Option<Failure>,
    /// Results of what is settled already.
    pub(crate) parts: Vec<RecordsPart>,
    /// Their reasons.
    pub(crate) reasons: Reasons,
    /// A message for each batch, to be sent after the release.
    pub(crate) batches: Vec<DeliveryMessage>,
}

/// Pieces that wait to be stored while mapping goes on.
const WAITING: usize = 4;

/// What a run that only validates says of each record that it would send.
const VALIDATE_ONLY: Purpose = Purpose::Tell {
    reason: "validate_only",
    detail: "the run only validates; another one sends it",
    until: None,
};

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
    let ceiling = connection.ceiling();
    // What failed once may well fail again; and who only validates wants to see every error.
    let is_bound = !run.takes_a_part() && !run.validate_only;
    let job = Arc::new(Job {
        files: Files {
            bucket: context.bucket.clone(),
            runtime: tokio::runtime::Handle::current(),
            compression: connection.files().and_then(|files| files.compression),
            limit: *limit,
        },
        run: run.clone(),
        compare: connection.compare,
        batch_size: u64::from(connection.target.batch_size),
        mapping,
        deletes: deletes::Inferring::of(context, run, connection).await?,
        cursor: cursor::Boundary::of_run(run, connection, &state),
        memory_mib: context.memory_mib,
        only: Only::of(context, run, connection.compare).await?,
        ceiling: if is_bound { ceiling } else { Ceiling::default() },
    });
    let purpose = if run.validate_only { VALIDATE_ONLY } else { Purpose::Send };
    let (mut mapped, mut stored) = pass(context, run, connection, &job, state, purpose).await?;
    let mut too_many = None;
    if mapped.is_over {
        too_many = Some(why_too_many(ceiling, &mapped.counts));
        let purpose = Purpose::Tell {
            reason: "not_sent",
            detail: "too many other records are in error, so nothing of the run is sent",
            until: Some(mapped.counts.read()),
        };
        let state = match connection.compare {
            true => pinned_state(context, run, connection).await?,
            false => State::default(),
        };
        (mapped, stored) = pass(context, run, connection, &job, state, purpose).await?;
    } else if run.validate_only && ceiling.forbids(&mapped.counts) {
        run.warn(format!("a run that sends would end so: {}", why_too_many(ceiling, &mapped.counts).message));
    }
    for path in mapped.left_out.iter().filter(|_| !run.validate_only) {
        context.table.forget_content(run, path).await?;
    }
    store::index(context, &keys::records_index(&run.account, &run.id, "read"), stored.parts.clone()).await?;
    Ok(Transformed {
        counts: mapped.counts,
        failure: mapped.failure,
        warning: mapped.warning,
        too_many,
        parts: stored.parts,
        reasons: mapped.reasons,
        batches: stored.batches,
    })
}

/// Maps the files once.
async fn pass(
    context: &Arc<Context>,
    run: &Run,
    connection: &Connection,
    job: &Arc<Job>,
    state: State,
    purpose: Purpose,
) -> Result<(Mapping, Stored), Stop> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let job = job.clone();
    let mapping = tokio::task::spawn_blocking(move || job.run(purpose, state, sender));
    let stored = store::store(context, run, connection, receiver).await;
    let mapped = mapping.await.map_err(Stop::task)?;
    // Where storing fails, the mapper finds its channel closed: the first cause is the one to tell.
    let stored = stored?;
    Ok((mapped?, stored))
}

fn why_too_many(ceiling: Ceiling, counts: &Counts) -> Failure {
    let (errors, read) = (counts.errors(), counts.read());
    let message = match ceiling.count.filter(|most| errors > *most) {
        Some(most) => format!(
            "{errors} of the {read} records that were read are in error, more than max_errors, {most}; nothing is sent; \
             have the file mended or the mapping changed, and rerun this"
        ),
        None => format!(
            "{errors} of the {read} records are in error, over max_error_percent, {} %; nothing is sent; have the file \
             mended or the mapping changed, and rerun this",
            ceiling.percent.unwrap_or_default()
        ),
    };
    Failure::new(Origin::Mapping, TOO_MANY_ERRORS, message, false)
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
