//! `sftp-pull` takes a run from its files to its report.
//!
//! A message only says that a run has work. Under the run's work lease it takes files from the server
//! into the bucket (`take`), maps and compares them (`transform`), stages batches and releases them,
//! and, once the target has answered for all, folds the answers into the report (`close`). Each step
//! may be interrupted anywhere and begun again by the next holder: what it writes has the same ids, and
//! every write is conditional on the lease's epoch. Sending is `deliver`'s.

mod close;
mod error;
mod limit;
mod report;
mod state_object;
mod take;
mod transform;

use std::sync::Arc;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::{Error, LambdaEvent};
use shared::{
    aws::{AwsError, Table, clients, objects::Bucket, queues::Queue, sqs_batch::handle_each, vault::Vault},
    config::PullConfig,
    connection::Connection,
    counts::Counts,
    delivery, keys,
    mapping::{Compiled, Mapping},
    message::{DeliveryMessage, PullMessage},
    run::{Failure, Origin, PinnedMapping, Run, RunStatus, ending},
    schedule::Schedule,
    target_server::{TargetServer, TargetServerKind},
};
use tracing::instrument;

use error::Stop;
use limit::Limit;

/// What every message needs.
pub struct Context {
    table: Table,
    bucket: Bucket,
    deliveries: Queue<DeliveryMessage>,
    vault: Vault,
    /// Memory that the function has.
    memory_mib: u64,
    clock: fn() -> Timestamp,
}

impl Context {
    /// Makes the clients.
    #[expect(clippy::disallowed_methods, reason = "the one place where this function takes the clock")]
    pub fn new(sdk: &clients::SdkConfig, config: PullConfig) -> Self {
        Self {
            table: Table::new(clients::dynamodb(sdk), config.table),
            bucket: Bucket::new(clients::s3(sdk), config.bucket),
            deliveries: Queue::new(clients::sqs(sdk), config.deliveries_queue_url),
            vault: Vault::new(clients::kms(sdk)),
            memory_mib: config.memory_mib,
            clock: shared::clock::now,
        }
    }
}

/// How long after the function's deadline the work lease is still held.
const LEASE_SLACK: SignedDuration = SignedDuration::from_secs(60);

/// After this many holders that did not get it through, a run is given up.
const MOST_HOLDERS: u64 = 6;

/// How soon a run is looked at again for which no connection to its server was free.
const BUSY_AFTER: SignedDuration = SignedDuration::from_secs(20);

/// How soon a run is looked at again that the hub itself could not go on with.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(20);

/// How soon a report is tried again whose stored parts are damaged.
const DAMAGED_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// Handles the messages of an event, each by itself.
///
/// # Errors
/// Never: what fails is reported as a failed item of the batch.
pub async fn handle(context: Arc<Context>, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
    let deadline = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
    let deadline = Timestamp::from_millisecond(deadline).unwrap_or(Timestamp::MAX);
    Ok(handle_each(event.payload, |message| work(context.clone(), message, deadline)).await)
}

#[instrument(skip_all, fields(account.id, run.id, connection.id))]
async fn work(context: Arc<Context>, message: PullMessage, deadline: Timestamp) -> Result<(), AwsError> {
    let PullMessage::Run { v: _, account, run } = message;
    let now = (context.clock)();
    let lease_until = deadline.saturating_add(LEASE_SLACK).unwrap_or(Timestamp::MAX);
    let Some(mut run) = context.table.take_run(&account, &run, now, lease_until).await? else {
        tracing::debug!(run.id = run, "nothing to do: the run is final, or someone else works on it");
        return Ok(());
    };
    let span = tracing::Span::current();
    span.record("account.id", &run.account)
        .record("run.id", &run.id)
        .record("connection.id", &run.connection);
    let limit = Limit::new(context.clock, deadline, &run);
    let too_many = run.epoch - run.progress_epoch > MOST_HOLDERS;
    let worked = match run.status {
        RunStatus::Delivering if too_many => close::give_up(&context, &mut run, &limit).await,
        RunStatus::Delivering => close::close(&context, &mut run, &limit).await,
        _ if too_many => Err(Stop::Failed(Failure::new(
            Origin::Hub,
            "gave_up",
            format!("{MOST_HOLDERS} attempts ended without a result; the function's log says how"),
            true,
        ))),
        _ => pull(&context, &mut run, &limit).await,
    };
    match worked {
        Ok(()) => Ok(()),
        Err(Stop::Failed(failure)) => fail(&context, &run, &failure).await,
        Err(Stop::Again | Stop::OutOfTime(_)) => {
            tracing::info!("the invocation's time is over; the next holder goes on");
            context.table.yield_run(&run, (context.clock)(), limit.has_progress(&run)).await
        }
        Err(Stop::Busy(why)) if run.has_waited_long((context.clock)()) => {
            fail(&context, &run, &Failure::new(Origin::Settings, "no_connection_free", why, true)).await
        }
        Err(Stop::Busy(why)) => {
            tracing::info!(why, "the run waits for others");
            let again = (context.clock)().saturating_add(BUSY_AFTER).unwrap_or(Timestamp::MAX);
            context.table.yield_run(&run, again, true).await
        }
        Err(Stop::Hub(AwsError::LostLease(what))) => {
            tracing::warn!("{what} is someone else's by now; this attempt stops");
            Ok(())
        }
        // Stored data that cannot be read does not mend itself. Before the release nothing is sent yet, so
        // the run can end; after it the report is owed, and a person has to restore what is damaged.
        Err(Stop::Hub(error)) if !error.is_retryable() && run.status != RunStatus::Delivering => {
            fail(&context, &run, &Failure::new(Origin::Hub, "damaged", error.to_string(), false)).await
        }
        Err(Stop::Hub(error)) => {
            let wait = if error.is_retryable() { RETRY_AFTER } else { DAMAGED_AFTER };
            try_again(&context, &run, shared::chain(&error), wait).await
        }
        Err(Stop::Broken(why)) => try_again(&context, &run, why, RETRY_AFTER).await,
    }
}

