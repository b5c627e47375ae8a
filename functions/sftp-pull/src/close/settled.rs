//! What became of the records of a batch, from its row, its payload and the target's answers.

use jiff::Timestamp;
use shared::{
    change::Hash,
    counts::Settled,
    delivery::{Batch, DeathCause, DeliveryState},
    record::{Processor, RecordResult, Writer},
    wire::{Action, Answer, Answers, StagedBatch},
};

use super::damaged;
use crate::{Context, error::Stop};

/// Reason of a record that does not fit the format of its target's files.
const UNFIT: &str = DeathCause::Unmappable.code();

/// Reason of a record whose file was not sent, since the folder had one of its name.
const EXISTS: &str = "exists";

/// A record that was owed, and how it ended.
pub(super) struct SettledRecord {
    pub(super) result: RecordResult,
    pub(super) how: Settled,
    /// Whether the target said no: then it has not taken it.
    pub(super) is_refused: bool,
    pub(super) action: Action,
    /// What it has in the column of the connection's cursor.
    pub(super) cursor: Option<Timestamp>,
    pub(super) key: Option<Hash>,
    pub(super) hash: Hash,
    /// Whether the target may have got it.
    pub(super) was_sent: bool,
    /// When its file was taken, milliseconds since 1970.
    pub(super) taken_at: i64,
}

/// Loads the parts of one batch as it was read, in the order of the records.
pub(super) async fn load(context: &Context, group: Vec<Batch>) -> Result<Vec<SettledRecord>, Stop> {
    let mut settled = Vec::new();
    for batch in group {
        let staged: StagedBatch = object(context, &batch.object).await?;
        let answers: Option<Answers> = match &batch.answer_object {
            Some(key) => Some(object(context, key).await?),
            None => None,
        };
        for (i, record) in staged.records.into_iter().enumerate() {
            let answer = answers.as_ref().map(|answers| answers.records.get(i).cloned().flatten());
            let (how, answer, reason, detail) = match (answer, batch.state) {
                // It was not in the file, whatever became of that.
                (Some(Some(Answer { is_unfit: true, error, .. })), _) => {
                    (Settled::Error, None, Some(UNFIT), error)
                }
                (_, DeliveryState::Dead) => {
                    let cause = batch.died_of.unwrap_or(DeathCause::Undeliverable);
                    match cause {
                        DeathCause::Filtered => {
                            (Settled::Filtered, None, Some(EXISTS), batch.last_error.clone())
                        }
                        cause => (Settled::Error, None, Some(cause.code()), batch.last_error.clone()),
                    }
                }
                (None, _) => (record.action.settled(), None, None, None),
                (Some(answer), _) => match answer {
                    // Left out by the answer: it is in the part that was split off.
                    None => continue,
                    Some(Answer { result: Settled::Error, error, target_id, .. }) => {
                        (Settled::Error, target_id, Some("refused_by_target"), error)
                    }
                    Some(Answer { result, target_id, .. }) => (result, target_id, None, None),
                },
            };
            let processor = match (how, record.action) {
                (Settled::Filtered, _) => Processor::Filter,
                (_, Action::Create) => Processor::Create,
                (_, Action::Update) => Processor::Update,
                (_, Action::Delete) => Processor::Delete,
            };
            let is_written = !matches!(how, Settled::Error | Settled::Filtered);
            settled.push(SettledRecord {
                how,
                is_refused: reason == Some("refused_by_target"),
                action: record.action,
                cursor: record.cursor,
                key: record.key,
                hash: record.hash,
                was_sent: batch.attempts > 0 && reason != Some(UNFIT),
                taken_at: record.taken_at,
                result: RecordResult {
                    ordinal: record.ordinal,
                    file: record.file,
                    line: record.line,
                    name: record.name,
                    source_id: Some(record.source_id).filter(|id| !id.is_empty()),
                    target_id: answer.or(record.target_id),
                    processor,
                    writer: Writer::from(how),
                    reason: reason.map(Into::into),
                    field: None,
                    detail,
                    pushed_as: batch.pushed_as.clone().filter(|_| is_written),
                    input: record.input,
                    place: record.place,
                },
            });
        }
    }
    settled.sort_by_key(|s| s.result.ordinal);
    Ok(settled)
}

async fn object<T: serde::de::DeserializeOwned>(context: &Context, key: &str) -> Result<T, Stop> {
    let object = context.bucket.get(key).await?.ok_or_else(|| damaged(key, "it is not there"))?;
    serde_json::from_slice(&object.bytes).map_err(|e| damaged(key, e))
}
