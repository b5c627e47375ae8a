//! Merges what was settled while reading with what the target answered, in the order of the records.

use futures::{StreamExt, stream};
use shared::{
    aws::AwsError,
    counts::Counts,
    delivery::Batch,
    keys,
    reasons::Reasons,
    record::{Part, PartWriter, RecordResult, RecordsPart},
    run::Run,
};

use super::{damaged, results::ReadResults, settled::load, state::StateUpdate};
use crate::{Context, error::Stop, limit::Limit, transform::store};

/// Batches whose payloads are fetched ahead.
const AHEAD: usize = 8;

/// What the report comes to.
pub(super) struct Folded {
    /// The run's final counts.
    pub(super) counts: Counts,
    /// Reasons of its records.
    pub(super) reasons: Reasons,
    /// Its parts.
    pub(super) parts: Vec<RecordsPart>,
}

/// Writes the whole report.
pub(super) async fn fold(
    context: &Context,
    run: &Run,
    batches: Vec<Batch>,
    state: &mut StateUpdate,
    limit: &Limit,
) -> Result<Folded, Stop> {
    let in_time = || match limit.is_over() {
        true => Err(Stop::OutOfTime("writing the report".into())),
        false => Ok(()),
    };
    let mut report = Report {
        context,
        run,
        parts: Vec::new(),
        writer: PartWriter::default(),
        reasons: Reasons::default(),
    };
    let mut read = ReadResults::open(context, run).await?;
    let mut counts = run.counts;
    // The parts of a batch that was split carry records of one range: they are taken together.
    let groups: Vec<Vec<Batch>> =
        batches.chunk_by(|a, b| a.first_ordinal == b.first_ordinal).map(<[_]>::to_vec).collect();
    let mut loaded = stream::iter(groups).map(|group| load(context, group)).buffered(AHEAD);
    while let Some(group) = loaded.next().await {
        in_time()?;
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
        in_time()?;
        report.add(&rest).await?;
    }
    let (parts, reasons) = report.finish().await?;
    let reported: u64 = parts.iter().map(|p| p.records).sum();
    if counts.owed() != 0 || reported != counts.reported() {
        let detail = format!("{} owed, {reported} reported of {}", counts.owed(), counts.reported());
        return Err(damaged("the run's batches", detail));
    }
    Ok(Folded { counts, reasons, parts })
}

/// The report as it is written, part by part.
struct Report<'a> {
    context: &'a Context,
    run: &'a Run,
    parts: Vec<RecordsPart>,
    writer: PartWriter,
    reasons: Reasons,
}

impl Report<'_> {
    async fn add(&mut self, result: &RecordResult) -> Result<(), Stop> {
        self.reasons.add(result);
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

    async fn finish(mut self) -> Result<(Vec<RecordsPart>, Reasons), Stop> {
        let last = std::mem::take(&mut self.writer).finish().map_err(|e| damaged("a record result", e))?;
        if let Some(part) = last {
            self.put(part).await?;
        }
        let index = keys::records_index(&self.run.account, &self.run.id, "final");
        store::index(self.context, &index, self.parts.clone()).await?;
        Ok((self.parts, self.reasons))
    }
}
