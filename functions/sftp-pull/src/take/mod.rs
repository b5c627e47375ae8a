//! Takes files from the server: list, select, settle, stage, and note in the ledger.
//!
//! From the ledger's row on, the file is whole in the bucket and an input of the run, in one transaction:
//! everything later can be done again from there, and no file is skipped because a run died.

mod gone;
mod post_action;
mod remote;
mod select;
mod small;
mod stage;
mod uploaded;

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::SignedDuration;
use shared::{
    aws::ledger::{LastContent, LedgerEntry, PostActionState},
    connection::{FilesSide, PostAction, SameContent},
    keys,
    run::{Input, Origin, PartialInput, Run, RunStatus, Transfer},
    sftp::RemoteFile,
};

use crate::{Context, error::Stop, limit::Limit};
use remote::Remote;
use select::{Selected, fingerprint};
use stage::Staged;
pub(crate) use uploaded::take_upload;

/// Most files of one run: their list is part of the run's row, which has 400 KB.
const MOST_FILES: usize = 250;

/// Takes every file that is due, one after another, and marks the run's inputs complete.
pub(crate) async fn take_files(
    context: &Arc<Context>,
    run: &mut Run,
    source: &FilesSide,
    limit: &Limit,
) -> Result<(), Stop> {
    let taken = match Remote::connect(context, run, source, limit).await {
        Ok(remote) => {
            let taken = take_due(context, run, source, &remote, limit).await;
            remote.leave(context).await;
            taken
        }
        Err(stop) => Err(stop),
    };
    let taken = match taken {
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
    remote: &Remote,
    limit: &Limit,
) -> Result<(), Stop> {
    let selected = select::select(context, run, source, remote).await?;
    if !run.validate_only {
        for (file, entry) in &selected.taken_before {
            post_action::finish(context, run, source, remote, file, entry).await?;
        }
        gone::note(context, run, source, remote).await?;
    }
    let (listed, left_behind) = (selected.new.clone(), left_behind(run, &selected));
    let settled = settle(run, source, remote, selected.new, limit).await?;
    if settled.is_empty() && run.inputs.is_empty() {
        run.warn(format!("no new file matches {} in {}", source.files, remote.folder));
    }
    let room = MOST_FILES.saturating_sub(run.inputs.len());
    if settled.len() > room {
        run.warn(format!("{} more files wait; the next run takes them", settled.len() - room));
    }
    let files = &settled[..settled.len().min(room)];
    let beside = match files.iter().filter(|file| small::is_large(file)).nth(1) {
        Some(_) => Remote::beside(context, run, source, limit).await,
        None => None,
    };
    let taken = take_each(context, run, source, (remote, beside.as_ref()), files, limit).await;
    if let Some(beside) = beside {
        beside.leave(context).await;
    }
    let is_input = |file: &RemoteFile| run.inputs.iter().any(|input| is_of(input, file));
    let not_taken = listed.iter().find(|file| !is_input(file));
    run.left_behind =
        left_behind.or_else(|| not_taken.map(|file| format!("{} was not taken yet", file.path)));
    taken
}

/// Why the new files of a look at the folder are not all that the connection selects, where they are not.
fn left_behind(run: &Run, selected: &Selected) -> Option<String> {
    let of_others = selected.taken_before.iter().find(|(_, entry)| entry.run != run.id);
    let earlier = |file: &RemoteFile| {
        format!(
            "{} is there still, and an earlier run took it; have files moved or deleted once taken",
            file.path
        )
    };
    let not_ready = selected.not_ready.as_ref().map(|path| format!("{path} was not ready to be taken"));
    of_others.map(|(file, _)| earlier(file)).or(not_ready)
}

pub(super) fn is_of(input: &Input, file: &RemoteFile) -> bool {
    input.path == file.path && input.size_bytes == file.size_bytes && input.mtime == file.mtime
}

/// Takes files in their order: small ones together, and two large ones side by side where there is a second session.
async fn take_each(
    context: &Arc<Context>,
    run: &mut Run,
    source: &FilesSide,
    (remote, beside): (&Remote, Option<&Remote>),
    files: &[RemoteFile],
    limit: &Limit,
) -> Result<(), Stop> {
    let mut rest = files;
    while let Some(next) = rest.first() {
        if !limit.has_time_for_a_file() {
            return Err(Stop::OutOfTime(format!("taking {}", next.path)));
        }
        rest = match (rest, beside) {
            ([one, other, behind @ ..], Some(beside)) if small::is_large(one) && small::is_large(other) => {
                let (first, second) = tokio::join!(
                    stage_alone(context, run, remote, one),
                    stage_alone(context, run, beside, other)
                );
                note_staged(context, run, source, remote, one, first).await?;
                note_staged(context, run, source, remote, other, second).await?;
                behind
            }
            _ => {
                let (together, behind) = rest.split_at(small::together(rest));
                match together {
                    [file] => {
                        let staged = stage_alone(context, run, remote, file).await;
                        note_staged(context, run, source, remote, file, staged).await?;
                    }
                    files => take_together(context, run, source, remote, files).await?,
                }
                behind
            }
        };
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
    remote.wait(Duration::from_secs(secs.into())).await?;
    let now: HashSet<RemoteFile> = remote.list().await?.files.into_iter().collect();
    let (still, changed): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| now.contains(file));
    for file in changed {
        run.warn(format!("{} is still being written; the next run takes it", file.path));
    }
    Ok(still)
}

/// Copies one file into the bucket, or on from where it got; what became of it, and how it came.
async fn stage_alone(
    context: &Arc<Context>,
    run: &Run,
    remote: &Remote,
    file: &RemoteFile,
) -> Result<(Staged, Transfer), Stop> {
    let object = keys::staged_object(&run.account, &run.connection, &fingerprint(file), &run.id);
    let started = (context.clock)();
    let partial = run.partial_input.clone().filter(|partial| partial.path == file.path);
    let staged = stage::stage(context, remote, file, &object, partial.as_ref()).await?;
    let before = partial.map(|partial| partial.transfer).unwrap_or_default();
    let mut transfer = remote.transfer(started, (context.clock)());
    transfer.duration_ms += before.duration_ms;
    transfer.attempts += before.attempts;
    Ok((staged, transfer))
}

/// Notes what became of a file.
async fn note_staged(
    context: &Arc<Context>,
    run: &mut Run,
    source: &FilesSide,
    remote: &Remote,
    file: &RemoteFile,
    staged: Result<(Staged, Transfer), Stop>,
) -> Result<(), Stop> {
    let (staged, transfer) = staged?;
    match staged {
        Staged::Whole(sha256) => take_file(context, run, source, remote, file, sha256, transfer).await,
        Staged::Changed => {
            run.warn(changed(file));
            Ok(())
        }
        Staged::InPart { upload, parts, sha256_state, why } => {
            let (path, size_bytes, mtime) = (file.path.clone(), file.size_bytes, file.mtime);
            tracing::info!(size_bytes, parts, "a file is in the bucket in part: {why}");
            let partial = PartialInput { path, size_bytes, mtime, upload, parts, sha256_state, transfer };
            context.table.note_partial_input(run, partial).await?;
            Err(Stop::Again)
        }
    }
}

async fn take_together(
    context: &Arc<Context>,
    run: &mut Run,
    source: &FilesSide,
    remote: &Remote,
    files: &[RemoteFile],
) -> Result<(), Stop> {
    let files: Vec<_> = files
        .iter()
        .map(|f| (f.clone(), keys::staged_object(&run.account, &run.connection, &fingerprint(f), &run.id)))
        .collect();
    let started = (context.clock)();
    let staged = small::stage(context, remote, &files).await;
    let transfer = remote.transfer(started, (context.clock)());
    for ((file, _), staged) in files.iter().zip(staged) {
        match staged? {
            Some(sha256) => {
                take_file(context, run, source, remote, file, sha256, transfer.clone()).await?;
            }
            None => run.warn(changed(file)),
        }
    }
    Ok(())
}

fn changed(file: &RemoteFile) -> String {
    format!("{} changed while it was read; the next run takes it", file.path)
}

/// Notes a file that is whole in the bucket.
async fn take_file(
    context: &Arc<Context>,
    run: &mut Run,
    source: &FilesSide,
    remote: &Remote,
    file: &RemoteFile,
    sha256: String,
    transfer: Transfer,
) -> Result<(), Stop> {
    let fingerprint = fingerprint(file);
    let object = keys::staged_object(&run.account, &run.connection, &fingerprint, &run.id);
    let same = match context.table.last_content(&run.account, &run.connection).await? {
        Some(last) if last.sha256 == sha256 && went_through(context, run, source, &last).await? => Some(last),
        _ => None,
    };
    let duration_ms = transfer.duration_ms;
    let input = Input {
        path: file.path.clone(),
        upload: None,
        size_bytes: file.size_bytes,
        mtime: file.mtime,
        sha256: sha256.clone(),
        object: object.clone(),
        taken_at: (context.clock)(),
        same_content_as: same.map(|last| last.path),
        transfer,
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
    run.partial_input = None;
    tracing::info!(size_bytes = file.size_bytes, duration_ms, "a file is whole in the bucket");
    match run.validate_only {
        true => Ok(()),
        false => post_action::finish(context, run, source, remote, file, &entry).await,
    }
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
