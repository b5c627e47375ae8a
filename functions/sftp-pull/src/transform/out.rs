//! What becomes of each record of a run: its result and its place in the counts, and where it is owed, its batch.

use serde_json::value::RawValue;
use shared::{
    aws::AwsError,
    change::{Change, Hash, State},
    counts::Counts,
    mapping::{Mapped, Outcome},
    reasons::Reasons,
    record::{Part, PartWriter, Processor, RecordResult, Writer},
    run::Input,
    wire::{Action, StagedRecord},
};
use tokio::sync::mpsc::Sender;

use super::{
    mapper::{Job, Purpose, number},
    wanted::Missed,
};
use crate::{error::Stop, state_object};

/// Bytes of data at which a batch is closed, however few records it has.
const BATCH_BYTES: usize = 1024 * 1024;

/// Reason of a record whose key a later run has delivered with other data.
const SUPERSEDED_BY_LATER_RUN: &str = "superseded_by_later_run";

/// Reason of a record that the target has, and that was changed well before what the target took last.
const BEFORE_CURSOR: &str = "before_cursor";

/// Bytes that a new record comes to in the state without its source id: its head, and a target id of some length.
const ENTRY_BYTES: usize = 44 + 24;

/// Code of a record that is no longer on its line, and of a run that has such records.
pub(super) const RETRY_INCOMPLETE: &str = "retry_incomplete";

/// What the blocking side hands over to be stored.
pub(super) enum Piece {
    /// Records owed to the target, with their data.
    Batch(Vec<StagedRecord>, Vec<Box<RawValue>>),
    /// Results of records that are settled already.
    Part(Part),
}

/// What the run's records come to, one after the other.
pub(super) struct Out<'a> {
    pub(super) job: &'a Job,
    pub(super) purpose: Purpose,
    sender: Sender<Piece>,
    pub(super) state: State,
    /// Bytes that come to the state's object, if the target takes what is owed.
    state_bytes: u64,
    pub(super) counts: Counts,
    reasons: Reasons,
    pub(super) ordinal: u64,
    bytes: usize,
    results: PartWriter,
    pub(super) records: Vec<StagedRecord>,
    data: Vec<Box<RawValue>>,
}

impl<'a> Out<'a> {
    pub(super) fn new(job: &'a Job, purpose: Purpose, state: State, sender: Sender<Piece>) -> Self {
        Self {
            job,
            purpose,
            sender,
            state_bytes: state.size_bytes(),
            state,
            counts: Counts::default(),
            reasons: Reasons::default(),
            ordinal: 0,
            bytes: 0,
            results: PartWriter::default(),
            records: Vec::new(),
            data: Vec::new(),
        }
    }

    /// Takes what a record of a file came to.
    pub(super) fn take(&mut self, input: &Input, outcome: Outcome) -> Result<(), Stop> {
        self.ordinal += 1;
        if let (Some(key), true) = (outcome.key(), self.job.deletes.is_some()) {
            self.state.see(Hash(*key));
        }
        let mut result = RecordResult {
            ordinal: self.ordinal,
            file: input.path.clone(),
            line: outcome.line(),
            name: None,
            source_id: None,
            target_id: None,
            processor: Processor::None,
            writer: Writer::None,
            reason: None,
            field: None,
            detail: None,
            pushed_as: None,
            input: Some(number(&self.job.run, input)),
            place: Some(outcome.place()).filter(|place| *place != outcome.line()),
        };
        match outcome {
            Outcome::Record(record) => return self.record(input, record, result),
            Outcome::Filtered(record) => {
                self.counts.add_filtered();
                result.processor = Processor::Filter;
                (result.name, result.source_id) = (record.name, record.source_id);
                (result.reason, result.detail) = (Some(record.reason), Some(record.detail));
            }
            Outcome::Error(record) => {
                self.counts.add_error();
                result.writer = Writer::Error;
                (result.name, result.source_id) = (record.name, record.source_id);
                (result.reason, result.detail) = (Some(record.reason.to_string()), Some(record.detail));
                result.field = record.field;
            }
        }
        self.settled(&result)
    }

    /// Says whether there is no need to read on.
    pub(super) fn is_over(&self) -> bool {
        match self.purpose {
            Purpose::Send => self.job.ceiling.ends_reading(&self.counts),
            Purpose::Tell { until, .. } => until == Some(self.ordinal),
        }
    }

    /// Takes a record that this run is about and that is not there: its failure stays in a report.
    pub(super) fn miss(&mut self, missed: Missed) -> Result<(), Stop> {
        self.ordinal += 1;
        self.counts.add_error();
        self.settled(&RecordResult {
            ordinal: self.ordinal,
            file: missed.file,
            line: missed.line,
            name: missed.name,
            source_id: missed.source_id,
            target_id: None,
            processor: Processor::None,
            writer: Writer::Error,
            reason: Some(RETRY_INCOMPLETE.into()),
            field: None,
            detail: Some("the record is no longer on this line, as the mapping reads the file now".into()),
            pushed_as: None,
            input: missed.input,
            place: missed.place,
        })
    }

