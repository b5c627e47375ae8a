//! Rendering: the rows of a batch become the bytes of its file, and the list of them, in bounded memory.

use bytes::Bytes;
use futures::{
    FutureExt, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use sha2::{Digest, Sha256};
use shared::{
    aws::{AwsError, owed::Owed, piecewise::PiecewiseObject},
    compression::Packer,
    counts::Settled,
    delivery::Batch,
    export::{BatchEntry, ManifestEntry, Named, NotificationEntry, Piece, Rendering, Totals, Unfit},
    id::hex,
    keys,
    notification::{MOST_WHOLE_BYTES, NotificationDelivery},
    wire::{Answer, Answers, StagedBatch},
};

use crate::{Context, freeze::Frozen};

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
    frozen: Frozen<'_>,
    rows: Vec<Owed>,
    packer: Option<Packer>,
    file: &mut PiecewiseObject,
) -> Result<Rendered, AwsError> {
    let known = match rendering.begins_with_totals() {
        true => Some(totals(context, rendering, frozen, rows.clone()).await?),
        false => None,
    };
    let unusable = |e| AwsError::damaged("the target's lines", e);
    let (mut manifest, mut totals, mut unfit) = (Vec::new(), Totals::default(), 0);
    let mut out = Bytewise { file, packer, sha: Sha256::new(), size_bytes: 0 };
    let mut unpacked_bytes = 0;
    let begin = rendering.begin(named, known.as_ref().unwrap_or(&totals));
    out.add(&begin.map_err(unusable)?).await?;
    let mut pieces = pieces(context, rendering, frozen, rows);
    while let Some(next) = pieces.next().await {
        let (row, pieces) = next?;
        let mut why = Vec::with_capacity(pieces.len());
        for piece in pieces {
            match piece {
                Ok(_) if !rendering.has_room(totals.records(), unpacked_bytes) => {
                    why.push(Some(Unfit::SheetIsFull.to_string()));
                }
                Ok(piece) => {
                    if let Err(unfit) = rendering.takes(&piece, &totals) {
                        why.push(Some(unfit.to_string()));
                        continue;
                    }
                    if totals.records() > 0 {
                        out.add(rendering.between()).await?;
                    }
                    let bytes = rendering.placed(&piece, &totals);
                    unpacked_bytes += bytes.len() as u64;
                    out.add(&bytes).await?;
                    piece.add_to(&mut totals);
                    why.push(None);
                }
                Err(unfit) => why.push(Some(unfit)),
            }
        }
        let entry = match row {
            Row::Notification(row) => ManifestEntry::Notification(NotificationEntry {
                notification: row.notification,
                connection: row.connection,
                event_id: row.event_id,
                accepted_at: row.accepted_at,
                unfit: why.pop().flatten(),
            }),
            Row::Batch(row, staged) => ManifestEntry::Batch(entry(context, frozen, row, staged, why).await?),
        };
        unfit += match &entry {
            ManifestEntry::Notification(entry) => u64::from(entry.unfit.is_some()),
            ManifestEntry::Batch(entry) => entry.outcome.errors,
        };
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
    frozen: Frozen<'_>,
    rows: Vec<Owed>,
) -> Result<Totals, AwsError> {
    let mut totals = Totals::default();
    let mut pieces = pieces(context, rendering, frozen, rows);
    while let Some(next) = pieces.next().await {
        for piece in next?.1.into_iter().flatten() {
            if rendering.takes(&piece, &totals).is_ok() {
                piece.add_to(&mut totals);
            }
        }
    }
    Ok(totals)
}

/// A row of the buffer, and of a batch what the report needs to know of its records; none where that cannot be read.
enum Row {
    Notification(Box<NotificationDelivery>),
    Batch(Box<Batch>, Option<StagedBatch>),
}

/// Rows, each with its pieces of the file, or why it has none: of a notification one, of a batch one for each record.
type Pieces<'a> = BoxStream<'a, Result<(Row, Vec<Result<Piece, String>>), AwsError>>;

/// Renders rows one after another, in their order.
fn pieces<'a>(
    context: &'a Context,
    rendering: &'a Rendering<'_>,
    frozen: Frozen<'a>,
    rows: Vec<Owed>,
) -> Pieces<'a> {
    let is_large = rows.iter().any(|row| row.size_bytes() > MOST_WHOLE_BYTES as u64);
    let ahead = if is_large { 1 } else { AHEAD };
    let fetched = stream::iter(rows).map(|row| payload(context, row).boxed()).buffered(ahead);
    let rendered = move |(row, payload): (_, Option<Bytes>)| match row {
        Owed::Notification(row) => {
            let piece = match payload {
                Some(record) => rendering.record(&record).map_err(|e| e.to_string()),
                None => Err("its payload is not in the bucket any more".to_string()),
            };
            (Row::Notification(row), vec![piece])
        }
        Owed::Batch(row) => {
            let staged = payload.and_then(|bytes| serde_json::from_slice::<StagedBatch>(&bytes).ok());
            match staged.as_ref().and_then(|staged| staged.data().ok()) {
                Some(data) => {
                    let pieces = data.into_iter().map(|record| match frozen.takes_batches {
                        true => rendering.record(record.get().as_bytes()).map_err(|e| e.to_string()),
                        false => Err(A_FILE_EACH.to_string()),
                    });
                    let pieces = pieces.collect();
                    (Row::Batch(row, staged), pieces)
                }
                None => (Row::Batch(row, None), Vec::new()),
            }
        }
    };
    fetched.map_ok(rendered).boxed()
}

