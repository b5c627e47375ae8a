//! The object that a connection's state lies in: read as it comes, and refused where it would not fit into memory.

use shared::{
    aws::{
        AwsError,
        objects::{Expect, Replaced},
    },
    change::{Decoder, State},
};

use crate::{Context, error::Stop};

/// Bytes that are written at once.
const PIECE_BYTES: usize = 8 * 1024 * 1024;

/// The state in memory and, beside it, what else a run of as many records needs: so large a share of the function's
/// memory may the object be, in percent. The rest holds the keys of the files' records, the table of keys that come
/// new, and the pieces on their way.
const SHARE_PERCENT: u64 = 40;

/// Most bytes of a state object that a function with so much memory works with.
pub(crate) fn most_bytes(memory_mib: u64) -> u64 {
    memory_mib * 1024 * 1024 / 100 * SHARE_PERCENT
}

/// Why a state is too large.
pub(crate) fn too_large(size_bytes: u64, memory_mib: u64) -> Stop {
    let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
    let why = format!(
        "the connection's state has {} MiB, and sftp-pull with {memory_mib} MiB of memory works with {} MiB; give \
         SftpPull a larger MemorySize in template.yaml, or part the records over several connections",
        mib(size_bytes),
        mib(most_bytes(memory_mib))
    );
    Stop::settings("state_too_large", &why)
}

/// Reads the state, with its ETag; an empty one with an empty ETag where there is none.
pub(crate) async fn read(context: &Context, key: &str) -> Result<(State, String), Stop> {
    let Some((mut body, etag, size_bytes)) = context.bucket.open_sized(key).await? else {
        return Ok((State::default(), String::new()));
    };
    if size_bytes > most_bytes(context.memory_mib) {
        return Err(too_large(size_bytes, context.memory_mib));
    }
    let damaged = |e| Stop::Hub(AwsError::damaged(key, e));
    let mut decoder = Decoder::new(usize::try_from(size_bytes).unwrap_or_default());
    while let Some(bytes) = body.next().await {
        let cut = |e| AwsError::Call { call: "s3:GetObject", code: "body cut".into(), source: Box::new(e) };
        decoder.push(&bytes.map_err(cut)?).map_err(damaged)?;
    }
    Ok((decoder.finish().map_err(damaged)?, etag))
}

/// Replaces the object, if it still has this ETag.
pub(crate) async fn replace(
    context: &Context,
    key: &str,
    state: &State,
    etag: &str,
    by: &str,
) -> Result<Replaced, Stop> {
    let expect = if etag.is_empty() { Expect::Nothing } else { Expect::ETag(etag) };
    Ok(context.bucket.replace_in_pieces(key, state.chunks(PIECE_BYTES), expect, by).await?)
}