    fn record(&mut self, input: &Input, record: Mapped, mut result: RecordResult) -> Result<(), Stop> {
        let (key, hash) = (record.key.map(Hash), Hash(record.hash));
        // Without a key only the place names a record, and two files of a run have the same lines.
        let source_id = match key {
            Some(_) => record.source_id,
            None => format!("{}:{}", input.path, record.place),
        };
        let cursor = self.job.cursor.as_ref().and_then(|boundary| boundary.of(&record.data));
        if let (Some(key), Some(boundary)) = (key, &self.job.cursor)
            && self.state.is_settled(key)
            && let Some(detail) = boundary.is_before(cursor)
        {
            self.counts.add_filtered();
            result.processor = Processor::Filter;
            (result.name, result.source_id) = (record.name, Some(source_id));
            (result.reason, result.detail) = (Some(BEFORE_CURSOR.into()), Some(detail));
            return self.settled(&result);
        }
        let asserted_at = self.asserted_at(input);
        let change = match key.filter(|_| self.job.compare) {
            Some(key) => self.state.compare(key, hash, asserted_at),
            None => Change::Create,
        };
        let action = match change {
            Change::Create => Action::Create,
            Change::Update => Action::Update,
            Change::Unchanged => {
                self.counts.add_unchanged();
                result.writer = Writer::Unchanged;
                result.target_id = key.and_then(|k| self.state.target_id(k)).map(Into::into);
                (result.name, result.source_id) = (record.name, Some(source_id));
                return self.settled(&result);
            }
            Change::Superseded => {
                self.counts.add_filtered();
                result.processor = Processor::Filter;
                (result.name, result.source_id) = (record.name, Some(source_id));
                result.reason = Some(SUPERSEDED_BY_LATER_RUN.into());
                result.detail =
                    Some("the target has newer data for this key, from a file taken later".into());
                return self.settled(&result);
            }
        };
        if let Purpose::Tell { reason, detail, .. } = self.purpose {
            match action {
                Action::Create => self.counts.add_would_create(),
                Action::Update => self.counts.add_would_update(),
                Action::Delete => self.counts.add_would_delete(),
            }
            result.processor = match action {
                Action::Create => Processor::Create,
                Action::Update => Processor::Update,
                Action::Delete => Processor::Delete,
            };
            (result.name, result.source_id) = (record.name, Some(source_id));
            (result.reason, result.detail) = (Some(reason.into()), Some(detail.into()));
            return self.settled(&result);
        }
        if change == Change::Create && self.job.compare {
            self.grows_by(source_id.len())?;
        }
        self.counts.add_owed();
        let Mapped { name, data, .. } = record;
        let data = RawValue::from_string(data).map_err(|e| AwsError::damaged("a mapped record", e))?;
        let record = StagedRecord {
            ordinal: result.ordinal,
            file: result.file,
            line: result.line,
            place: result.place,
            name,
            source_id,
            target_id: None,
            action,
            key: key.filter(|_| self.job.compare),
            hash,
            taken_at: input.taken_at.as_millisecond(),
            cursor,
            input: result.input,
        };
        self.owe(record, data)
    }

    /// Puts a record into the batch that is being filled.
    pub(super) fn owe(&mut self, record: StagedRecord, data: Box<RawValue>) -> Result<(), Stop> {
        self.bytes += data.get().len();
        self.records.push(record);
        self.data.push(data);
        if self.records.len() as u64 >= self.job.batch_size || self.bytes >= BATCH_BYTES {
            self.close_batch()?;
        }
        Ok(())
    }

    /// Admission puts runs in order, so what a run reads is newer than what runs before it read. Only a
    /// rerun takes files that may be older.
    fn asserted_at(&self, input: &Input) -> i64 {
        if self.job.run.rerun_of.is_some() { input.taken_at.as_millisecond() } else { i64::MAX }
    }

    /// Stops before anything is released where the state would not fit into memory once the target has taken all.
    fn grows_by(&mut self, id_bytes: usize) -> Result<(), Stop> {
        self.state_bytes += (ENTRY_BYTES + id_bytes) as u64;
        let memory_mib = self.job.memory_mib;
        if self.state_bytes > state_object::most_bytes(memory_mib) {
            return Err(state_object::too_large(self.state_bytes, memory_mib));
        }
        Ok(())
    }

    pub(super) fn settled(&mut self, result: &RecordResult) -> Result<(), Stop> {
        self.reasons.add(result);
        let full = self.results.add(result).map_err(|e| AwsError::damaged("a record result", e))?;
        full.map_or(Ok(()), |part| self.send(Piece::Part(part)))
    }

    pub(super) fn close_batch(&mut self) -> Result<(), Stop> {
        if self.records.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let piece = Piece::Batch(std::mem::take(&mut self.records), std::mem::take(&mut self.data));
        self.send(piece)
    }

    pub(super) fn finish(mut self) -> Result<(Counts, Reasons), Stop> {
        self.close_batch()?;
        let last = std::mem::take(&mut self.results).finish();
        if let Some(part) = last.map_err(|e| AwsError::damaged("a record result", e))? {
            self.send(Piece::Part(part))?;
        }
        Ok((self.counts, self.reasons))
    }

    fn send(&self, piece: Piece) -> Result<(), Stop> {
        self.sender.blocking_send(piece).map_err(|_| Stop::Broken("storing has stopped".into()))
    }
}
