//! Rendering: the rows of a batch become the bytes of its file, and the list of them, in bounded memory.

use bytes::Bytes;
use futures::{
    FutureExt, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use sha2::{Digest, Sha256};
use shared::{
    aws::{AwsError, piecewise::PiecewiseObject},
    compression::Packer,
    export::{ManifestEntry, Named, Piece, Rendering, Totals},
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
///
/// Where the first line has totals, the records are gone through twice: first for the totals alone, then for the bytes. So
/// memory stays bounded, bytes are hashed and packed in their order, and what it costs is a second GET of each payload.
pub(crate) async fn render(
    context: &Context,
    rendering: &Rendering<'_>,
    named: &Named<'_>,
    rows: Vec<NotificationDelivery>,
    packer: Option<Packer>,
    file: &mut PiecewiseObject,
) -> Result<Rendered, AwsError> {
    let known = match rendering.begins_with_totals() {
        true => Some(totals(context, rendering, rows.clone()).await?),
        false => None,
    };
    let unusable = |e| AwsError::damaged("the target's lines", e);
    let (mut manifest, mut totals, mut unfit) = (Vec::new(), Totals::default(), 0);
    let mut out = Bytewise { file, packer, sha: Sha256::new(), size_bytes: 0 };
    let begin = rendering.begin(named, known.as_ref().unwrap_or(&totals));
    out.add(&begin.map_err(unusable)?).await?;
    let mut pieces = pieces(context, rendering, rows);
    while let Some(next) = pieces.next().await {
        let (row, piece) = next?;
        let mut entry = ManifestEntry {
            notification: row.notification,
            connection: row.connection,
            event_id: row.event_id,
            accepted_at: row.accepted_at,
            unfit: None,
        };
        match piece {
            Ok(piece) => {
                if totals.records() > 0 {
                    out.add(rendering.between()).await?;
                }
                out.add(&piece.bytes).await?;
                piece.add_to(&mut totals);
            }
            Err(why) => {
                entry.unfit = Some(why);
                unfit += 1;
            }
        }
        serde_json::to_writer(&mut manifest, &entry).map_err(|e| AwsError::damaged("a manifest", e))?;
        manifest.push(b'\n');
    }
    if known.is_some_and(|known| known != totals) {
        return Err(AwsError::damaged("the payloads", "they changed while their file was made"));
    }
    out.add(&rendering.end(named, &totals).map_err(unusable)?).await?;
    let (size_bytes, sha256) = out.finish().await?;
    Ok(Rendered { manifest, records: totals.records(), unfit, size_bytes, sha256 })
}

/// What the records of a batch come to.
async fn totals(
    context: &Context,
    rendering: &Rendering<'_>,
    rows: Vec<NotificationDelivery>,
) -> Result<Totals, AwsError> {
    let mut totals = Totals::default();
    let mut pieces = pieces(context, rendering, rows);
    while let Some(next) = pieces.next().await {
        if let (_, Ok(piece)) = next? {
            piece.add_to(&mut totals);
        }
    }
    Ok(totals)
}

/// Rows, each with its piece of the file, or why it has none.
type Pieces<'a> = BoxStream<'a, Result<(NotificationDelivery, Result<Piece, String>), AwsError>>;

/// Renders rows one after another, in their order.
fn pieces<'a>(
    context: &'a Context,
    rendering: &'a Rendering<'_>,
    rows: Vec<NotificationDelivery>,
) -> Pieces<'a> {
    let is_large = rows.iter().any(|row| row.size_bytes > MOST_WHOLE_BYTES as u64);
    let ahead = if is_large { 1 } else { AHEAD };
    let fetched = stream::iter(rows).map(|row| record(context, row).boxed()).buffered(ahead);
    let piece = |(row, record): (_, Option<Bytes>)| match record {
        Some(record) => (row, rendering.record(&record).map_err(|e| e.to_string())),
        None => (row, Err("its payload is not in the bucket any more".to_string())),
    };
    fetched.map_ok(piece).boxed()
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
