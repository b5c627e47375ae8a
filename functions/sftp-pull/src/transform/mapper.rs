//! The blocking side: reads the files from the bucket, maps record by record, and packs what comes of it.

use std::{io::Read, sync::Arc};

use serde_json::value::RawValue;
use shared::{
    aws::AwsError,
    change::{Change, Hash, State},
    connection::Ceiling,
    counts::Counts,
    mapping::{
        Compiled, FileError, Incoming, Mapped, Outcome, Provenance, Settled, Winners, records, settle,
    },
    reasons::Reasons,
    record::{Part, PartWriter, Processor, RecordResult, Writer},
    run::{Failure, Input, Origin, Run},
    wire::{Action, StagedRecord},
};
use tokio::sync::mpsc::Sender;

use super::{
    cursor::Boundary,
    deletes::{self, Inferring},
    open::Files,
    wanted::{Missed, Only, Wanted},
};
use crate::{error::Stop, state_object};

/// Bytes of data at which a batch is closed, however few records it has.
const BATCH_BYTES: usize = 1024 * 1024;

/// How many bytes of text a packed one comes to, well packed.
const UNPACKED_FACTOR: u64 = 10;

/// Reason of a record whose key a later run has delivered with other data.
const SUPERSEDED_BY_LATER_RUN: &str = "superseded_by_later_run";

/// Reason of a record that the target has, and that was changed well before what the target took last.
const BEFORE_CURSOR: &str = "before_cursor";

/// Bytes that a new record comes to in the state without its source id: its head, and a target id of some length.
const ENTRY_BYTES: usize = 44 + 24;

/// What the blocking side hands over to be stored.
pub(super) enum Piece {
    /// Records owed to the target, with their data.
    Batch(Vec<StagedRecord>, Vec<Box<RawValue>>),
    /// Results of records that are settled already.
    Part(Part),
}

/// Everything that mapping needs.
pub(super) struct Job {
    pub(super) files: Files,
    pub(super) run: Run,
    pub(super) compare: bool,
    pub(super) batch_size: u64,
    pub(super) mapping: Arc<Compiled>,
    /// Where set, records that are missing are deleted.
    pub(super) deletes: Option<Inferring>,
    /// Where set, records are held against the connection's cursor.
    pub(super) cursor: Option<Boundary>,
    /// Memory of the function.
    pub(super) memory_mib: u64,
    /// Where set, the records that this run is about; the rest of its files is passed over.
    pub(super) only: Option<Only>,
    /// How many errors end the reading.
    pub(super) ceiling: Ceiling,
}

/// What becomes of records that are in order.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// They are staged, to be sent.
    Send,
    /// They are told, each with this reason, and none is staged: all of them, or as many as were read.
    Tell { reason: &'static str, detail: &'static str, until: Option<u64> },
}

