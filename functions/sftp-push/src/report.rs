//! The report, record by record: from the lists of the files that a run pushed.

use futures::{FutureExt, StreamExt, stream};
use shared::{
    aws::AwsError,
    delivery::{DeathCause, Outcome},
    export::{BatchEntry, ManifestEntry},
    keys,
    record::{Part, PartWriter, Processor, RecordResult, RecordsIndex, RecordsPart, Writer},
    run::{Output, Run},
    wire::{Action, Answers, StagedBatch, StagedRecord},
};

use crate::{Context, freeze::manifest, settle::not_sent};

/// Rows whose payloads are fetched ahead.
const AHEAD: usize = 8;

/// Writes what became of each record of a run. Doing it again writes the same objects.
pub(crate) async fn write(context: &Context, run: &Run) -> Result<(), AwsError> {
    if run.outputs.is_empty() {
        return Ok(());
    }
    let (mut writer, mut parts, mut ordinal) = (PartWriter::default(), Vec::new(), 0);
    let damaged = |e| AwsError::damaged("a part of the report", e);
    for output in &run.outputs {
        let mut line = 0;
        let entries = stream::iter(manifest(context, &output.manifest).await?);
        let mut rows = entries.map(|entry| records(context, entry).boxed()).buffered(AHEAD);
        while let Some(records) = rows.next().await {
            for record in records? {
                ordinal += 1;
                line += u64::from(record.unfit.is_none());
                let not_sent = match record.lost {
                    Some(why) => Some((DeathCause::Undeliverable, why)),
                    None => not_sent(output.result, record.unfit.as_deref(), &output.path),
                };
                let fate = fate(output, record.action, not_sent, ordinal, line);
                let result = RecordResult { name: record.name, source_id: Some(record.source_id), ..fate };
                if let Some(part) = writer.add(&result).map_err(damaged)? {
                    store(context, run, &mut parts, part).await?;
                }
            }
        }
    }
    if let Some(part) = writer.finish().map_err(damaged)? {
        store(context, run, &mut parts, part).await?;
    }
    let index = serde_json::to_vec(&RecordsIndex { parts });
    let index = index.map_err(|e| AwsError::damaged("the list of a report's parts", e))?;
    context.bucket.put(&keys::records_index(&run.account, &run.id, "final"), index).await
}

/// A record of a file, or one that did not get into it.
struct Record {
    name: Option<String>,
    source_id: String,
    action: Action,
    unfit: Option<String>,
    lost: Option<String>,
}

/// The records of a row, as it was frozen. Memory is needed for those of one batch.
async fn records(context: &Context, entry: ManifestEntry) -> Result<Vec<Record>, AwsError> {
    let entry = match entry {
        ManifestEntry::Batch(entry) => entry,
        ManifestEntry::Notification(entry) => {
            return Ok(vec![Record {
                name: Some(entry.event_id),
                source_id: format!("{}-{}", entry.notification, entry.connection),
                action: Action::Create,
                unfit: entry.unfit,
                lost: None,
            }]);
        }
    };
    let lost = |why: &str| {
        let record = |n: u64| Record {
            name: None,
            source_id: format!("{}, record {n}", entry.name()),
            action: Action::Create,
            unfit: None,
            lost: Some(why.into()),
        };
        (1..=entry.records).map(record).collect()
    };
    if let Some(why) = &entry.lost {
        return Ok(lost(why));
    }
    let staged: Option<StagedBatch> = object(context, &entry.payload).await?;
    let answers: Option<Answers> = match &entry.answers {
        Some(key) => object(context, key).await?,
        None => Some(Answers::default()),
    };
    let Some((staged, answers)) = staged.zip(answers) else { return Ok(nameless(&entry)) };
    let mut answers = answers.records.into_iter();
    let record = |record: StagedRecord| {
        let answer = answers.next().flatten();
        Record {
            name: record.name,
            source_id: record.source_id,
            action: record.action,
            unfit: answer.filter(|answer| answer.is_unfit).and_then(|answer| answer.error),
            lost: None,
        }
    };
    Ok(staged.records.into_iter().map(record).collect())
}

/// The records of a batch that was open for so long that its payload is gone: as many as there were, of each kind.
fn nameless(entry: &BatchEntry) -> Vec<Record> {
    let Outcome { created, updated, .. } = entry.outcome;
    let record = |n: u64| Record {
        name: None,
        source_id: format!("one of {}: its payload is not in the bucket any more", entry.name()),
        action: if n <= created { Action::Create } else { Action::Update },
        unfit: (n > created + updated).then(|| "it did not fit the format of the target's files".into()),
        lost: None,
    };
    (1..=entry.records).map(record).collect()
}

async fn object<T: serde::de::DeserializeOwned>(context: &Context, key: &str) -> Result<Option<T>, AwsError> {
    let Some(object) = context.bucket.get(key).await? else { return Ok(None) };
    serde_json::from_slice(&object.bytes).map(Some).map_err(|e| AwsError::damaged(key, e))
}

fn fate(
    output: &Output,
    action: Action,
    not_sent: Option<(DeathCause, String)>,
    ordinal: u64,
    line: u64,
) -> RecordResult {
    let (processor, writer, reason, detail) = match (not_sent, action) {
        (None, Action::Create) => (Processor::Create, Writer::Created, None, None),
        (None, Action::Update) => (Processor::Update, Writer::Updated, None, None),
        (None, Action::Delete) => (Processor::Delete, Writer::Deleted, None, None),
        (Some((DeathCause::Filtered, why)), _) => {
            (Processor::Filter, Writer::None, Some("exists".to_string()), Some(why))
        }
        (Some((cause, why)), _) => {
            (Processor::None, Writer::Error, Some(cause.code().to_string()), Some(why))
        }
    };
    RecordResult {
        ordinal,
        file: output.path.clone(),
        line,
        name: None,
        source_id: None,
        target_id: None,
        processor,
        writer,
        reason,
        field: None,
        detail,
        pushed_as: None,
        input: None,
        place: None,
    }
}

async fn store(
    context: &Context,
    run: &Run,
    parts: &mut Vec<RecordsPart>,
    part: Part,
) -> Result<(), AwsError> {
    let number = u32::try_from(parts.len() + 1).unwrap_or(u32::MAX);
    let object = keys::records_part(&run.account, &run.id, "final", number);
    context.bucket.put(&object, part.bytes).await?;
    parts.push(RecordsPart { object, records: part.records, errors: part.errors });
    Ok(())
}
