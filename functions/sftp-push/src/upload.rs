//! Copying a frozen file to its server under the batch's temporary name, over what an earlier attempt left there, or on
//! from where it got.
//!
//! How far a large file got is written down when an attempt breaks off. The next one compares the last bytes before that
//! place with what was frozen, and goes on behind them; the bucket's bytes are hashed from the beginning each time.

use bytes::Bytes;
use shared::{
    aws::{AwsError, gates::Of},
    export::{OpenBatch, Push, Sent},
    resumable_hash::ResumableHash,
    run::{Failure, Origin, Run},
    sftp::{Client, SftpError, Unfinished, Writing},
};
use tokio::sync::mpsc;

use crate::{Context, error::Stop, remote::Remote};

/// Pieces that wait between the two sides.
const WAITING: usize = 4;

/// How much of a file has to be there for it to be worth going on with.
const WORTH: u64 = 4 * 1024 * 1024;

/// How many of the bytes before the place where it goes on are compared.
const COMPARED: u64 = 1024 * 1024;

/// Copies the open batch's bytes, and looks whether all of them are there.
pub(crate) async fn upload(
    context: &Context,
    of: Of<'_>,
    remote: &Remote,
    push: &mut Push,
    run: &mut Run,
) -> Result<(), Stop> {
    loop {
        let Some(mut batch) = push.open_batch.clone() else { return Ok(()) };
        let sent = batch.sent.take().filter(|sent| sent.to == remote.place());
        let before = sent.map_or(0, |sent| sent.bytes);
        let started = (context.clock)();
        let attempted = attempt(context, remote, &batch, before).await?;
        let took = (context.clock)().duration_since(started).as_millis();
        batch.upload_ms += u64::try_from(took).unwrap_or(0);
        match attempted {
            Attempt::Whole => {
                push.open_batch = Some(batch);
                return Ok(());
            }
            Attempt::FromTheBeginning => context.table.note_batch(of, push, batch, false).await?,
            Attempt::BrokenOff { acknowledged, why } => {
                tracing::info!(acknowledged, size_bytes = batch.size_bytes, "an upload broke off");
                batch.sent =
                    (acknowledged >= WORTH).then(|| Sent { to: remote.place(), bytes: acknowledged });
                // Only what no attempt before has reached is progress: a server that empties what is opened, or a
                // disk that is full, would have it go on for ever.
                let is_further = acknowledged >= batch.furthest + WORTH;
                batch.furthest = batch.furthest.max(acknowledged);
                context.table.note_batch(of, push, batch, false).await?;
                if !is_further {
                    return Err(why);
                }
                context.table.push_progressed(run, push.epoch).await?;
                return Err(match why {
                    Stop::Failed(failure) if failure.retryable => Stop::OutOfTime(failure.message),
                    why => why,
                });
            }
        }
    }
}

/// What one attempt came to.
enum Attempt {
    Whole,
    /// What is there cannot be gone on with.
    FromTheBeginning,
    BrokenOff {
        acknowledged: u64,
        why: Stop,
    },
}

