//! SFTP → S3, in bounded memory: nothing is under the object's key before the file is whole.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream::FuturesOrdered};
use sha2::{Digest, Sha256};
use shared::{
    aws::{
        AwsError,
        objects::{CompletedPart, Upload},
    },
    id::hex,
    sftp::RemoteFile,
};
use tokio::sync::mpsc;

use super::remote::Remote;
use crate::{Context, error::Stop};

const MIB: u64 = 1024 * 1024;

/// Parts on their way at once.
const IN_FLIGHT: usize = 2;

/// Pieces of up to 2 MiB that wait between the two sides.
const WAITING: usize = 2;

/// Largest piece that the SFTP client hands over.
const PIECE_BYTES: usize = 2 * 1024 * 1024;

/// Size of a part for a file: at least 8 MiB, and few enough for S3's limit of 10,000. Three parts are in
/// memory at once, and memory is what bounds how small the function can be.
fn part_bytes(size_bytes: u64) -> usize {
    usize::try_from((8 * MIB).max(size_bytes / 9000 + 1)).unwrap_or(usize::MAX)
}

/// Copies a file into the bucket and hashes it on the way; `None` when it is no longer what was listed, and
/// then nothing is kept. One that grows is read to the size that was listed and a piece. Answers the SHA-256, hex.
pub(super) async fn stage(
    context: &Arc<Context>,
    remote: &Remote,
    file: &RemoteFile,
    object: &str,
) -> Result<Option<String>, Stop> {
    let (sender, receiver) = mpsc::channel::<Bytes>(WAITING);
    let reading = {
        let (remote, path, listed_bytes) = (remote.clone(), file.path.clone(), file.size_bytes);
        async move {
            remote
                .call(move |client| {
                    let (mut sha, mut size_bytes) = (Sha256::new(), 0);
                    client.read(&path, listed_bytes, |piece| {
                        sha.update(&piece);
                        size_bytes += piece.len() as u64;
                        sender.blocking_send(piece).is_ok()
                    })?;
                    Ok((hex(&sha.finalize()), size_bytes, client.stat(&path)?))
                })
                .await
        }
    };
    let writing = write(context, object, file.size_bytes, receiver);
    // The reader ends when the writer drops its end, and the writer when the reader is done.
    let (read, written) = tokio::join!(reading, writing);
    let written = written?;
    match read {
        Ok((sha256, size_bytes, after))
            if size_bytes == file.size_bytes && after == (file.size_bytes, file.mtime) =>
        {
            written.keep(context, object).await?;
            Ok(Some(sha256))
        }
        Ok(_) => {
            written.discard().await;
            Ok(None)
        }
        Err(stop) => {
            written.discard().await;
            Err(stop)
        }
    }
}

/// A file that was read to its end and is not yet visible in the bucket.
enum Written {
    /// Small enough for one call.
    Small(Bytes),
    /// In parts.
    Parts(Upload, Vec<CompletedPart>),
}

impl Written {
    async fn keep(self, context: &Context, object: &str) -> Result<(), AwsError> {
        match self {
            Self::Small(bytes) => context.bucket.put(object, bytes).await,
            Self::Parts(upload, parts) => upload.complete(parts).await,
        }
    }

    async fn discard(self) {
        if let Self::Parts(upload, _) = self {
            upload.abort().await;
        }
    }
}

async fn write(
    context: &Context,
    object: &str,
    size_bytes: u64,
    mut pieces: mpsc::Receiver<Bytes>,
) -> Result<Written, AwsError> {
    let part_bytes = part_bytes(size_bytes);
    let size_bytes = usize::try_from(size_bytes).unwrap_or(usize::MAX);
    let mut buffer = BytesMut::new();
    let room = |buffer: &mut BytesMut| {
        // Room for the whole part at once: growing by doubling would hold it up to three times.
        if buffer.capacity() == 0 {
            *buffer = BytesMut::with_capacity(part_bytes.min(size_bytes) + PIECE_BYTES);
        }
    };
    let mut upload = None;
    let mut sending = FuturesOrdered::new();
    let (mut parts, mut number) = (Vec::new(), 0);
    while let Some(piece) = pieces.recv().await {
        room(&mut buffer);
        buffer.extend_from_slice(&piece);
        if buffer.len() < part_bytes {
            continue;
        }
        if upload.is_none() {
            upload = Some(context.bucket.begin(object).await?);
        }
        let Some(upload) = upload.clone() else { continue };
        if sending.len() >= IN_FLIGHT
            && let Some(part) = sending.next().await
        {
            parts.push(part?);
        }
        number += 1;
        let bytes = std::mem::take(&mut buffer).freeze();
        sending.push_back(send(upload, number, bytes));
    }
    let Some(upload) = upload else { return Ok(Written::Small(buffer.freeze())) };
    if !buffer.is_empty() {
        sending.push_back(send(upload.clone(), number + 1, buffer.freeze()));
    }
    while let Some(part) = sending.next().await {
        parts.push(part?);
    }
    Ok(Written::Parts(upload, parts))
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
