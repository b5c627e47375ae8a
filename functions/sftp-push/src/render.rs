//! Rendering: the rows of a batch become the bytes of its file, and the list of them, in bounded memory.

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use sha2::{Digest, Sha256};
use shared::{
    aws::{AwsError, piecewise::PiecewiseObject},
    compression::Packer,
    export::{ManifestEntry, Rendering},
    id::hex,
    keys,
    notification::{MOST_WHOLE_BYTES, NotificationDelivery},
};

use crate::Context;

/// Payloads that are fetched ahead: 64 MiB at most. Of larger ones, which only a format changed meanwhile can bring in
/// among others, one at a time is in memory.
const AHEAD: usize = 16;

/// Bytes that are packed at once.
const PACKED_AT_ONCE: usize = 1 << 20;

/// What the rendering of a batch came to.
pub(crate) struct Rendered {
    pub(crate) manifest: Vec<u8>,
    pub(crate) records: u64,
    pub(crate) unfit: u64,
    pub(crate) size_bytes: u64,
    pub(crate) sha256: String,
}

/// The bytes of a file on their way into the bucket: packed, if they are to be, then counted and hashed.
struct Bytewise<'a> {
    file: &'a mut PiecewiseObject,
    packer: Option<Packer>,
    sha: Sha256,
    size_bytes: u64,
}

impl Bytewise<'_> {
    async fn add(&mut self, bytes: &[u8]) -> Result<(), AwsError> {
        for piece in bytes.chunks(PACKED_AT_ONCE) {
            match &mut self.packer {
                Some(packer) => {
                    let packed = packer.add(piece).map_err(|e| AwsError::damaged("a packed file", e))?;
                    self.put(&packed).await?;
                }
                None => self.put(piece).await?,
            }
        }
        Ok(())
    }

    async fn put(&mut self, bytes: &[u8]) -> Result<(), AwsError> {
        self.sha.update(bytes);
        self.size_bytes += bytes.len() as u64;
        self.file.add(bytes).await
    }

    /// Size and SHA-256 of all that was added.
    async fn finish(mut self) -> Result<(u64, String), AwsError> {
        if let Some(packer) = self.packer.take() {
            let last = packer.finish().map_err(|e| AwsError::damaged("a packed file", e))?;
            self.put(&last).await?;
        }
        Ok((self.size_bytes, hex(&self.sha.finalize())))
    }
}

/// Writes what a batch's rows become into the bucket.
pub(crate) async fn render(
    context: &Context,
    rendering: &Rendering<'_>,
    rows: Vec<NotificationDelivery>,
    packer: Option<Packer>,
    file: &mut PiecewiseObject,
) -> Result<Rendered, AwsError> {
    let (mut manifest, mut records, mut unfit) = (Vec::new(), 0, 0);
    let mut out = Bytewise { file, packer, sha: Sha256::new(), size_bytes: 0 };
    let is_large = rows.iter().any(|row| row.size_bytes > MOST_WHOLE_BYTES as u64);
    let ahead = if is_large { 1 } else { AHEAD };
    let mut fetched = stream::iter(rows).map(|row| record(context, row).boxed()).buffered(ahead);
    out.add(&rendering.begin().map_err(|e| AwsError::damaged("the first line", e))?).await?;
    while let Some(next) = fetched.next().await {
        let (row, record) = next?;
        let piece = match record {
            Some(record) => rendering.record(&record).map_err(|e| e.to_string()),
            None => Err("its payload is not in the bucket any more".into()),
        };
        let mut entry = ManifestEntry {
            notification: row.notification,
            connection: row.connection,
            event_id: row.event_id,
            accepted_at: row.accepted_at,
            unfit: None,
        };
        match piece {
            Ok(piece) => {
                if records > 0 {
                    out.add(rendering.between()).await?;
                }
                out.add(&piece).await?;
                records += 1;
            }
            Err(why) => {
                entry.unfit = Some(why);
                unfit += 1;
            }
        }
        serde_json::to_writer(&mut manifest, &entry).map_err(|e| AwsError::damaged("a manifest", e))?;
        manifest.push(b'\n');
    }
    out.add(rendering.end()).await?;
    let (size_bytes, sha256) = out.finish().await?;
    Ok(Rendered { manifest, records, unfit, size_bytes, sha256 })
}

/// A record as `deliver` left it: mapped, or as it came.
async fn record(
    context: &Context,
    row: NotificationDelivery,
) -> Result<(NotificationDelivery, Option<Bytes>), AwsError> {
    let key = match row.mapping {
        Some(_) => keys::record_object(
            &row.account,
            &row.notification,
            &row.connection,
            row.mapping_version.unwrap_or_default(),
        ),
        None => row.payload_object(),
    };
    let record = context.bucket.get(&key).await?.map(|object| object.bytes);
    Ok((row, record))
}