/// Why a record of a batch is in no file of a target that was changed since it was put into the buffer.
const A_FILE_EACH: &str = "the target makes a file for each record, and the records of a run go into one with the rest of their batch";

/// What a row puts into the file: of a notification the record as `deliver` left it, mapped or as it came.
async fn payload(context: &Context, row: Owed) -> Result<(Owed, Option<Bytes>), AwsError> {
    let key = match &row {
        Owed::Batch(row) => row.object.clone(),
        Owed::Notification(row) => match row.mapping {
            Some(_) => keys::record_object(
                &row.account,
                &row.notification,
                &row.connection,
                row.mapping_version.unwrap_or_default(),
            ),
            None => row.payload_object(),
        },
    };
    let payload = context.bucket.get(&key).await?.map(|object| object.bytes);
    Ok((row, payload))
}

/// The line of a batch in the manifest. Where records did not fit, which they are is in the bucket before it.
async fn entry(
    context: &Context,
    frozen: Frozen<'_>,
    row: Box<Batch>,
    staged: Option<StagedBatch>,
    why: Vec<Option<String>>,
) -> Result<BatchEntry, AwsError> {
    let (mut answers, mut lost) = (Answers::default(), None);
    match staged {
        None => lost = Some("its payload is not in the bucket any more, or cannot be read".to_string()),
        Some(staged) => {
            answers.records = staged
                .records
                .iter()
                .zip(why)
                .map(|(record, why)| Some(answer(record.action.settled(), why)))
                .collect();
        }
    }
    let outcome = match &lost {
        Some(_) => shared::delivery::Outcome { errors: row.records, ..Default::default() },
        None => answers.outcome(),
    };
    let mut object = None;
    if lost.is_none() && outcome.errors > 0 {
        let key = keys::export_answers(&row.account, &row.run, &row.id, frozen.batch, frozen.epoch);
        let bytes = serde_json::to_vec(&answers).map_err(|e| AwsError::damaged("a batch's answers", e))?;
        context.bucket.put(&key, bytes).await?;
        object = Some(key);
    }
    Ok(BatchEntry {
        run: row.run,
        first_ordinal: row.first_ordinal,
        part: row.part,
        connection: row.connection,
        accepted_at: row.accepted_at,
        payload: row.object,
        records: row.records,
        outcome,
        answers: object,
        lost,
    })
}

/// What becomes of a record of a batch once its file is through.
fn answer(settled: Settled, unfit: Option<String>) -> Answer {
    match unfit {
        None => Answer { result: settled, target_id: None, error: None, is_unfit: false },
        Some(why) => Answer { result: Settled::Error, target_id: None, error: Some(why), is_unfit: true },
    }
}
