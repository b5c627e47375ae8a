//! The freeze: what is in a file is fixed, and in the bucket, before any of it is sent.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::{Timestamp, tz::TimeZone};
use shared::{
    aws::{AwsError, gates::Of, owed::Owed, piecewise::PiecewiseObject, pushes::Which},
    export::{Export, FileName, FilesPer, ManifestEntry, Named, OpenBatch, Phase, Rendering},
    keys,
};

use crate::{Context, error::Stop, render::render, together::SMALL_BYTES};

/// Most rows of a file, notifications and batches: their list is held in memory. What is more makes the next file of the
/// same run.
const MOST_ROWS: usize = 10_000;

/// Batches that are taken up at once.
const AT_ONCE: usize = 16;

/// Most bytes of the payloads of a file: it has to be frozen within an invocation.
const MOST_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// The rows that make the next files, which go together.
pub(crate) struct Chosen {
    pub(crate) files: Vec<Vec<Owed>>,
    /// Whether nothing more waits for them: of all, or of their connections where each has files of its own.
    pub(crate) is_all: bool,
}

/// What is known of a file while it is frozen.
#[derive(Clone, Copy)]
pub(crate) struct Frozen<'a> {
    /// Id of its batch.
    pub(crate) batch: &'a str,
    /// Of the holder that freezes it.
    pub(crate) epoch: u64,
    /// Whether records of runs may be in it.
    pub(crate) takes_batches: bool,
}

/// Chooses the oldest rows that make the next file, or where each record or connection has files of its own, the next ones
/// that go together; of connections, those that are not `through` yet.
pub(crate) async fn choose(
    context: &Context,
    of: Of<'_>,
    export: &Export,
    through: &HashSet<String>,
    most_files: usize,
) -> Result<Chosen, AwsError> {
    let now = (context.clock)();
    let rows = match export.files_per() {
        FilesPer::Batch => context.table.buffered(of, Which::All, MOST_ROWS, now).await?,
        FilesPer::Record => {
            let rows = context.table.buffered(of, Which::All, most_files, now).await?;
            let (found, files) = (rows.len(), together(rows.into_iter().map(|row| vec![row]), most_files));
            return Ok(Chosen { is_all: found < most_files && files.len() == found, files });
        }
        FilesPer::Connection => {
            let rows = context.table.buffered(of, Which::Besides(through), MOST_ROWS, now).await?;
            if rows.len() < MOST_ROWS {
                let files = together(by_connection(rows).into_iter(), most_files);
                if files.len() != 1 {
                    return Ok(Chosen { files, is_all: true });
                }
                return Ok(one_file(files.into_iter().flatten().collect(), true));
            }
            let Some(oldest) = rows.first().map(|row| row.connection().to_string()) else {
                return Ok(Chosen { files: Vec::new(), is_all: true });
            };
            context.table.buffered(of, Which::Of(&oldest), MOST_ROWS, now).await?
        }
    };
    let is_all = rows.len() < MOST_ROWS;
    Ok(one_file(rows, is_all))
}

/// As many of the rows as fit into one file.
fn one_file(mut rows: Vec<Owed>, is_all: bool) -> Chosen {
    let mut size_bytes = 0;
    let fitting = rows.iter().take_while(|row| {
        let fits = size_bytes == 0 || size_bytes + row.size_bytes() <= MOST_BYTES;
        size_bytes += row.size_bytes();
        fits
    });
    let fitting = fitting.count();
    let is_all = is_all && fitting == rows.len();
    rows.truncate(fitting);
    Chosen { files: if rows.is_empty() { Vec::new() } else { vec![rows] }, is_all }
}

/// The rows of each connection, the one with the oldest row first.
fn by_connection(rows: Vec<Owed>) -> Vec<Vec<Owed>> {
    let mut files: Vec<Vec<Owed>> = Vec::new();
    let mut places = HashMap::new();
    for row in rows {
        let place = *places.entry(row.connection().to_string()).or_insert_with(|| {
            files.push(Vec::new());
            files.len() - 1
        });
        files[place].push(row);
    }
    files
}

