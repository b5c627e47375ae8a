//! Small files, many at once: one session reads them together, and they go into the bucket side by side.

use std::sync::Arc;

use futures::{FutureExt, StreamExt, stream};
use sha2::{Digest, Sha256};
use shared::{
    aws::AwsError,
    id::hex,
    sftp::{RemoteFile, SMALL_BYTES, SftpError, WholeFile},
};

use super::remote::Remote;
use crate::{Context, error::Stop};

/// Files that are read together: 16 MiB at most.
const TOGETHER: usize = 64;

/// Files that go into the bucket at once.
const AT_ONCE: usize = 8;

/// Says whether a file is worth a session of its own.
pub(super) fn is_large(file: &RemoteFile) -> bool {
    file.size_bytes > SMALL_BYTES
}

/// How many of the next files are read together; one where the next is large.
pub(super) fn together(files: &[RemoteFile]) -> usize {
    files.iter().take(TOGETHER).take_while(|file| !is_large(file)).count().max(1)
}

/// Copies files into the bucket. Answers for each the SHA-256 of its content, hex, `None` where it is no longer what was
/// listed, or why it could not be taken.
pub(super) async fn stage(
    context: &Arc<Context>,
    remote: &Remote,
    files: &[(RemoteFile, String)],
) -> Vec<Result<Option<String>, Stop>> {
    let wanted: Vec<_> = files.iter().map(|(file, _)| file.clone()).collect();
    let read = remote.call(move |client| {
        let mut all: Vec<Option<Result<WholeFile, SftpError>>> = wanted.iter().map(|_| None).collect();
        let ended = client.read_many(&wanted, |index, whole| all[index] = Some(whole));
        Ok((all, ended.err()))
    });
    let (read, mut broken) = match read.await {
        Ok(read) => read,
        Err(stop) => return vec![Err(stop)],
    };
    let mut whole = Vec::new();
    let mut stopped = None;
    for ((file, object), read) in files.iter().zip(read) {
        // Those that were read before the session broke are taken, up to the first that was not.
        match read.or_else(|| broken.take().map(Err)) {
            Some(Ok(read)) => whole.push((file.clone(), object.clone(), read)),
            Some(Err(error)) => {
                stopped = Some(Err(error.into()));
                break;
            }
            None => break,
        }
    }
    let written =
        whole.into_iter().map(|(file, object, read)| keep(context.clone(), file, object, read).boxed());
    let kept: Vec<_> = stream::iter(written).buffered(AT_ONCE).collect().await;
    kept.into_iter().map(|kept| kept.map_err(Stop::from)).chain(stopped).collect()
}

async fn keep(
    context: Arc<Context>,
    file: RemoteFile,
    object: String,
    read: WholeFile,
) -> Result<Option<String>, AwsError> {
    if read.bytes.len() as u64 != file.size_bytes || read.after != (file.size_bytes, file.mtime) {
        return Ok(None);
    }
    let sha256 = hex(&Sha256::digest(&read.bytes));
    context.bucket.put(&object, read.bytes).await?;
    Ok(Some(sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_go_together_and_large_ones_alone() {
        let files = |sizes: &[u64]| {
            let file = |n: &u64| RemoteFile { name: "f".into(), path: "/f".into(), size_bytes: *n, mtime: 0 };
            sizes.iter().map(file).collect::<Vec<_>>()
        };
        for (sizes, count) in [
            (&[1, 0, SMALL_BYTES, SMALL_BYTES + 1, 1][..], 3),
            (&[SMALL_BYTES + 1, 1, 1], 1),
            (&[1; 100], TOGETHER),
        ] {
            assert_eq!(together(&files(sizes)), count, "{sizes:?}");
        }
    }
}
