//! The records that a run is about which takes some of an earlier run's again: those of a dead batch, or those that
//! failed.
//!
//! Both are named by file and place, in the order in which they were read, and the files are read in the same order: so
//! each is met as the files go by, with memory for one part of a report however many they are. A file is the one that
//! failed by its hash ([`Files::verify`](super::open::Files::verify)), a record by its source id, where it has one.

use std::collections::VecDeque;

use shared::{
    aws::{AwsError, Table},
    delivery::{Batch, DeathCause, DeliveryState},
    keys,
    mapping::Outcome,
    record::{Processor, RecordResult, RecordsIndex, RecordsPart, Writer, read_part},
    run::Run,
    wire::{Action, StagedBatch, StagedRecord},
};

use super::mapper::Job;
use crate::{Context, error::Stop};

/// Where a run finds the records that it is about.
pub(super) enum Only {
    /// The records of a dead batch.
    Batch(Vec<StagedRecord>),
    /// The errors in the report of an earlier run.
    Report {
        /// Its parts that have errors.
        parts: Vec<RecordsPart>,
        /// Ordinals of records whose batch another run has taken again, in order.
        taken: Vec<u64>,
    },
}

/// How long the rows of batches are sure to be kept; they say which of them were taken again.
const ROWS_KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(34 * 24);

impl Only {
    /// Finds them; None for a run that takes all of its files.
    pub(super) async fn of(context: &Context, run: &Run, compare: bool) -> Result<Option<Self>, Stop> {
        if let Some(batch) = &run.retry_of {
            let object = context.bucket.get(&batch.object).await?;
            let object = object.ok_or_else(|| {
                Stop::settings(
                    "batch_gone",
                    "the dead batch is no longer in the bucket; rerun its run instead",
                )
            })?;
            let records = staged(&batch.object, &object.bytes)?;
            if records.iter().all(|record| record.action == Action::Delete) {
                let why = "the batch's records are deletes, which follow from what is missing now; the connection's next \
                           complete read sends those that still are";
                return Err(Stop::settings("deletes_not_retried", why));
            }
            return Ok(Some(Self::Batch(records)));
        }
        let Some(failed) = &run.failed_of else { return Ok(None) };
        let earlier = context.table.run(&run.account, failed).await?;
        let earlier = earlier.ok_or_else(|| Stop::settings("no_run", "the earlier run is not there"))?;
        // Without comparison nothing else would tell that another run has sent them.
        let age = earlier.ended_at.map(|ended| (context.clock)().duration_since(ended));
        if !compare && earlier.batches_total > 0 && age.is_some_and(|age| age > ROWS_KEPT) {
            let why = "the run ended over 34 days ago, and what was sent again since is not known any more; rerun it \
                       whole, or have its records sent in a new file";
            return Err(Stop::settings("too_old", why));
        }
        let stage = if earlier.batches_total > 0 { "final" } else { "read" };
        let key = keys::records_index(&run.account, failed, stage);
        let object = context.bucket.get(&key).await?;
        let object = object.ok_or_else(|| {
            Stop::settings(
                "report_gone",
                "the earlier run has no whole report any more; rerun it whole instead",
            )
        })?;
        let index: RecordsIndex =
            serde_json::from_slice(&object.bytes).map_err(|e| AwsError::damaged(&key, e))?;
        let parts = index.parts.into_iter().filter(|part| part.errors > 0).collect();
        Ok(Some(Self::Report { parts, taken: taken_by_others(context, run, failed).await? }))
    }
}

/// Marks the dead batches of the earlier run, and lists the records of those that another run has taken again.
async fn taken_by_others(context: &Context, run: &Run, failed: &str) -> Result<Vec<u64>, Stop> {
    // What a target's policy left out on purpose failed in nothing.
    let dead = |b: &Batch| b.state == DeliveryState::Dead && b.died_of != Some(DeathCause::Filtered);
    let mut taken = Vec::new();
    for batch in context.table.batches(&run.account, failed).await?.into_iter().filter(dead) {
        let gone = || {
            Stop::settings("batch_gone", "a batch that died is no longer in the bucket; rerun the whole run")
        };
        let object = context.bucket.get(&batch.object).await?.ok_or_else(gone)?;
        let records = staged(&batch.object, &object.bytes)?;
        // Deletes are taken by no rerun.
        let is_deletes = records.iter().all(|record| record.action == Action::Delete);
        if !is_deletes && !mark(&context.table, &batch, run).await? {
            taken.extend(records.into_iter().map(|record| record.ordinal));
        }
    }
    taken.sort_unstable();
    Ok(taken)
}

async fn mark(table: &Table, batch: &Batch, run: &Run) -> Result<bool, AwsError> {
    if batch.retried_by.as_ref() == Some(&run.id) {
        return Ok(true);
    }
    table.batch_taken_again(batch, run).await
}

