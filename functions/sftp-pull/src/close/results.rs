//! The results that were settled while reading, part by part.

use std::collections::VecDeque;

use shared::{
    keys,
    record::{RecordResult, RecordsIndex, RecordsPart, read_part},
    run::Run,
};

use super::damaged;
use crate::{Context, error::Stop};

/// Gives them back in order, holding one part at a time.
pub(super) struct ReadResults<'a> {
    context: &'a Context,
    parts: VecDeque<RecordsPart>,
    current: VecDeque<RecordResult>,
}

impl<'a> ReadResults<'a> {
    pub(super) async fn open(context: &'a Context, run: &Run) -> Result<Self, Stop> {
        let key = keys::records_index(&run.account, &run.id, "read");
        let object = context.bucket.get(&key).await?.ok_or_else(|| damaged(&key, "it is not there"))?;
        let index: RecordsIndex = serde_json::from_slice(&object.bytes).map_err(|e| damaged(&key, e))?;
        Ok(Self { context, parts: index.parts.into(), current: VecDeque::new() })
    }

    /// The next result, if its record comes before `ordinal`.
    pub(super) async fn next_before(&mut self, ordinal: u64) -> Result<Option<RecordResult>, Stop> {
        while self.current.is_empty() {
            let Some(part) = self.parts.pop_front() else { return Ok(None) };
            let object = self.context.bucket.get(&part.object).await?;
            let object = object.ok_or_else(|| damaged(&part.object, "it is not there"))?;
            self.current = read_part(&object.bytes).map_err(|e| damaged(&part.object, e))?.into();
        }
        Ok(self.current.pop_front_if(|result| result.ordinal < ordinal))
    }
}