/// Gives the lease back. The row would be due at the lease's end in any case; this is only sooner.
async fn try_again(context: &Context, run: &Run, why: String, wait: SignedDuration) -> Result<(), AwsError> {
    tracing::error!(error = why, "the hub could not go on with the run");
    let again = (context.clock)().saturating_add(wait).unwrap_or(Timestamp::MAX);
    context.table.yield_run(run, again, false).await
}

async fn fail(context: &Context, run: &Run, failure: &Failure) -> Result<(), AwsError> {
    tracing::warn!(code = failure.code, retryable = failure.retryable, "the run failed");
    let now = (context.clock)();
    // Nothing was sent: what had been mapped is not released.
    context.table.finish_run(run, RunStatus::Error, Counts::default(), Some(failure), now).await
}

async fn pull(context: &Arc<Context>, run: &mut Run, limit: &Limit) -> Result<(), Stop> {
    let (connection, mapping) = pin(context, run).await?;
    if connection.compare && !mapping.has_key() {
        let why =
            "the connection compares records, but its mapping has no key; set a key, or compare to false";
        return Err(Stop::settings("compare_needs_key", why));
    }
    if !run.inputs_complete {
        let files = connection.files();
        let files = files.ok_or_else(|| Stop::settings("no_files", "the connection takes notifications"))?;
        match run.upload.clone() {
            Some(upload) => take::take_upload(context, run, &upload, limit).await?,
            None => take::take_files(context, run, files, limit).await?,
        }
    }
    let transformed = match transform::transform(context, run, &connection, mapping, limit).await {
        Err(Stop::OutOfTime(what)) => return Err(limit.decide(run, Origin::Mapping, &what)),
        transformed => transformed?,
    };
    let counts = transformed.counts;
    run.failure = run.failure.take().or(transformed.failure);
    transformed.warning.into_iter().for_each(|warning| run.warn(warning));
    tracing::info!(read = counts.read(), owed = counts.owed(), batches = transformed.batches.len(), "mapped");
    if transformed.too_many.is_some() || transformed.batches.is_empty() {
        let told = report::Told { reasons: transformed.reasons, parts: transformed.parts };
        report::tell(context, run, &connection, told, limit).await?;
        let (status, failure) = match transformed.too_many {
            Some(failure) => (RunStatus::Error, Some(failure)),
            None => ending(&counts, run.failure.clone()),
        };
        let now = (context.clock)();
        context.table.finish_run(run, status, counts, failure.as_ref(), now).await?;
        return Ok(());
    }
    let due = (context.clock)().saturating_add(SignedDuration::from_mins(1)).unwrap_or(Timestamp::MAX);
    let total = transformed.batches.len() as u64;
    let until = deliver_until(context, run, &connection).await?;
    context.table.release_run(run, total, counts, until, due).await?;
    // From here the rows are the truth: what is not sent now is sent when the run is due again.
    if let Err(error) = send_all(context, &run.account, &transformed.batches, limit).await {
        tracing::warn!(
            error = shared::chain(&error),
            "not every batch's message was sent; the run is due again"
        );
    }
    Ok(())
}

/// Messages that are sent between two looks at the time.
const AT_A_TIME: usize = 500;