impl Job {
    /// Maps every input that is not a repetition of the content before it.
    ///
    /// A file that cannot be unpacked, or read as the mapping states, is left out as a whole, before its first record: the
    /// others go on their way, and the failure says which it was. Where none can be read, the run fails.
    pub(super) fn run(&self, purpose: Purpose, state: State, sender: Sender<Piece>) -> Result<Mapping, Stop> {
        let all: Vec<_> = self.run.inputs.iter().filter(|i| i.same_content_as.is_none()).collect();
        let files = all.len();
        let (inputs, mut left_out) = self.files.sound(all)?;
        if self.only.is_some() {
            inputs.iter().try_for_each(|input| self.files.verify(input))?;
        }
        let mut winners = self.settle(&inputs)?;
        let mut wanted = self.only.as_ref().map(|only| Wanted::new(self, only));
        let mut out = Out {
            job: self,
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
        };
        let mut not_whole = None;
        'files: for (i, input) in inputs.iter().enumerate() {
            let mut records = match records(self.open(input)?, &self.mapping) {
                Ok(records) => records,
                Err(error) => {
                    left_out.push((input.path.clone(), left_out_or_stop(input, error)?));
                    continue;
                }
            };
            let before = out.ordinal;
            while let Some(settled) = winners.read(i, &mut records) {
                let outcome = match settled.map_err(|e| Stop::file(&input.path, e))? {
                    Settled::Mapped(record) => Outcome::Record(record.take()),
                    Settled::Other(outcome) => outcome,
                };
                if let Some(wanted) = &mut wanted {
                    let place = (number(&self.run, input), outcome.place());
                    while let Some(missed) = wanted.next_before(place)? {
                        out.miss(missed)?;
                    }
                    if !wanted.has(place, &outcome)? {
                        continue;
                    }
                }
                out.take(input, outcome)?;
                if out.is_over() {
                    break 'files;
                }
            }
            if out.ordinal == before || !records.is_complete() {
                not_whole = not_whole.or_else(|| Some(deletes::why_not_whole(input, out.ordinal > before)));
            }
        }
        let not_found = match wanted {
            Some(wanted) => self.not_found(wanted, &mut out)?,
            None => None,
        };
        let (left_out, failures): (Vec<String>, Vec<Failure>) = left_out.into_iter().unzip();
        let failure = failures.first().cloned().map(|first| Failure {
            message: failures.iter().map(|f| f.message.as_str()).collect::<Vec<_>>().join("; "),
            ..first
        });
        match failure {
            Some(failure) if left_out.len() == files => Err(Stop::Failed(failure)),
            failure => {
                let is_over = matches!(purpose, Purpose::Send) && self.ceiling.forbids(&out.counts);
                let is_all = !is_over && !matches!(purpose, Purpose::Tell { until: Some(_), .. });
                let warning = if is_all { out.infer_deletes(&inputs, &left_out, not_whole)? } else { None };
                let (counts, reasons) = out.finish()?;
                let failure = failure.or(not_found);
                Ok(Mapping { counts, reasons, left_out, failure, warning, is_over })
            }
        }
    }

    /// Opens a file that is known to be sound, with what records may say of where they come from.
    fn open<'i>(&'i self, input: &'i Input) -> Result<Incoming<'i, impl Read + use<>>, Stop> {
        let Run { id, scheduled_for, started_at, .. } = &self.run;
        let provenance = Provenance {
            file: Some(&input.path),
            run: Some(id),
            scheduled_for: *scheduled_for,
            started_at: *started_at,
        };
        Ok(Incoming { reader: self.files.open(input)?, provenance })
    }

    /// Finds out which records count; larger files are read once more for that.
    fn settle<'a>(&'a self, inputs: &'a [&Input]) -> Result<Winners<'a>, Stop> {
        let sizes: Vec<u64> = inputs.iter().map(|input| self.unpacked_bytes(input)).collect();
        let open = move |at: usize| self.open(inputs[at]);
        settle(&self.mapping, &sizes, open, |at, error| left_out_or_stop(inputs[at], error).map(|_| ()))
    }

    /// About how many bytes a file has when it is unpacked.
    fn unpacked_bytes(&self, input: &Input) -> u64 {
        let factor = if self.files.compression.is_some() { UNPACKED_FACTOR } else { 1 };
        input.size_bytes.saturating_mul(factor)
    }

    /// Reports the records that this run is about and that are no longer where they were, and says how many they are.
    fn not_found(&self, mut wanted: Wanted<'_>, out: &mut Out<'_>) -> Result<Option<Failure>, Stop> {
        while let Some(missed) = wanted.next_before((u32::MAX, u64::MAX))? {
            out.miss(missed)?;
        }
        let message = format!(
            "{} of the {} records that this run is about are no longer on their lines, since the mapping reads the \
             file in another way now; rerun the whole run instead",
            wanted.missed, wanted.all
        );
        Ok((wanted.missed > 0).then(|| Failure::new(Origin::Mapping, RETRY_INCOMPLETE, message, false)))
    }
}

/// Code of a record that is no longer on its line, and of a run that has such records.
const RETRY_INCOMPLETE: &str = "retry_incomplete";

/// Which of the run's inputs a file is, from 1.
fn number(run: &Run, input: &Input) -> u32 {
    let at = run.inputs.iter().position(|other| std::ptr::eq(other, input)).unwrap_or_default();
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

/// What mapping all files came to.
pub(super) struct Mapping {
    /// Every record of the files that could be read.
    pub(super) counts: Counts,
    /// The reasons of those that are settled.
    pub(super) reasons: Reasons,
    /// Paths of the files that could not be read.
    pub(super) left_out: Vec<String>,
    /// Why they could not.
    pub(super) failure: Option<Failure>,
    /// What a person should know beside.
    pub(super) warning: Option<String>,
    /// Whether too many records are in error for any to be sent.
    pub(super) is_over: bool,
}

/// A file that is left out is a failure of the run; anything else stops the work.
pub(super) fn left_out_or_stop(input: &Input, error: FileError) -> Result<Failure, Stop> {
    match Stop::file(&input.path, error) {
        Stop::Failed(failure) => Ok(failure),
        other => Err(other),
    }
}

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

impl Out<'_> {
    fn take(&mut self, input: &Input, outcome: Outcome) -> Result<(), Stop> {
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
    fn is_over(&self) -> bool {
        match self.purpose {
            Purpose::Send => self.job.ceiling.ends_reading(&self.counts),
            Purpose::Tell { until, .. } => until == Some(self.ordinal),
        }
    }

    /// Takes a record that this run is about and that is not there: its failure stays in a report.
    fn miss(&mut self, missed: Missed) -> Result<(), Stop> {
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

    fn finish(mut self) -> Result<(Counts, Reasons), Stop> {
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
