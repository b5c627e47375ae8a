//! Takes a file that a person uploaded: from where the bucket got it to where a run's files are, read once for its hash.
//!
//! No server is asked for anything, and nothing of a server's is moved or removed. The link that it came by may still
//! hold, so what is mapped are the bytes that were hashed here, under a key that no link writes to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use jiff::SignedDuration;
use shared::{
    file_upload::FileUpload,
    keys,
    run::{Failure, Input, Origin, Run, Transfer},
};
use tokio::sync::mpsc;

use super::stage::{self, Begun};
use crate::{Context, error::Stop, limit::Limit};

/// Takes the run's upload, and marks its inputs complete.
pub(crate) async fn take_upload(
    context: &Arc<Context>,
    run: &mut Run,
    upload: &str,
    limit: &Limit,
) -> Result<(), Stop> {
    // A holder that took it may have died before it said that nothing more comes.
    if run.inputs.is_empty() {
        match take(context, run, upload, limit).await {
            Err(Stop::OutOfTime(what)) => return Err(limit.decide(run, Origin::Source, &what)),
            taken => taken?,
        }
    }
    let name = run.inputs.first().map(|input| input.path.as_str()).unwrap_or_default();
    // Nobody says that it is all that there is.
    run.left_behind = Some(format!("{name} was uploaded by hand"));
    Ok(context.table.complete_inputs(run).await?)
}

async fn take(context: &Context, run: &mut Run, upload: &str, limit: &Limit) -> Result<(), Stop> {
    let found = context.table.upload(&run.account, &run.connection, upload).await?;
    let Some(upload) = found else { return Err(missing(upload)) };
    if let Some(by) = upload.taken_by_another(&run.id).filter(|_| !run.validate_only) {
        let why = format!(
            "run {by} has taken {}; rerun that one, or upload the file once more if it is to be sent again",
            upload.name
        );
        return Err(failed("upload_taken", why));
    }
    let started = (context.clock)();
    let object = keys::staged_object(&run.account, &run.connection, &upload.id, &run.id);
    let sha256 = copy(context, &upload, &object, limit).await?;
    let taken_at = (context.clock)();
    let duration = Duration::try_from(taken_at.duration_since(started).max(SignedDuration::ZERO));
    let duration_ms = duration.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    let input = Input {
        path: upload.name.clone(),
        upload: Some(upload.id.clone()),
        size_bytes: upload.size_bytes,
        mtime: upload.created_at.as_second(),
        sha256,
        object,
        taken_at,
        // Whoever uploads bytes means them to be read, also where they are those that came last.
        same_content_as: None,
        transfer: Transfer { duration_ms, attempts: 1, ..Transfer::default() },
    };
    context.table.take_upload(run, &input, &upload).await?;
    tracing::info!(size_bytes = input.size_bytes, duration_ms, "an uploaded file is whole in the bucket");
    run.inputs.push(input);
    Ok(())
}

/// Copies the file if it is what was announced; its SHA-256, hex. Doing so twice writes the same bytes.
async fn copy(context: &Context, upload: &FileUpload, object: &str, limit: &Limit) -> Result<String, Stop> {
    let found = context.bucket.open(&upload.object()).await?;
    let Some((mut body, _)) = found else { return Err(missing(&upload.name)) };
    let (sender, receiver) = mpsc::channel::<Bytes>(stage::WAITING);
    let is_whole = AtomicBool::new(false);
    let reading = async {
        let sender = sender; // the writer ends when this one does
        let mut size_bytes = 0;
        while let Some(piece) = body.next().await {
            let cut = |e| Stop::Broken(format!("{}: {}", upload.name, shared::chain(&e)));
            let piece = piece.map_err(cut)?;
            if limit.is_over() {
                return Err(Stop::OutOfTime(format!("taking {}", upload.name)));
            }
            size_bytes += piece.len() as u64;
            if size_bytes > upload.size_bytes || sender.send(piece).await.is_err() {
                break;
            }
        }
        is_whole.store(size_bytes == upload.size_bytes, Ordering::Release);
        Ok(size_bytes)
    };
    let writing = stage::write(context, object, upload.size_bytes, Begun::default(), receiver, &is_whole);
    let (read, written) = tokio::join!(reading, writing);
    let written = written?;
    let why = match read {
        Ok(read) if read != upload.size_bytes => {
            Some(changed(upload, &format!("has another size than the {} bytes", upload.size_bytes)))
        }
        Ok(_) => {
            let is_other = upload.sha256.as_ref().is_some_and(|stated| *stated != written.sha256());
            is_other.then(|| changed(upload, "has another SHA-256 than the one"))
        }
        Err(stop) => Some(stop),
    };
    match why {
        None => Ok(written.keep(context, object).await?),
        Some(stop) => {
            written.discard().await;
            Err(stop)
        }
    }
}

fn missing(what: &str) -> Stop {
    let why =
        format!("{what} is not there: it was not uploaded, or was not taken within a week; upload it anew");
    failed("upload_missing", why)
}

fn changed(upload: &FileUpload, how: &str) -> Stop {
    failed("upload_changed", format!("{} {how} that it was announced with; upload it anew", upload.name))
}

fn failed(code: &str, why: String) -> Stop {
    Stop::Failed(Failure::new(Origin::Source, code, why, false))
}
