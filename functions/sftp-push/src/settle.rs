//! Writing down what became of a batch: exactly the rows of its list, then the batch and its line of the report.

use std::collections::BTreeMap;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use shared::{
    aws::{
        AwsError, emf,
        gates::Of,
        pushes::{NotSent, PushedBatch},
    },
    counts::{Counts, CountsError, Settled},
    delivery::{DeathCause, Outcome},
    export::{BatchEntry, ManifestEntry, NotificationEntry, OpenBatch, Push},
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

/// Writes the rows of the open batch, then closes it. Doing it again writes what is left.
pub(crate) async fn settle(
    context: &Context,
    of: Of<'_>,
    push: &mut Push,
    run: &mut Run,
    through: Through,
) -> Result<(), Stop> {
    settle_all(context, of, push, run, vec![through]).await
}

/// Like [`settle`], for as many of the open batches as are through, the first ones, in their order.
pub(crate) async fn settle_all(
    context: &Context,
    of: Of<'_>,
    push: &mut Push,
    run: &mut Run,
    through: Vec<Through>,
) -> Result<(), Stop> {
    let now = (context.clock)();
    let files: Vec<_> = push.all_open().into_iter().zip(through).collect();
    let keys: Vec<String> = files.iter().map(|(batch, _)| batch.manifest.clone()).collect();
    let lists = stream::iter(keys)
        .map(|key| async move { manifest(context, &key).await }.boxed())
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    let (mut counts, mut rows, mut outputs) = (run.counts, Vec::new(), Vec::new());
    for ((batch, through), entries) in files.into_iter().zip(lists) {
        let result = through.result;
        let output = output(batch, through, now);
        for entry in entries {
            count(&mut counts, result, &entry).map_err(|e| AwsError::damaged("the run's counts", e))?;
            rows.push((entry, result, output.path.clone()));
        }
        outputs.push(output);
    }
    let run_id = run.id.clone();
    let mut written = stream::iter(rows)
        .map(|(entry, result, path)| write(context, of, entry, &run_id, result, path, now).boxed())
        .buffer_unordered(AT_ONCE);
    let (mut delivered, mut settled) = (Vec::new(), BTreeMap::new());
    while let Some(written) = written.next().await {
        match written? {
            Written::Notification(age_ms) => delivered.extend(metrics::notification_delivered(age_ms)),
            Written::Batch(run) => *settled.entry(run).or_insert(0) += 1,
            Written::Before => {}
        }
    }
    drop(written);
    emf::print(&delivered);
    for (pulled, batches) in settled {
        // What is lost here is found when that run is due again.
        if let Err(error) = context.table.count_pushed_batches(of.account, &pulled, batches, now).await {
            tracing::warn!(error = shared::chain(&error), pulled, "the run of a batch was not told");
        }
    }
    let files: Vec<_> = outputs.iter().map(|o| (o.records, o.size_bytes, o.duration_ms, o.result)).collect();
    context.table.close_batches(of, push, run, outputs, counts).await?;
    for (records, size_bytes, duration_ms, result) in files {
        tracing::info!(records, size_bytes, duration_ms, ?result, "a file is through");
        if result == OutputResult::Written {
            emf::print(&metrics::file_pushed(records, size_bytes));
        }
    }
    Ok(())
}

/// The line of the report.
fn output(batch: OpenBatch, through: Through, now: Timestamp) -> Output {
    let name = through.name.unwrap_or(batch.name);
    Output {
        path: through.remote.path(&name),
        result: through.result,
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
    }
}

/// Why a record of a file that ended so was not sent; `None` where it was. `unfit` is why it did not fit, if it did not.
pub(crate) fn not_sent(
    result: OutputResult,
    unfit: Option<&str>,
    path: &str,
) -> Option<(DeathCause, String)> {
    match (unfit, result) {
        (Some(why), _) => Some((DeathCause::Unmappable, why.into())),
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
    let outcome = match entry {
        ManifestEntry::Batch(entry) => entry.outcome(result),
        ManifestEntry::Notification(entry) => match not_sent(result, entry.unfit.as_deref(), "") {
            None => Outcome { created: 1, ..Outcome::default() },
            Some((DeathCause::Filtered, _)) => Outcome { filtered: 1, ..Outcome::default() },
            Some(_) => Outcome { errors: 1, ..Outcome::default() },
        },
    };
    for _ in 0..outcome.records() {
        counts.add_owed();
    }
    counts.settle(Settled::Created, outcome.created)?;
    counts.settle(Settled::Updated, outcome.updated)?;
    counts.settle(Settled::Filtered, outcome.filtered)?;
    counts.settle(Settled::Error, outcome.errors)
}

/// What writing a row came to.
enum Written {
    /// A notification is delivered, after so many milliseconds.
    Notification(u64),
    /// A batch of this run is final.
    Batch(String),
    /// It was written before, or is dead.
    Before,
}

/// Writes one row.
async fn write(
    context: &Context,
    of: Of<'_>,
    entry: ManifestEntry,
    run: &str,
    result: OutputResult,
    path: String,
    now: Timestamp,
) -> Result<Written, AwsError> {
    match entry {
        ManifestEntry::Notification(entry) => {
            notification(context, of, &entry, run, result, &path, now).await
        }
        ManifestEntry::Batch(entry) => batch(context, of, entry, run, result, &path, now).await,
    }
}

async fn notification(
    context: &Context,
    of: Of<'_>,
    entry: &NotificationEntry,
    run: &str,
    result: OutputResult,
    path: &str,
    now: Timestamp,
) -> Result<Written, AwsError> {
    if let Some((cause, why)) = not_sent(result, entry.unfit.as_deref(), path) {
        let not_sent = NotSent { cause, why: &why };
        return context.table.record_not_pushed(of, entry, run, not_sent).await.map(|_| Written::Before);
    }
    let is_new = context.table.record_pushed(of.account, entry, run, now).await?;
    let age_ms = now.as_millisecond().saturating_sub(entry.accepted_at).max(0);
    Ok(if is_new { Written::Notification(age_ms.unsigned_abs()) } else { Written::Before })
}

/// A batch is delivered once its file is through, with its records that did not fit as errors, as if the target had
/// answered so.
async fn batch(
    context: &Context,
    of: Of<'_>,
    entry: BatchEntry,
    run: &str,
    result: OutputResult,
    path: &str,
    now: Timestamp,
) -> Result<Written, AwsError> {
    let pushed = PushedBatch { entry: &entry, outcome: entry.outcome(result), run, path };
    let lost = entry.lost.clone().map(|why| (DeathCause::Undeliverable, why));
    let is_new = match lost.or_else(|| not_sent(result, None, path)) {
        Some((cause, why)) => {
            context.table.batch_not_pushed(of.account, pushed, NotSent { cause, why: &why }).await?
        }
        None => context.table.batch_pushed(of.account, pushed, now).await?,
    };
    Ok(if is_new { Written::Batch(entry.run) } else { Written::Before })
}
