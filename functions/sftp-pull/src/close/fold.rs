//! Merges what was settled while reading with what the target answered, in the order of the records.

use futures::{StreamExt, stream};
use shared::{
    aws::AwsError,
    counts::{Counts, Settled},
    delivery::{Batch, DeliveryState},
    keys,
    record::{Part, PartWriter, Processor, RecordResult, RecordsPart, Writer},
    run::Run,
    wire::{Action, Answer, Answers, StagedBatch},
};

use super::{damaged, results::ReadResults, state::StateUpdate};
use crate::{Context, error::Stop, transform::store};

/// Batches whose payloads are fetched ahead.
const AHEAD: usize = 8;

/// Writes the whole report and answers the run's final counts.
pub(super) async fn fold(
    context: &Context,
    run: &Run,
    batches: Vec<Batch>,
    state: &mut StateUpdate,
) -> Result<Counts, Stop> {
    let mut report = Report { context, run, parts: Vec::new(), writer: PartWriter::default() };
    let mut read = ReadResults::open(context, run).await?;
    let mut counts = run.counts;
    // The parts of a batch that was split carry records of one range: they are taken together.
    let groups: Vec<Vec<Batch>> =
        batches.chunk_by(|a, b| a.first_ordinal == b.first_ordinal).map(<[_]>::to_vec).collect();
    let mut loaded = stream::iter(groups).map(|group| load(context, group)).buffered(AHEAD);
    while let Some(group) = loaded.next().await {
        for settled in group? {
            while let Some(earlier) = read.next_before(settled.result.ordinal).await? {
                report.add(&earlier).await?;
            }
            counts.settle(settled.how, 1).map_err(|e| damaged("the run's counts", e))?;
            state.note(&settled);
            report.add(&settled.result).await?;
        }
    }
    while let Some(rest) = read.next_before(u64::MAX).await? {
        report.add(&rest).await?;
    }
    let reported = report.finish().await?;
    if counts.owed() != 0 || reported != counts.read() {
        let detail = format!("{} owed, {reported} reported of {} read", counts.owed(), counts.read());
        return Err(damaged("the run's batches", detail));
    }
    Ok(counts)
}

/// A record that was owed, and how it ended.
pub(super) struct SettledRecord {
    pub(super) result: RecordResult,
    pub(super) how: Settled,
    pub(super) key: Option<shared::change::Hash>,
    pub(super) hash: shared::change::Hash,
}

async fn load(context: &Context, group: Vec<Batch>) -> Result<Vec<SettledRecord>, Stop> {
    let mut settled = Vec::new();
    for batch in group {
        let staged: StagedBatch = object(context, &batch.object).await?;
        let answers: Option<Answers> = match &batch.answer_object {
            Some(key) => Some(object(context, key).await?),
            None => None,
        };
        for (i, record) in staged.records.into_iter().enumerate() {
            let (how, answer, reason, detail) = match (&answers, batch.state) {
                (_, DeliveryState::Dead) => {
                    (Settled::Error, None, Some("undeliverable"), batch.last_error.clone())
                }
                (None, _) => (record.action.settled(), None, None, None),
                (Some(answers), _) => match answers.records.get(i).cloned().flatten() {
                    // Left out by the answer: it is in the part that was split off.
                    None => continue,
                    Some(Answer { result: Settled::Error, error, target_id }) => {
                        (Settled::Error, target_id, Some("refused_by_target"), error)
                    }
                    Some(Answer { result, target_id, .. }) => (result, target_id, None, None),
                },
            };
            let processor = match record.action {
                Action::Create => Processor::Create,
                Action::Update => Processor::Update,
            };
            settled.push(SettledRecord {
                how,
                key: record.key,
                hash: record.hash,
                result: RecordResult {
                    ordinal: record.ordinal,
                    file: record.file,
                    line: record.line,
                    name: record.name,
                    source_id: Some(record.source_id),
                    target_id: answer,
                    processor,
                    writer: Writer::from(how),
                    reason: reason.map(Into::into),
                    field: None,
                    detail,
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

/// The report as it is written, part by part.
struct Report<'a> {
    context: &'a Context,
    run: &'a Run,
    parts: Vec<RecordsPart>,
    writer: PartWriter,
}

impl Report<'_> {
    async fn add(&mut self, result: &RecordResult) -> Result<(), Stop> {
        let full = self.writer.add(result).map_err(|e| damaged("a record result", e))?;
        match full {
            Some(part) => Ok(self.put(part).await?),
            None => Ok(()),
        }
    }

    async fn put(&mut self, part: Part) -> Result<(), AwsError> {
        let number = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        let object = keys::records_part(&self.run.account, &self.run.id, "final", number);
        self.parts.push(store::part(self.context, object, part).await?);
        Ok(())
    }

    async fn finish(mut self) -> Result<u64, Stop> {
        let last = std::mem::take(&mut self.writer).finish().map_err(|e| damaged("a record result", e))?;
        if let Some(part) = last {
            self.put(part).await?;
        }
        let records = self.parts.iter().map(|p| p.records).sum();
        let index = keys::records_index(&self.run.account, &self.run.id, "final");
        store::index(self.context, &index, self.parts).await?;
        Ok(records)
    }
}
