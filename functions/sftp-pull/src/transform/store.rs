//! The storing side: payloads and parts into the bucket, batch rows into the table.

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::value::RawValue;
use shared::{
    aws::AwsError,
    connection::Connection,
    delivery::{Batch, DeliveryState, Outcome, WaitingFor},
    id, keys,
    message::DeliveryMessage,
    record::{Part, RecordsIndex, RecordsPart},
    run::Run,
    wire::{self, StagedRecord},
};
use tokio::sync::mpsc::Receiver;

use super::out::Piece;
use crate::Context;

/// Pieces that are stored at once.
const AT_ONCE: usize = 6;

/// What was stored.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) batches: Vec<DeliveryMessage>,
    pub(super) parts: Vec<RecordsPart>,
}

enum Place {
    Batch(DeliveryMessage),
    Part(RecordsPart),
}

/// Stores pieces as they come, several at once, in their order.
pub(super) async fn store(
    context: &Context,
    run: &Run,
    connection: &Connection,
    receiver: Receiver<Piece>,
) -> Result<Stored, AwsError> {
    let clock = context.clock;
    let pieces =
        stream::unfold((receiver, 0u32, 0), move |(mut receiver, mut parts, mut last_ms)| async move {
            let piece = receiver.recv().await?;
            let number = parts;
            parts += u32::from(matches!(piece, Piece::Part(_)));
            // In the order of the records, which is that of a file that they go into.
            last_ms = clock().as_millisecond().max(last_ms);
            Some(((piece, number, last_ms), (receiver, parts, last_ms)))
        });
    let places = pieces.map(|(piece, number, accepted_at)| async move {
        match piece {
            Piece::Batch(records, data) => {
                batch(context, run, connection, accepted_at, records, &data).await.map(Place::Batch)
            }
            Piece::Part(done) => {
                let object = keys::records_part(&run.account, &run.id, "read", number);
                part(context, object, done).await.map(Place::Part)
            }
        }
    });
    let collect = |mut stored: Stored, place| async move {
        match place {
            Place::Batch(message) => stored.batches.push(message),
            Place::Part(part) => stored.parts.push(part),
        }
        Ok(stored)
    };
    places.buffered(AT_ONCE).try_fold(Stored::default(), collect).await
}

async fn batch(
    context: &Context,
    run: &Run,
    connection: &Connection,
    accepted_at: i64,
    records: Vec<StagedRecord>,
    data: &[Box<RawValue>],
) -> Result<DeliveryMessage, AwsError> {
    let first_ordinal = records.first().map_or(0, |r| r.ordinal);
    let count = records.len() as u64;
    let id = id::derived("bat", &[&run.id, &first_ordinal.to_string()]);
    let payload = wire::stage(&id, &run.id, records, data).map_err(|e| AwsError::damaged("a batch", e))?;
    let bytes = serde_json::to_vec(&payload).map_err(|e| AwsError::damaged("a batch", e))?;
    let object = keys::batch_object(&run.account, &run.id, &id);
    let size_bytes = bytes.len() as u64;
    context.bucket.put(&object, bytes).await?;
    let batch = Batch {
        id,
        account: run.account.clone(),
        run: run.id.clone(),
        connection: run.connection.clone(),
        target_server: connection.target.target_server.clone(),
        first_ordinal,
        part: 0,
        state: DeliveryState::Waiting,
        waiting_for: Some(WaitingFor::Release),
        attempts: 0,
        records: count,
        object,
        size_bytes,
        epoch: 0,
        staged_by: run.epoch,
        accepted_at,
        due: None,
        attempt_at: None,
        last_error: None,
        died_of: None,
        retried_by: None,
        failed_retries: 0,
        hub_failures: 0,
        dead_letters: 0,
        last_dead_letter_at: None,
        outcome: Outcome::default(),
        answer_object: None,
        flush_until: None,
        in_file: None,
        pushed_by: None,
        pushed_as: None,
    };
    context.table.stage_batch(&batch).await?;
    Ok(DeliveryMessage::batch(&run.account, &run.id, first_ordinal, 0))
}

/// Writes one part of the record results.
pub(crate) async fn part(context: &Context, object: String, part: Part) -> Result<RecordsPart, AwsError> {
    context.bucket.put(&object, part.bytes).await?;
    Ok(RecordsPart { object, records: part.records, errors: part.errors })
}

/// Writes the list of parts.
pub(crate) async fn index(context: &Context, object: &str, parts: Vec<RecordsPart>) -> Result<(), AwsError> {
    let bytes = serde_json::to_vec(&RecordsIndex { parts });
    context.bucket.put(object, bytes.map_err(|e| AwsError::damaged("a list of parts", e))?).await
}