/// The first of the files, and those behind it that go together with it.
fn together(files: impl Iterator<Item = Vec<Owed>>, most: usize) -> Vec<Vec<Owed>> {
    let mut are_small = true;
    let chosen = files.take(most).enumerate().take_while(|(n, rows)| {
        are_small &= is_small(rows);
        are_small || *n == 0
    });
    chosen.map(|(_, rows)| rows).collect()
}

/// Says whether the file of these rows goes with others. A batch of a run does not: it has to be taken up, which may fail.
fn is_small(rows: &[Owed]) -> bool {
    rows.iter().all(|row| matches!(row, Owed::Notification(_)))
        && rows.iter().map(Owed::size_bytes).sum::<u64>() <= SMALL_BYTES
}

/// Takes the batches among the rows up for the file with this number, and leaves out those that wait no more: of a run
/// that was cancelled meanwhile, or over their time. Until the file is through nobody gives the others up: their runs
/// report what it made of them, and close on that. A notification needs no such write, since nothing else follows from
/// what becomes of it.
pub(crate) async fn take_up(context: &Context, number: u64, rows: Vec<Owed>) -> Result<Vec<Owed>, AwsError> {
    let taken = stream::iter(rows).map(async |row| {
        let is_taken = match &row {
            Owed::Batch(batch) => context.table.take_up_batch(batch, number).await?,
            Owed::Notification(_) => true,
        };
        Ok::<_, AwsError>(is_taken.then_some(row))
    });
    taken.buffered(AT_ONCE).try_filter_map(async |row| Ok(row)).try_collect().await
}

/// Fixes the content of a batch that is open: bytes and list go into the bucket, under keys of this holder's own.
pub(crate) async fn freeze(
    context: &Context,
    of: Of<'_>,
    export: &Export,
    mut batch: OpenBatch,
    epoch: u64,
    rows: Vec<Owed>,
) -> Result<OpenBatch, Stop> {
    let now = (context.clock)();
    let name = FileName::parse(&export.file_name).map_err(|why| Stop::settings("bad_file_name", &why))?;
    let zone = context.table.account(of.account).await?.map(|a| a.account.time_zone).unwrap_or_default();
    let zone = TimeZone::get(&zone).unwrap_or(TimeZone::UTC);
    batch.connection = match export.files_per() {
        FilesPer::Batch => None,
        FilesPer::Connection | FilesPer::Record => rows.first().map(|row| row.connection().to_string()),
    };
    let opened = batch.clone();
    let named = Named {
        at: now,
        zone: &zone,
        number: opened.number,
        run: &opened.run,
        batch: &opened.id,
        connection: opened.connection.as_deref().unwrap_or_default(),
    };
    batch.name = name.of(&named);
    batch.object = keys::export_object(of.account, of.target_server, &batch.id, epoch);
    batch.manifest = keys::export_manifest(of.account, of.target_server, &batch.id, epoch);

    let rendering = Rendering::of(export).map_err(|why| Stop::settings("bad_format", &why))?;
    let packer = rendering.packer(&batch.name).map_err(|e| AwsError::damaged("a packed file", e))?;
    let mut file = PiecewiseObject::begin(&context.bucket, &batch.object);
    let takes_batches = export.files_per() != FilesPer::Record;
    let frozen = Frozen { batch: &opened.id, epoch, takes_batches };
    let rendered = match render(context, &rendering, &named, frozen, rows, packer, &mut file).await {
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
        connection: None,
        name: String::new(),
        object: String::new(),
        manifest: String::new(),
        records: 0,
        unfit: 0,
        size_bytes: 0,
        sha256: String::new(),
        uploaded_to: None,
        sent: None,
        furthest: 0,
        upload_ms: 0,
        renames_to: None,
        attempts: 0,
        is_blocked: false,
        has_done_file: false,
    }
}
