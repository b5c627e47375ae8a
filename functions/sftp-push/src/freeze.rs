//! The freeze: what is in a file is fixed, and in the bucket, before any of it is sent.

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use jiff::{Timestamp, tz::TimeZone};
use sha2::{Digest, Sha256};
use shared::{
    aws::{AwsError, gates::Of, piecewise::PiecewiseObject},
    export::{Export, FileFormat, FileName, ManifestEntry, Named, OpenBatch, Phase, Rendering},
    id::hex,
    keys,
    notification::{MOST_WHOLE_BYTES, NotificationDelivery},
};

use crate::{Context, error::Stop};

/// Most records of a file: its list is held in memory. What is more makes the next file of the same run.
const MOST_RECORDS: usize = 10_000;

/// Most bytes of the payloads of a file: it has to be frozen, and uploaded to a slow server, within an invocation.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Payloads that are fetched ahead: 64 MiB at most. Of larger ones, which only a format changed meanwhile can bring in
/// among others, one at a time is in memory.
const AHEAD: usize = 16;

/// The rows that make the next file, and whether there may be more.
pub(crate) async fn rows(
    context: &Context,
    of: Of<'_>,
    export: &Export,
) -> Result<(Vec<NotificationDelivery>, bool), AwsError> {
    let most = if export.format == FileFormat::Payload { 1 } else { MOST_RECORDS };
    let mut rows = context.table.buffered(of, most, (context.clock)()).await?;
    let mut size_bytes = 0;
    let fitting = rows.iter().take_while(|row| {
        let fits = size_bytes == 0 || size_bytes + row.size_bytes <= MOST_BYTES;
        size_bytes += row.size_bytes;
        fits
    });
    let fitting = fitting.count();
    let may_be_more = rows.len() == most || fitting < rows.len();
    rows.truncate(fitting);
    Ok((rows, may_be_more))
}

/// Fixes the content of a batch that is open: bytes and list go into the bucket, under keys of this holder's own.
pub(crate) async fn freeze(
    context: &Context,
    of: Of<'_>,
    export: &Export,
    mut batch: OpenBatch,
    epoch: u64,
    rows: Vec<NotificationDelivery>,
) -> Result<OpenBatch, Stop> {
    let now = (context.clock)();
    let name = FileName::parse(&export.file_name).map_err(|why| Stop::settings("bad_file_name", &why))?;
    let zone = context.table.account(of.account).await?.map(|a| a.account.time_zone).unwrap_or_default();
    let zone = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
    batch.name =
        name.of(&Named { at: now, zone: &zone, number: batch.number, run: &batch.run, batch: &batch.id });
    batch.object = keys::export_object(of.account, of.target_server, &batch.id, epoch);
    batch.manifest = keys::export_manifest(of.account, of.target_server, &batch.id, epoch);

    let mut file = PiecewiseObject::begin(&context.bucket, &batch.object);
    let rendering = Rendering::of(export).map_err(|why| Stop::settings("bad_format", &why))?;
    let rendered = match write(context, &rendering, rows, &mut file).await {
        Ok(rendered) => rendered,
        Err(error) => {
            file.abort().await;
            return Err(error.into());
        }
    };
    context.bucket.put(&batch.manifest, rendered.manifest).await?;
    file.complete().await?;
    (batch.records, batch.unfit) = (rendered.records, rendered.unfit);
    (batch.size_bytes, batch.sha256) = (rendered.size_bytes, rendered.sha256);
    batch.phase = Phase::Frozen;
    tracing::info!(records = batch.records, size_bytes = batch.size_bytes, "a file is frozen");
    Ok(batch)
}

struct Rendered {
    manifest: Vec<u8>,
    records: u64,
    unfit: u64,
    size_bytes: u64,
    sha256: String,
}

/// The bytes of a file on their way into the bucket, counted and hashed.
struct Bytewise<'a> {
    file: &'a mut PiecewiseObject,
    sha: Sha256,
    size_bytes: u64,
}

impl Bytewise<'_> {
    async fn add(&mut self, bytes: &[u8]) -> Result<(), AwsError> {
        self.sha.update(bytes);
        self.size_bytes += bytes.len() as u64;
        self.file.add(bytes).await
    }
}

async fn write(
    context: &Context,
    rendering: &Rendering<'_>,
    rows: Vec<NotificationDelivery>,
    file: &mut PiecewiseObject,
) -> Result<Rendered, AwsError> {
    let (mut manifest, mut records, mut unfit) = (Vec::new(), 0, 0);
    let mut out = Bytewise { file, sha: Sha256::new(), size_bytes: 0 };
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
    let (size_bytes, sha256) = (out.size_bytes, hex(&out.sha.finalize()));
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

/// Reads the list of a batch's records.
pub(crate) async fn manifest(context: &Context, key: &str) -> Result<Vec<ManifestEntry>, AwsError> {
    let object = context.bucket.get(key).await?;
    let object = object.ok_or_else(|| AwsError::damaged(key, "the object is not there"))?;
    serde_json::Deserializer::from_slice(&object.bytes)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|e| AwsError::damaged(key, e))
}

/// A batch that is about to be filled.
pub(crate) fn new_batch(of: Of<'_>, run: &str, number: u64, now: Timestamp) -> OpenBatch {
    OpenBatch {
        id: shared::id::derived("exp", &[of.account, of.target_server, &number.to_string()]),
        run: run.into(),
        number,
        opened_at: now.as_millisecond(),
        phase: Phase::Freezing,
        name: String::new(),
        object: String::new(),
        manifest: String::new(),
        records: 0,
        unfit: 0,
        size_bytes: 0,
        sha256: String::new(),
        uploaded_to: None,
        renames_to: None,
        attempts: 0,
        is_blocked: false,
        has_done_file: false,
    }
}
