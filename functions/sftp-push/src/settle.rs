//! Writing down what became of a batch: exactly the rows of its list, then the batch and its line of the report.

use futures::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use shared::{
    aws::{AwsError, emf, gates::Of, pushes::NotSent},
    counts::{Counts, CountsError, Settled},
    delivery::DeathCause,
    export::{ManifestEntry, Push},
    metrics,
    run::{Output, OutputResult, Run},
};

use crate::{Context, error::Stop, freeze::manifest, remote::Remote};

/// Rows that are written at once.
const AT_ONCE: usize = 16;

/// How a batch got through.
pub(crate) struct Through {
    pub(crate) result: OutputResult,
    /// The name that its file has, where it is another than the batch's own.
    pub(crate) name: Option<String>,
    pub(crate) remote: Remote,
}

impl Through {
    pub(crate) fn of(result: OutputResult, remote: &Remote) -> Self {
        Self { result, name: None, remote: remote.clone() }
    }
}

/// Writes the rows, then closes the batch. Doing it again writes what is left.
pub(crate) async fn settle(
    context: &Context,
    of: Of<'_>,
    push: &mut Push,
    run: &mut Run,
    through: Through,
) -> Result<(), Stop> {
    let Some(batch) = push.open_batch.clone() else { return Ok(()) };
    let entries = manifest(context, &batch.manifest).await?;
    let name = through.name.unwrap_or_else(|| batch.name.clone());
    let path = through.remote.path(&name);
    let now = (context.clock)();
    let mut counts = run.counts;
    for entry in &entries {
        count(&mut counts, through.result, entry).map_err(|e| AwsError::damaged("the run's counts", e))?;
    }
    let (run_id, result) = (run.id.clone(), through.result);
    let mut written = stream::iter(entries)
        .map(|entry| write(context, of, entry, &run_id, result, &path, now).boxed())
        .buffer_unordered(AT_ONCE);
    let mut delivered = Vec::new();
    while let Some(latency_ms) = written.next().await {
        delivered.extend(latency_ms?.into_iter().flat_map(metrics::notification_delivered));
    }
    drop(written);
    emf::print(&delivered);
    let output = Output {
        path,
        result,
        records: batch.records,
        size_bytes: batch.size_bytes,
        sha256: batch.sha256,
        number: batch.number,
        batch: batch.id,
        connection: batch.connection,
        object: batch.object,
        manifest: batch.manifest,
        attempts: batch.attempts,
        duration_ms: batch.upload_ms,
        server: through.remote.software().into(),
        cipher: through.remote.cipher().into(),
        ended_at: now,
    };
    let (records, size_bytes) = (output.records, output.size_bytes);
    tracing::info!(records, size_bytes, duration_ms = output.duration_ms, ?result, "a file is through");
    context.table.close_batch(of, push, run, output, counts).await?;
    if result == OutputResult::Written {
        emf::print(&metrics::file_pushed(records, size_bytes));
    }
    Ok(())
}

/// Why a record of a batch that ended so was not sent; `None` where it was.
pub(crate) fn not_sent(
    result: OutputResult,
    entry: &ManifestEntry,
    path: &str,
) -> Option<(DeathCause, String)> {
    match (&entry.unfit, result) {
        (Some(why), _) => Some((DeathCause::Unmappable, why.clone())),
        (None, OutputResult::Written | OutputResult::Nothing) => None,
        (None, OutputResult::Exists) => Some((
            DeathCause::Filtered,
            format!("exists: {path} was on the server, and the policy is ignore"),
        )),
        (None, OutputResult::Discarded) => {
            Some((DeathCause::Cancelled, "a person decided that its file is not sent".into()))
        }
    }
}

fn count(counts: &mut Counts, result: OutputResult, entry: &ManifestEntry) -> Result<(), CountsError> {
    match not_sent(result, entry, "") {
        None => {
            counts.add_owed();
            counts.settle(Settled::Created, 1)
        }
        Some((DeathCause::Filtered, _)) => {
            counts.add_filtered();
            Ok(())
        }
        Some(_) => {
            counts.add_error();
            Ok(())
        }
    }
}

/// Writes one row; how long it had taken, where the target has it since now.
async fn write(
    context: &Context,
    of: Of<'_>,
    entry: ManifestEntry,
    run: &str,
    result: OutputResult,
    path: &str,
    now: Timestamp,
) -> Result<Option<u64>, AwsError> {
    match not_sent(result, &entry, path) {
        Some((cause, why)) => {
            let not_sent = NotSent { cause, why: &why };
            context.table.record_not_pushed(of, &entry, run, not_sent).await.map(|_| None)
        }
        None => {
            let is_new = context.table.record_pushed(of.account, &entry, run, now).await?;
            let age_ms = now.as_millisecond().saturating_sub(entry.accepted_at).max(0);
            Ok(is_new.then_some(age_ms.unsigned_abs()))
        }
    }
}
