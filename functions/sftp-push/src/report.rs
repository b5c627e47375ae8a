//! The report, record by record: from the lists of the files that a run pushed.

use shared::{
    aws::AwsError,
    delivery::DeathCause,
    keys,
    record::{Part, PartWriter, Processor, RecordResult, RecordsIndex, RecordsPart, Writer},
    run::{Output, Run},
};

use crate::{Context, freeze::manifest, settle::not_sent};

/// Writes what became of each record of a run. Doing it again writes the same objects.
pub(crate) async fn write(context: &Context, run: &Run) -> Result<(), AwsError> {
    if run.outputs.is_empty() {
        return Ok(());
    }
    let (mut writer, mut parts, mut ordinal) = (PartWriter::default(), Vec::new(), 0);
    let damaged = |e| AwsError::damaged("a part of the report", e);
    for output in &run.outputs {
        let mut line = 0;
        for entry in manifest(context, &output.manifest).await? {
            ordinal += 1;
            line += u64::from(entry.unfit.is_none());
            let source_id = format!("{}-{}", entry.notification, entry.connection);
            let result = RecordResult {
                name: Some(entry.event_id.clone()),
                source_id: Some(source_id),
                ..fate(output, not_sent(output.result, &entry, &output.path), ordinal, line)
            };
            if let Some(part) = writer.add(&result).map_err(damaged)? {
                store(context, run, &mut parts, part).await?;
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

fn fate(output: &Output, not_sent: Option<(DeathCause, String)>, ordinal: u64, line: u64) -> RecordResult {
    let (processor, writer, reason, detail) = match not_sent {
        None => (Processor::Create, Writer::Created, None, None),
        Some((DeathCause::Filtered, why)) => {
            (Processor::Filter, Writer::None, Some("exists".to_string()), Some(why))
        }
        Some((cause, why)) => (Processor::None, Writer::Error, Some(cause.code().to_string()), Some(why)),
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