fn staged(key: &str, bytes: &[u8]) -> Result<Vec<StagedRecord>, AwsError> {
    let staged: StagedBatch = serde_json::from_slice(bytes).map_err(|e| AwsError::damaged(key, e))?;
    Ok(staged.records)
}

/// A record that is wanted.
pub(super) struct Missed {
    pub(super) input: Option<u32>,
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) place: Option<u64>,
    pub(super) name: Option<String>,
    pub(super) source_id: Option<String>,
}

impl Missed {
    /// Its input and its place in it. An input that is not known comes before all others, and is not found.
    fn place(&self) -> (u32, u64) {
        (self.input.unwrap_or_default(), self.place.unwrap_or(self.line))
    }

    /// Its source id, where that is more than its place.
    fn key(&self) -> Option<&str> {
        let id = self.source_id.as_deref()?;
        let (_, place) = self.place();
        let names = [format!("line {place}"), format!("record {place}"), format!("{}:{place}", self.file)];
        let is_place = names.iter().any(|name| name == id);
        (!is_place).then_some(id)
    }
}

/// The wanted records that have not been met yet.
pub(super) struct Wanted<'a> {
    job: &'a Job,
    parts: VecDeque<RecordsPart>,
    taken: &'a [u64],
    current: VecDeque<Missed>,
    /// Wanted records so far.
    pub(super) all: u64,
    /// Those of them that were not met.
    pub(super) missed: u64,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(job: &'a Job, only: &'a Only) -> Self {
        let (parts, taken, records): (_, _, &[StagedRecord]) = match only {
            Only::Batch(records) => (VecDeque::new(), &[][..], records),
            Only::Report { parts, taken } => (parts.clone().into(), &taken[..], &[]),
        };
        let current: VecDeque<_> = records.iter().map(|record| of_batch(&job.run, record)).collect();
        Self { job, parts, taken, all: current.len() as u64, current, missed: 0 }
    }

    /// The next wanted record that was to come before this place, and did not.
    pub(super) fn next_before(&mut self, place: (u32, u64)) -> Result<Option<Missed>, Stop> {
        self.load()?;
        let next = self.current.pop_front_if(|next| next.place() < place);
        self.missed += u64::from(next.is_some());
        Ok(next)
    }

    /// Says whether the record at this place is wanted.
    pub(super) fn has(&mut self, place: (u32, u64), outcome: &Outcome) -> Result<bool, Stop> {
        self.load()?;
        let source_id = match outcome {
            Outcome::Record(record) => Some(record.source_id.as_str()),
            Outcome::Filtered(record) => record.source_id.as_deref(),
            Outcome::Error(record) => record.source_id.as_deref(),
        };
        let source_id = source_id.filter(|_| self.job.mapping.has_key());
        let is_same = |next: &Missed| next.key().zip(source_id).is_none_or(|(was, is)| was == is);
        let found = self.current.pop_front_if(|next| next.place() == place && is_same(next));
        Ok(found.is_some())
    }

    fn load(&mut self) -> Result<(), Stop> {
        while self.current.is_empty() {
            let Some(part) = self.parts.pop_front() else { return Ok(()) };
            let files = &self.job.files;
            let object = files.runtime.block_on(files.bucket.get(&part.object))?;
            let object = object.ok_or_else(|| AwsError::damaged(&part.object, "it is not there"))?;
            let results = read_part(&object.bytes).map_err(|e| AwsError::damaged(&part.object, e))?;
            let failed = results.into_iter().filter(|result| {
                // A delete follows from what is missing when everything is read, and from nothing else.
                let is_delete = result.processor == Processor::Delete;
                result.writer == Writer::Error
                    && !is_delete
                    && self.taken.binary_search(&result.ordinal).is_err()
            });
            self.current = failed.map(|result| of_report(&self.job.run, result)).collect();
            self.all += self.current.len() as u64;
        }
        Ok(())
    }
}

/// Where the record of a batch is.
fn of_batch(run: &Run, record: &StagedRecord) -> Missed {
    let is_its = |input: &shared::run::Input| {
        input.path == record.file && input.taken_at.as_millisecond() == record.taken_at
    };
    let at = || run.inputs.iter().position(is_its);
    Missed {
        input: record.input.or_else(|| at().and_then(|at| u32::try_from(at + 1).ok())),
        file: record.file.clone(),
        line: record.line,
        place: record.place,
        name: record.name.clone(),
        source_id: Some(record.source_id.clone()),
    }
}

/// Where the record of a report is. In one from before inputs had numbers, the path has to name a single one.
fn of_report(run: &Run, result: RecordResult) -> Missed {
    let at = || {
        let mut found = run.inputs.iter().enumerate().filter(|(_, input)| input.path == result.file);
        match (found.next(), found.next()) {
            (Some((at, _)), None) => u32::try_from(at + 1).ok(),
            _ => None,
        }
    };
    Missed {
        input: result.input.or_else(at),
        file: result.file,
        line: result.line,
        place: result.place,
        name: result.name,
        source_id: result.source_id,
    }
}
