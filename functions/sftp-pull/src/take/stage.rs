//! SFTP → S3, in bounded memory: nothing is under the object's key before the file is whole.
//!
//! A file that is not done when the time is over, or whose connection breaks, goes on from its last whole part.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream::FuturesOrdered};
use shared::{
    aws::{
        AwsError,
        objects::{CompletedPart, Upload},
    },
    resumable_hash::ResumableHash,
    run::PartialInput,
    sftp::RemoteFile,
};
use tokio::sync::mpsc;

use super::remote::Remote;
use crate::{Context, error::Stop};

const MIB: u64 = 1024 * 1024;

/// Parts on their way at once.
const IN_FLIGHT: usize = 2;

/// Pieces that wait between the two sides.
pub(super) const WAITING: usize = 8;

/// Largest piece that the SFTP client hands over.
const PIECE_BYTES: usize = 256 * 1024;

/// Size of a part for a file: at least 8 MiB, and few enough for S3's limit of 10,000. Three parts are in
/// memory at once, and memory is what bounds how small the function can be.
fn part_bytes(size_bytes: u64) -> usize {
    usize::try_from((8 * MIB).max(size_bytes / 9000 + 1)).unwrap_or(usize::MAX)
}

/// What became of a file.
pub(super) enum Staged {
    /// It is in the bucket; its SHA-256, hex.
    Whole(String),
    /// It is no longer what was listed, and nothing of it is kept.
    Changed,
    /// Some of it is in the bucket, and more than before.
    InPart {
        /// Id of the upload.
        upload: String,
        /// Its parts.
        parts: u32,
        /// Where hashing them stands.
        sha256_state: String,
        /// Why it is not all of it.
        why: Stop,
    },
}

/// What of a file is in the bucket already.
#[derive(Default)]
pub(super) struct Begun {
    upload: Option<Upload>,
    parts: Vec<CompletedPart>,
    size_bytes: u64,
    sha: ResumableHash,
}

/// Copies a file into the bucket and hashes it on the way. One that grows is read to the size that was listed.
pub(super) async fn stage(
    context: &Arc<Context>,
    remote: &Remote,
    file: &RemoteFile,
    object: &str,
    partial: Option<&PartialInput>,
) -> Result<Staged, Stop> {
    let begun = begun(context, file, object, partial).await?;
    let (offset, parts_before) = (begun.size_bytes, begun.parts.len());
    let (sender, receiver) = mpsc::channel::<Bytes>(WAITING);
    let is_whole = Arc::new(AtomicBool::new(false));
    let reading = {
        let (remote, path, listed_bytes) = (remote.clone(), file.path.clone(), file.size_bytes);
        let is_whole = is_whole.clone();
        async move {
            remote
                .call(move |client| {
                    let mut size_bytes = offset;
                    client.read_from(&path, offset, listed_bytes, |piece| {
                        size_bytes += piece.len() as u64;
                        sender.blocking_send(piece).is_ok()
                    })?;
                    let after = client.stat(&path)?;
                    is_whole.store(size_bytes == listed_bytes, Ordering::Release);
                    Ok((size_bytes, after))
                })
                .await
        }
    };
    let writing = write(context, object, file.size_bytes, begun, receiver, &is_whole);
    // The reader ends when the writer drops its end, and the writer when the reader is done.
    let (read, written) = tokio::join!(reading, writing);
    let written = written?;
    match read {
        Ok((size_bytes, after))
            if size_bytes == file.size_bytes && after == (file.size_bytes, file.mtime) =>
        {
            Ok(Staged::Whole(written.keep(context, object).await?))
        }
        Ok(_) => {
            written.discard().await;
            Ok(Staged::Changed)
        }
        Err(why) if why.may_go_on() && written.parts.len() > parts_before => Ok(written.in_part(why)),
        // What was there before is still there for the next.
        Err(why) if why.may_go_on() && parts_before > 0 => Err(why),
        Err(why) => {
            written.discard().await;
            Err(why)
        }
    }
}

