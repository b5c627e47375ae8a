//! What a report has beside the results of its records: the reasons, counted, and the failed records as files to be
//! mended and sent again.
//!
//! Written before the run ends, so that a run that has ended has them. Writing them twice gives the same objects. Where
//! the files cannot be written, the run ends all the same and has a warning: the results of its records are whole.

mod errors;
mod failed_lines;
mod object_writer;

use std::sync::Arc;

use shared::{connection::Connection, keys, reasons::Reasons, record::RecordsPart, run::Run};

use crate::{Context, compiled, error::Stop, limit::Limit, transform::open::Files};
use failed_lines::Cut;

/// The results of a run's records, as far as more is told of them.
pub(crate) struct Told {
    /// Reasons of its records.
    pub(crate) reasons: Reasons,
    /// Its parts.
    pub(crate) parts: Vec<RecordsPart>,
}

/// Writes what there is to tell.
pub(crate) async fn tell(
    context: &Arc<Context>,
    run: &mut Run,
    connection: &Connection,
    told: Told,
    limit: &Limit,
) -> Result<(), Stop> {
    let reasons = told.reasons.finish();
    if !reasons.is_empty() {
        let bytes = serde_json::to_vec(&reasons).map_err(|e| Stop::Broken(format!("the reasons: {e}")))?;
        context.bucket.put(&keys::reasons_object(&run.account, &run.id), bytes).await?;
    }
    let parts: Vec<_> = told.parts.into_iter().filter(|part| part.errors > 0).collect();
    if parts.is_empty() {
        return Ok(());
    }
    match write_failed(context, run, connection, parts, limit).await {
        Ok(()) => Ok(()),
        Err(stop) if is_worth_another_try(&stop) && !limit.was_in_vain(run) => Err(stop),
        Err(stop) => {
            tracing::warn!(error = shared::chain(&stop), "the failed records could not be written as files");
            run.warn(format!(
                "there are no files of the failed records, since {stop}; their results are in the report"
            ));
            Ok(())
        }
    }
}

fn is_worth_another_try(stop: &Stop) -> bool {
    match stop {
        Stop::Failed(_) => false,
        Stop::Hub(error) => error.is_retryable(),
        _ => true,
    }
}

async fn write_failed(
    context: &Arc<Context>,
    run: &Run,
    connection: &Connection,
    parts: Vec<RecordsPart>,
    limit: &Limit,
) -> Result<(), Stop> {
    let Some(pinned) = &run.mapping else { return Ok(()) };
    let cut = Cut {
        files: Files {
            bucket: context.bucket.clone(),
            runtime: tokio::runtime::Handle::current(),
            compression: connection.files().and_then(|files| files.compression),
            limit: *limit,
        },
        mapping: compiled(context, run, connection, pinned).await?,
        run: run.clone(),
    };
    let files = tokio::task::spawn_blocking(move || cut.all(parts)).await.map_err(Stop::task)??;
    let bytes = serde_json::to_vec(&files).map_err(|e| Stop::Broken(format!("the list of files: {e}")))?;
    Ok(context.bucket.put(&keys::failed_files(&run.account, &run.id), bytes).await?)
}
