//! Takes files from the server: list, select, settle, stage, and note in the ledger.
//!
//! From the ledger's row on, the file is whole in the bucket and an input of the run, in one transaction:
//! everything later can be done again from there, and no file is skipped because a run died.

mod gone;
mod post_action;
mod remote;
mod select;
mod stage;

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::SignedDuration;
use shared::{
    aws::ledger::{LastContent, LedgerEntry, PostActionState},
    connection::{FilesSide, PostAction, SameContent},
    keys,
    run::{Input, Origin, Run, RunStatus},
    sftp::RemoteFile,
};

use crate::{Context, error::Stop, limit::Limit};
use remote::Remote;
use select::fingerprint;

/// Most files of one run: their list is part of the run's row, which has 400 KB.
const MOST_FILES: usize = 250;

/// Takes every file that is due, one after another, and marks the run's inputs complete.
pub(crate) async fn take_files(
    context: &Arc<Context>,
    run: &mut Run,
    source: &FilesSide,
    limit: &Limit,
) -> Result<(), Stop> {
    let taken = match take_due(context, run, source, limit).await {
        Err(Stop::OutOfTime(what)) => Err(limit.decide(run, Origin::Source, &what)),
        taken => taken,
    };
    match taken {
        // The server fails while some files are taken already: those go on their way now, since the
        // ledger knows them. The report says what failed, and the next run takes the rest.
        Err(Stop::Failed(failure)) if !run.inputs.is_empty() => run.failure = Some(failure),
        taken => taken?,
    }
    Ok(context.table.complete_inputs(run).await?)
}

async fn take_due(
    context: &Arc<Context>,
    run: &mut Run,
    source: &FilesSide,
    limit: &Limit,
) -> Result<(), Stop> {
    let remote = Remote::connect(context, run, source, limit).await?;
    let selected = select::select(context, run, source, &remote).await?;
    for (file, entry) in &selected.taken_before {
        post_action::finish(context, run, source, &remote, file, entry).await?;
    }
    gone::note(context, run, source, &remote).await?;
    let settled = settle(run, source, &remote, selected.new, limit).await?;
    if settled.is_empty() && run.inputs.is_empty() {
        run.warn(format!("no new file matches {} in {}", source.files, remote.folder));
    }
    let room = MOST_FILES.saturating_sub(run.inputs.len());
    if settled.len() > room {
        run.warn(format!("{} more files wait; the next run takes them", settled.len() - room));
    }
    for file in settled.into_iter().take(room) {
        if !limit.has_time_for_a_file() {
            return Err(Stop::OutOfTime(format!("taking {}", file.path)));
        }
        take_file(context, run, source, &remote, &file).await?;
    }
    Ok(())
}

/// Looks again after the settle time, and leaves what changed meanwhile for the next run.
async fn settle(
    run: &mut Run,
    source: &FilesSide,
    remote: &Remote,
    files: Vec<RemoteFile>,
    limit: &Limit,
) -> Result<Vec<RemoteFile>, Stop> {
    let secs = source.settle_secs;
    if files.is_empty() || secs == 0 || source.done_suffix.is_some() {
        return Ok(files);
    }
    if !limit.has(SignedDuration::from_secs(secs.into())) {
        return Err(Stop::OutOfTime(format!("waiting {secs} s for the files to settle")));
    }
    tokio::time::sleep(Duration::from_secs(secs.into())).await;
    let now: HashSet<RemoteFile> = remote.list().await?.files.into_iter().collect();
    let (still, changed): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| now.contains(file));
    for file in changed {
        run.warn(format!("{} is still being written; the next run takes it", file.path));
    }
    Ok(still)
}

async fn take_file(
    context: &Arc<Context>,
    run: &mut Run,
    source: &FilesSide,
    remote: &Remote,
    file: &RemoteFile,
) -> Result<(), Stop> {
    let fingerprint = fingerprint(file);
    let object = keys::staged_object(&run.account, &run.connection, &fingerprint, &run.id);
    let started = (context.clock)();
    let Some(sha256) = stage::stage(context, remote, file, &object).await? else {
        run.warn(format!("{} changed while it was read; the next run takes it", file.path));
        return Ok(());
    };
    let same = match context.table.last_content(&run.account, &run.connection).await? {
        Some(last) if last.sha256 == sha256 && went_through(context, run, source, &last).await? => Some(last),
        _ => None,
    };
    let input = Input {
        path: file.path.clone(),
        size_bytes: file.size_bytes,
        mtime: file.mtime,
        sha256: sha256.clone(),
        object: object.clone(),
        taken_at: (context.clock)(),
        same_content_as: same.map(|last| last.path),
    };
    let entry = LedgerEntry {
        fingerprint,
        run: run.id.clone(),
        path: file.path.clone(),
        size_bytes: file.size_bytes,
        mtime: file.mtime,
        sha256,
        object,
        post_action: match source.post_action {
            PostAction::Keep => PostActionState::Done,
            PostAction::Move | PostAction::Delete => PostActionState::Pending,
        },
    };
    context.table.take_file(run, &input, &entry).await?;
    run.inputs.push(input);
    let duration_ms = (context.clock)().duration_since(started).as_millis();
    tracing::info!(size_bytes = file.size_bytes, duration_ms, "a file is whole in the bucket");
    post_action::finish(context, run, source, remote, file, &entry).await
}

/// Says whether bytes that were taken before need not be mapped again. Where the run that took them failed,
/// they do, or what it could not deliver would be lost; without comparison that holds only where nothing
/// of them arrived, or what did would be doubled.
async fn went_through(
    context: &Context,
    run: &Run,
    source: &FilesSide,
    last: &LastContent,
) -> Result<bool, Stop> {
    if source.same_content == SameContent::Map {
        return Ok(false);
    }
    if last.run == run.id {
        return Ok(true);
    }
    let status = context.table.run(&run.account, &last.run).await?.map(|r| r.status);
    Ok(match status {
        Some(RunStatus::Complete) => true,
        Some(RunStatus::Partial) => !run.settings.as_ref().is_some_and(|c| c.compare),
        _ => false,
    })
}
