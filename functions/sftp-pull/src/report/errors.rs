//! The errors of a report, one after another, holding one part at a time.

use std::collections::VecDeque;

use shared::{
    aws::AwsError,
    record::{Processor, RecordResult, RecordsPart, Writer, read_part},
};

use crate::{error::Stop, transform::open::Files};

/// Gives them back in the order of the records.
pub(super) struct Errors<'a> {
    files: &'a Files,
    parts: VecDeque<RecordsPart>,
    current: VecDeque<RecordResult>,
}

impl<'a> Errors<'a> {
    pub(super) fn new(files: &'a Files, parts: Vec<RecordsPart>) -> Self {
        Self { files, parts: parts.into(), current: VecDeque::new() }
    }

    /// The input of the next one; `Some(None)` where that is not known.
    pub(super) fn next_input(&mut self) -> Result<Option<Option<u32>>, Stop> {
        while self.current.is_empty() {
            let Some(part) = self.parts.pop_front() else { return Ok(None) };
            let object = self.files.runtime.block_on(self.files.bucket.get(&part.object))?;
            let object = object.ok_or_else(|| AwsError::damaged(&part.object, "it is not there"))?;
            let results = read_part(&object.bytes).map_err(|e| AwsError::damaged(&part.object, e))?;
            // A delete is of no file.
            let is_of_a_file = |result: &RecordResult| result.processor != Processor::Delete;
            let errors = results.into_iter().filter(|result| result.writer == Writer::Error);
            self.current = errors.filter(is_of_a_file).collect();
        }
        Ok(self.current.front().map(|result| result.input))
    }

    /// The next one, if it is of this input.
    pub(super) fn next_of(&mut self, input: u32) -> Result<Option<RecordResult>, Stop> {
        match self.next_input()? {
            Some(Some(next)) if next == input => Ok(self.current.pop_front()),
            _ => Ok(None),
        }
    }
}