async fn attempt(
    context: &Context,
    remote: &Remote,
    batch: &OpenBatch,
    before: u64,
) -> Result<Attempt, Stop> {
    let missing = || AwsError::damaged(&batch.object, "the object is not there");
    let (mut body, _) = context.bucket.open(&batch.object).await?.ok_or_else(missing)?;
    let (sender, receiver) = mpsc::channel::<Bytes>(WAITING);
    let path = remote.path(&batch.temporary_name());
    let writing = {
        let (path, size_bytes) = (path.clone(), batch.size_bytes);
        remote.call_both(size_bytes, move |first, second| Ok(send(first, second, &path, before, receiver)))
    };
    let reading = async move {
        // Where the other side has ended, it says why.
        loop {
            match body.try_next().await {
                Ok(Some(piece)) => match sender.send(piece).await {
                    Ok(()) => {}
                    Err(_) => return Ok(()),
                },
                Ok(None) => return Ok(()),
                Err(e) => {
                    let (call, code) = ("s3:GetObject", "body cut".to_string());
                    return Err(AwsError::Call { call, code, source: Box::new(e) });
                }
            }
        }
    };
    let (written, read) = tokio::join!(writing, reading);
    let Whole { sha256, size_bytes, sent } = match written? {
        Ok(sent) => sent,
        Err(Unfinished { error: SftpError::NotResumable(_), .. }) => return Ok(Attempt::FromTheBeginning),
        // Some servers say so only when the first bytes behind those that are there come.
        Err(Unfinished { acknowledged, error })
            if acknowledged <= before && before > 0 && error.is_an_answer() =>
        {
            return Ok(Attempt::FromTheBeginning);
        }
        Err(Unfinished { acknowledged, error }) => {
            return Ok(Attempt::BrokenOff { acknowledged, why: error.into() });
        }
    };
    // A body that was cut ends the file too early: its name is still the temporary one.
    if let Err(cut) = read {
        return Ok(Attempt::BrokenOff { acknowledged: sent, why: cut.into() });
    }
    if sha256 != batch.sha256 {
        return Err(AwsError::damaged(&batch.object, "it is not what was frozen").into());
    }
    if size_bytes != batch.size_bytes {
        let why = format!(
            "{path} has {size_bytes} bytes on the server after {} were written; check its disk and quota",
            batch.size_bytes
        );
        return Err(Stop::Failed(Failure::new(Origin::Target, "size_differs", why, true)));
    }
    Ok(Attempt::Whole)
}

/// What was sent to its end.
struct Whole {
    /// SHA-256 of all of it, hex.
    sha256: String,
    /// Bytes on the server.
    size_bytes: u64,
    /// Bytes that were sent, with those that were there before.
    sent: u64,
}

/// Sends what comes, from behind what is there on.
fn send(
    client: &mut Client,
    second: Option<&mut Client>,
    path: &str,
    before: u64,
    mut receiver: mpsc::Receiver<Bytes>,
) -> Result<Whole, Unfinished> {
    let nothing = |error| Unfinished { acknowledged: 0, error };
    let from = if before > 0 { client.resumable(path, before).map_err(nothing)? } else { 0 };
    let mut sha = ResumableHash::default();
    let mut rest = skip(client, path, from, &mut receiver, &mut sha).map_err(nothing)?;
    let sent = client.write_with(second, Writing { path, from }, || {
        if !rest.is_empty() {
            return Some(std::mem::take(&mut rest));
        }
        let piece = receiver.blocking_recv()?;
        sha.add(&piece);
        Some(piece)
    })?;
    let (size_bytes, _) = client.stat(path).map_err(|error| Unfinished { acknowledged: sent, error })?;
    Ok(Whole { sha256: sha.end(), size_bytes, sent })
}

/// Takes the bytes before `from`, and compares the last of them with what the server has. Answers what came behind them.
fn skip(
    client: &mut Client,
    path: &str,
    from: u64,
    receiver: &mut mpsc::Receiver<Bytes>,
    sha: &mut ResumableHash,
) -> Result<Bytes, SftpError> {
    let compared_from = from.saturating_sub(COMPARED);
    let (mut offset, mut last) = (0, Vec::new());
    let mut rest = Bytes::new();
    while offset < from {
        let Some(mut piece) = receiver.blocking_recv() else { return Ok(rest) };
        sha.add(&piece);
        rest = piece.split_off(usize::try_from(from - offset).unwrap_or(usize::MAX).min(piece.len()));
        let unneeded = usize::try_from(compared_from.saturating_sub(offset)).unwrap_or(usize::MAX);
        last.extend_from_slice(piece.get(unneeded..).unwrap_or_default());
        offset += piece.len() as u64;
    }
    let mut there = Vec::new();
    if from > 0 {
        let read = client.read_from(path, compared_from, from, |piece| {
            there.extend_from_slice(&piece);
            true
        });
        match read {
            // Where files may be put and not be read, what was acknowledged has to do.
            Err(SftpError::Denied(_)) => return Ok(rest),
            read => read?,
        }
    }
    if there == last { Ok(rest) } else { Err(SftpError::NotResumable(path.into())) }
}