/// Sends batches' messages while there is time; those that are left out are sent when the run is due again.
async fn send_all(
    context: &Context,
    account: &str,
    batches: &[DeliveryMessage],
    limit: &Limit,
) -> Result<(), AwsError> {
    for some in batches.chunks(AT_A_TIME) {
        if limit.is_over() {
            tracing::warn!("the time is over before every message was sent; the run is due again");
            break;
        }
        context.deliveries.send_all(account, some).await?;
    }
    Ok(())
}

/// Until when the run's batches are tried. The buffer of a target of files is flushed by a schedule of its own: without a
/// time that is stated, they wait for that as long as their payloads are sure to be there, and the connection's times
/// meanwhile are skipped.
async fn deliver_until(
    context: &Context,
    run: &Run,
    connection: &Connection,
) -> Result<Option<Timestamp>, Stop> {
    let now = (context.clock)();
    let schedule = match &run.schedule {
        Some(id) if !is_flushed_later(context, run, connection).await? => {
            context.table.find::<Schedule>(&run.account, id).await?
        }
        _ => None,
    };
    let upcoming = schedule.map_or_else(Vec::new, |s| s.resource.settings.upcoming(&s.resource.id, now, 2));
    Ok(delivery::deliver_until(connection.target.deliver_for_secs, &upcoming, now))
}

async fn is_flushed_later(context: &Context, run: &Run, connection: &Connection) -> Result<bool, AwsError> {
    let target = context.table.find::<TargetServer>(&run.account, &connection.target.target_server).await?;
    let export = target.and_then(|found| match found.resource.settings.kind {
        TargetServerKind::SftpExport => found.resource.settings.export,
        _ => None,
    });
    Ok(export.is_some_and(|export| !export.realtime))
}

/// Pins settings, mapping version and state on the first attempt; later ones read what is pinned.
async fn pin(context: &Context, run: &mut Run) -> Result<(Connection, Arc<Compiled>), Stop> {
    let (connection, pinned) = match (&run.settings, &run.mapping) {
        (Some(connection), Some(pinned)) => (connection.clone(), pinned.clone()),
        _ => {
            let found = context.table.find::<Connection>(&run.account, &run.connection).await?;
            let found =
                found.ok_or_else(|| Stop::settings("no_connection", "the connection has been removed"))?;
            let connection = found.resource.settings;
            let mapping = connection.mapping.as_deref().unwrap_or_default();
            let found = context.table.find::<Mapping>(&run.account, mapping).await?;
            let found = found.ok_or_else(|| Stop::settings("no_mapping", "the mapping has been removed"))?;
            let pinned = PinnedMapping { id: found.resource.id, version: found.resource.version };
            let key = keys::state_object(&run.account, &run.connection, &connection.target.target_server);
            let etag = context.bucket.open(&key).await?.map(|(_, etag)| etag).unwrap_or_default();
            adopt_content(context, run, connection.compare).await?;
            context.table.start_run(run, connection.clone(), pinned.clone(), etag).await?;
            (connection, pinned)
        }
    };
    let compiled = compiled(context, run, &connection, &pinned).await?;
    Ok((connection, compiled))
}

/// Where a rerun answers for the content that its connection took last, notes so. One that takes some records only does
/// not, or the others would be given up with them; unless nothing is compared and none of them had arrived: then what
/// it sends must not be sent again with the same bytes.
async fn adopt_content(context: &Context, run: &Run, compare: bool) -> Result<(), AwsError> {
    let Some(first) = &run.rerun_of else { return Ok(()) };
    if run.takes_a_part() {
        let earlier = context.table.run(&run.account, first).await?;
        if compare || earlier.is_none_or(|run| run.status != RunStatus::Error) {
            return Ok(());
        }
    }
    context.table.adopt_content(run, first).await
}

/// The version of the mapping that the run uses.
async fn compiled(
    context: &Context,
    run: &Run,
    connection: &Connection,
    pinned: &PinnedMapping,
) -> Result<Arc<Compiled>, Stop> {
    let version = context.table.find_version::<Mapping>(&run.account, &pinned.id, pinned.version).await?;
    let version =
        version.ok_or_else(|| Stop::settings("no_mapping", "the mapping's version has been removed"))?;
    if let Some(cursor) = &connection.cursor
        && !cursor.is_column_of(&version.settings)
    {
        let why = "the mapping has no column of type timestamp or date that is called as the connection's cursor says";
        return Err(Stop::settings("cursor_column", why));
    }
    let compiled = version.settings.compile().map_err(|errors| {
        let text = shared::problem::Problem::invalid(errors).detail;
        Stop::settings("mapping_unusable", &text)
    })?;
    Ok(Arc::new(compiled))
}
