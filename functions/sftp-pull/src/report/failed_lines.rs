//! The failed records of each input, cut out of the file in the bucket as it came.

use std::{io, sync::Arc};

use shared::{
    failed_files::{FailedFile, FailedLinesFile},
    keys,
    mapping::{Compiled, Copied, FailedLines, FailedRecord, REASON_COLUMN},
    record::{RecordResult, RecordsPart},
    run::{Input, Run},
};

use super::{errors::Errors, object_writer::ObjectWriter};
use crate::{error::Stop, transform::open::Files};

/// Cuts them out.
pub(super) struct Cut {
    pub(super) files: Files,
    pub(super) mapping: Arc<Compiled>,
    pub(super) run: Run,
}

impl Cut {
    /// Writes the files of all inputs that have failed records, and lists them.
    pub(super) fn all(&self, parts: Vec<RecordsPart>) -> Result<Vec<FailedFile>, Stop> {
        let mut errors = Errors::new(&self.files, parts);
        let mut done: Vec<FailedFile> = Vec::new();
        while let Some(number) = errors.next_input()? {
            let number = number.ok_or_else(unknown)?;
            let input = self.run.inputs.get(number as usize - 1).ok_or_else(unknown)?;
            // Results are in the order of the inputs; where they were not, a second file would replace the first.
            if done.iter().any(|file| file.input == number) {
                return Err(unknown());
            }
            done.push(self.input(number, input, &mut errors)?);
        }
        Ok(done)
    }

    fn input(&self, number: u32, input: &Input, errors: &mut Errors<'_>) -> Result<FailedFile, Stop> {
        let format = self.mapping.failed_lines();
        let reasons = keys::failed_reasons(&self.run.account, &self.run.id, number);
        let has_reasons = format.as_ref().is_some_and(FailedLines::has_reasons);
        let mut failed = Failed {
            errors,
            input: number,
            records: 0,
            reasons: (!has_reasons).then(|| ObjectWriter::begin(&self.files, &reasons)),
            stop: None,
        };
        let lines = match format {
            Some(format) => self.lines(number, input, &format, &mut failed).map(Some),
            None => failed.by_ref().try_for_each(|one| one.map(drop)).map(|()| None).map_err(broken),
        };
        // What stopped the source of the records is the cause of what the copy came to.
        let lines = match (failed.stop.take(), lines) {
            (Some(stop), _) => Err(stop),
            (None, lines) => lines,
        };
        match (lines, failed.reasons) {
            (Ok(lines), written) => {
                let is_written = written.is_some();
                written.map_or(Ok(()), ObjectWriter::complete)?;
                Ok(FailedFile {
                    input: number,
                    file: input.path.clone(),
                    records: failed.records,
                    lines,
                    reasons: is_written.then_some(reasons),
                })
            }
            (Err(stop), written) => {
                if let Some(object) = written {
                    object.abort();
                }
                Err(stop)
            }
        }
    }

    fn lines(
        &self,
        number: u32,
        input: &Input,
        format: &FailedLines,
        failed: &mut Failed<'_, '_>,
    ) -> Result<FailedLinesFile, Stop> {
        let object = keys::failed_lines(&self.run.account, &self.run.id, number);
        let content = self.files.open(input)?;
        let mut writer = ObjectWriter::begin(&self.files, &object);
        match format.copy(content, failed, &mut writer) {
            Ok(Copied { records, missing }) => {
                writer.complete()?;
                Ok(FailedLinesFile {
                    object,
                    content_type: format.content_type().into(),
                    records,
                    missing,
                    reason_column: format.has_reasons().then(|| REASON_COLUMN.to_string()),
                })
            }
            Err(error) => {
                writer.abort();
                Err(Stop::file(&input.path, error.into()))
            }
        }
    }
}

/// The failed records of one input; those whose lines do not have their reasons are written down as they go by.
struct Failed<'e, 'f> {
    errors: &'e mut Errors<'f>,
    input: u32,
    records: u64,
    reasons: Option<ObjectWriter>,
    /// Why there are no more, where that is not the end.
    stop: Option<Stop>,
}

impl Failed<'_, '_> {
    fn write_down(&mut self, result: &RecordResult) -> io::Result<()> {
        let Some(reasons) = &mut self.reasons else { return Ok(()) };
        serde_json::to_writer(&mut *reasons, result)?;
        io::Write::write_all(reasons, b"\n")
    }
}

impl Iterator for Failed<'_, '_> {
    type Item = io::Result<FailedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = match self.errors.next_of(self.input) {
            Ok(result) => result?,
            Err(stop) => {
                self.stop = Some(stop);
                return Some(Err(io::Error::other("the report cannot be read")));
            }
        };
        self.records += 1;
        if let Err(error) = self.write_down(&result) {
            return Some(Err(error));
        }
        let reason = result.reason.unwrap_or_default();
        Some(Ok(FailedRecord { line: result.line, reason }))
    }
}

fn unknown() -> Stop {
    Stop::settings("report_too_old", "the report does not say which of its inputs its records are from")
}

fn broken(error: io::Error) -> Stop {
    Stop::Broken(shared::chain(&error))
}
