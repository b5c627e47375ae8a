//! The blocking side: reads the files from the bucket, and maps record by record; `out.rs` packs what comes of it.

use std::{io::Read, sync::Arc};

use shared::{
    change::State,
    connection::Ceiling,
    counts::Counts,
    mapping::{Compiled, FileError, Incoming, Outcome, Provenance, Settled, Winners, records, settle},
    reasons::Reasons,
    run::{Failure, Input, Origin, Run},
};
use tokio::sync::mpsc::Sender;

use super::{
    cursor::Boundary,
    deletes::{self, Inferring},
    open::Files,
    out::{Out, Piece, RETRY_INCOMPLETE},
    wanted::{Only, Wanted},
};
use crate::error::Stop;

/// How many bytes of text a packed one comes to, well packed.
const UNPACKED_FACTOR: u64 = 10;

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
        let mut out = Out::new(self, purpose, state, sender);
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

/// Which of the run's inputs a file is, from 1.
pub(super) fn number(run: &Run, input: &Input) -> u32 {
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
