//! Carrying small files that were opened together: what takes time at a distance is waiting, so each step is done for all
//! of them before the next one.
//!
//! All are written under their temporary names and their sizes compared; RENAMING is written for all at once; they get
//! their names in their order; their rows and the report are written together. This is only the short way: whatever is not
//! as it mostly is leaves the batches open, and `carry.rs` goes on with one after the other from where each stands.

use std::collections::HashSet;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use shared::{
    aws::{AwsError, gates::Of},
    export::{Export, OpenBatch, OutputResult, Overwrite, Phase, Push},
    id::hex,
    run::Run,
};

use crate::{
    Context,
    error::Stop,
    remote::Remote,
    settle::{Through, settle_all},
};

/// Most files that go together: as many are open at once on the server, and described in the push row.
pub(crate) const MOST_TOGETHER: usize = 64;

/// Largest file that goes with others: they are in memory.
pub(crate) const SMALL_BYTES: u64 = 256 * 1024;

/// Objects that are fetched at once.
const AT_ONCE: usize = 16;

/// Says whether the open batches are such as mostly are: several, and nothing has become of any of them.
fn may_go_together(export: &Export, push: &Push) -> bool {
    let mut names = HashSet::new();
    !push.open_behind.is_empty()
        && push.decision.is_none()
        && export.done_file.is_none()
        && push.all_open().into_iter().all(|batch| {
            batch.phase == Phase::Frozen
                && !batch.is_blocked
                && batch.sent.is_none()
                && batch.size_bytes <= SMALL_BYTES
                && names.insert(batch.name)
        })
}

/// Carries the open batches as far as they go together. What is open afterwards goes on one by one.
pub(crate) async fn carry_together(
    context: &Context,
    of: Of<'_>,
    export: &Export,
    remote: &Remote,
    push: &mut Push,
    run: &mut Run,
) -> Result<(), Stop> {
    if !may_go_together(export, push) {
        return Ok(());
    }
    let mut batches = push.all_open();
    let sent: Vec<OpenBatch> = batches.iter().filter(|batch| batch.records > 0).cloned().collect();
    let names: Vec<String> = sent.iter().map(|batch| remote.path(&batch.name)).collect();
    if export.overwrite != Overwrite::Replace {
        let names = names.clone();
        if remote.call(move |client| client.exist_many(&names)).await?.contains(&true) {
            return Ok(());
        }
    }
    let temporary: Vec<String> = sent.iter().map(|batch| remote.path(&batch.temporary_name())).collect();
    let started = (context.clock)();
    if !upload(context, remote, &sent, &temporary).await? {
        return Ok(());
    }
    let took = u64::try_from((context.clock)().duration_since(started).as_millis()).unwrap_or(0);
    for batch in batches.iter_mut().filter(|batch| batch.records > 0) {
        batch.attempts += 1;
        batch.upload_ms += took;
        batch.phase = Phase::Renaming;
        batch.uploaded_to = Some(remote.place());
        batch.renames_to = (export.overwrite == Overwrite::Rename).then(|| batch.name.clone());
    }
    context.table.note_batches(of, push, batches.clone()).await?;
    if let Some(mode) = export.mode() {
        let temporary = temporary.clone();
        let set = remote.call(move |client| client.set_mode_many(&temporary, mode)).await?;
        for (batch, set) in sent.iter().zip(set) {
            if let Err(error) = set {
                run.warn(format!("{} did not get the mode {mode:04o}: {error}", batch.name));
            }
        }
    }
    let (pairs, over) = (temporary.into_iter().zip(names).collect::<Vec<_>>(), export.overwrite);
    let renaming =
        move |client: &mut shared::sftp::Client| Ok(client.rename_many(&pairs, over == Overwrite::Replace));
    let (mut renamed, ended) = remote.call(renaming).await?;
    let silent = match ended {
        Ok(()) => None,
        Err(error) if error.is_an_answer() => {
            tracing::info!(%error, renamed, "the files that are left get their names one by one");
            None
        }
        Err(error) => Some(error),
    };
    let mut through = Vec::new();
    for batch in &batches {
        let result = match batch.records {
            0 => OutputResult::Nothing,
            _ if renamed > 0 => OutputResult::Written,
            _ => break,
        };
        renamed -= usize::from(batch.records > 0);
        through.push(Through::of(result, remote));
    }
    settle_all(context, of, push, run, through).await?;
    silent.map_or(Ok(()), |error| Err(error.into()))
}

/// Writes the files under their temporary names, and says whether all of them are whole.
async fn upload(
    context: &Context,
    remote: &Remote,
    sent: &[OpenBatch],
    temporary: &[String],
) -> Result<bool, Stop> {
    let objects: Vec<_> = sent.iter().map(|batch| (batch.object.clone(), batch.sha256.clone())).collect();
    let contents = stream::iter(objects)
        .map(|(object, sha256)| content(context, object, sha256).boxed())
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    let files: Vec<(String, Bytes)> = temporary.iter().cloned().zip(contents).collect();
    let written = remote.call(move |client| client.write_many(&files)).await?;
    let mut are_whole = true;
    for (batch, written) in sent.iter().zip(written) {
        match written {
            Ok(size_bytes) if size_bytes == batch.size_bytes => {}
            Ok(size_bytes) => {
                tracing::info!(size_bytes, expected = batch.size_bytes, "a file is written again by itself");
                are_whole = false;
            }
            Err(error) => {
                tracing::info!(%error, "a file is written again by itself");
                are_whole = false;
            }
        }
    }
    Ok(are_whole)
}

/// What was frozen.
async fn content(context: &Context, key: String, sha256: String) -> Result<Bytes, AwsError> {
    let object = context.bucket.get(&key).await?;
    let object = object.ok_or_else(|| AwsError::damaged(&key, "the object is not there"))?;
    match hex(&Sha256::digest(&object.bytes)) == sha256 {
        true => Ok(object.bytes),
        false => Err(AwsError::damaged(&key, "it is not what was frozen")),
    }
}