/// Looks what an earlier invocation has left of a file. What cannot be gone on with is given up.
async fn begun(
    context: &Context,
    file: &RemoteFile,
    object: &str,
    partial: Option<&PartialInput>,
) -> Result<Begun, Stop> {
    let Some(partial) = partial else { return Ok(Begun::default()) };
    let Some((upload, parts)) = context.bucket.resume(object, &partial.upload).await? else {
        return Ok(Begun::default());
    };
    let is_same =
        (&partial.path, partial.size_bytes, partial.mtime) == (&file.path, file.size_bytes, file.mtime);
    let parts: Vec<_> = parts.into_iter().take(partial.parts as usize).collect();
    let in_order = parts.iter().zip(1..).all(|((part, _), number)| part.part_number() == Some(number));
    let all = parts.len() == partial.parts as usize;
    match ResumableHash::resume(&partial.sha256_state).filter(|_| is_same && in_order && all) {
        Some(sha) => {
            let size_bytes = parts.iter().map(|(_, bytes)| bytes).sum();
            let parts = parts.into_iter().map(|(part, _)| part).collect();
            Ok(Begun { upload: Some(upload), parts, size_bytes, sha })
        }
        None => {
            upload.abort().await;
            Ok(Begun::default())
        }
    }
}

/// What was read of a file, not yet visible in the bucket: a rest that is small enough for one call, or parts.
pub(super) struct Written {
    upload: Option<Upload>,
    parts: Vec<CompletedPart>,
    rest: Bytes,
    sha: ResumableHash,
}

impl Written {
    /// The SHA-256 of what was written, hex.
    pub(super) fn sha256(&self) -> String {
        self.sha.clone().end()
    }

    /// Makes it the object; its SHA-256, hex.
    pub(super) async fn keep(self, context: &Context, object: &str) -> Result<String, AwsError> {
        match self.upload {
            None => context.bucket.put(object, self.rest).await?,
            Some(upload) => upload.complete(self.parts).await?,
        }
        Ok(self.sha.end())
    }

    pub(super) async fn discard(self) {
        if let Some(upload) = self.upload {
            upload.abort().await;
        }
    }

    fn in_part(self, why: Stop) -> Staged {
        Staged::InPart {
            upload: self.upload.map(|upload| upload.id().to_string()).unwrap_or_default(),
            parts: u32::try_from(self.parts.len()).unwrap_or(u32::MAX),
            sha256_state: self.sha.state(),
            why,
        }
    }
}

/// Writes what comes into the bucket, in parts where it is large, and hashes it. `is_whole` says at the end of it whether
/// nothing more is to come.
pub(super) async fn write(
    context: &Context,
    object: &str,
    size_bytes: u64,
    begun: Begun,
    mut pieces: mpsc::Receiver<Bytes>,
    is_whole: &AtomicBool,
) -> Result<Written, AwsError> {
    let part_bytes = part_bytes(size_bytes);
    let left = usize::try_from(size_bytes - begun.size_bytes).unwrap_or(usize::MAX);
    let mut buffer = BytesMut::new();
    let room = |buffer: &mut BytesMut| {
        // Room for the whole part at once: growing by doubling would hold it up to three times.
        if buffer.capacity() == 0 {
            *buffer = BytesMut::with_capacity(part_bytes.min(left) + PIECE_BYTES);
        }
    };
    let Begun { mut upload, mut parts, mut sha, .. } = begun;
    let mut number = i32::try_from(parts.len()).unwrap_or(i32::MAX);
    let mut sending = FuturesOrdered::new();
    while let Some(piece) = pieces.recv().await {
        room(&mut buffer);
        buffer.extend_from_slice(&piece);
        if buffer.len() < part_bytes {
            continue;
        }
        let upload = match &upload {
            Some(upload) => upload.clone(),
            None => upload.insert(context.bucket.begin(object).await?).clone(),
        };
        if sending.len() >= IN_FLIGHT
            && let Some(part) = sending.next().await
        {
            parts.push(part?);
        }
        number += 1;
        let bytes = std::mem::take(&mut buffer).freeze();
        sha.add(&bytes);
        sending.push_back(send(upload, number, bytes));
    }
    let mut rest = buffer.freeze();
    // The last part may be a small one: only where it is the last.
    if is_whole.load(Ordering::Acquire) {
        sha.add(&rest);
        if let Some(upload) = upload.as_ref().filter(|_| !rest.is_empty()) {
            sending.push_back(send(upload.clone(), number + 1, std::mem::take(&mut rest)));
        }
    }
    while let Some(part) = sending.next().await {
        parts.push(part?);
    }
    Ok(Written { upload, parts, rest, sha })
}

async fn send(upload: Upload, number: i32, bytes: Bytes) -> Result<CompletedPart, AwsError> {
    upload.part(number, bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_below_ten_thousand() {
        for size in [0, 100 * MIB, 10 * 1024 * MIB, 1024 * 1024 * MIB] {
            assert!(size.div_ceil(part_bytes(size) as u64) < 10_000, "{size}");
        }
        assert_eq!(part_bytes(MIB) as u64, 8 * MIB);
    }
}
