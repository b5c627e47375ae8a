//! Deletes that follow from what is missing: only after a complete full read, and only up to the connection's ceiling.
//!
//! A record that a filter took out, or that is in error, is there: only a key that no record has is missing.

use serde_json::value::RawValue;
use shared::{
    aws::AwsError,
    change::Hash,
    connection::{Connection, Deletes},
    record::{Processor, RecordResult, Writer},
    run::{Failure, Input, Origin, Run},
    target_server::{TargetServer, TargetServerKind},
    wire::{Action, StagedRecord},
};

use super::{mapper::Purpose, out::Out};
use crate::{Context, error::Stop};

/// Code of a run that was refused since it would delete too many records.
const TOO_MANY: &str = "too_many_deletes";

/// Reason of a record that is missing and of which nothing is kept that the target would know it by.
const UNNAMED: &str = "delete_unnamed";

/// How a run deletes what is missing.
pub(super) struct Inferring {
    /// Of what the target has, in percent; none where a person has confirmed it.
    ceiling: Option<u8>,
}

impl Inferring {
    /// What the connection says for this run. One that takes files again infers nothing, since newer files may have
    /// come meanwhile; but where it was refused for its deletes, and the state is still the same, a person can confirm
    /// what was refused.
    pub(super) async fn of(
        context: &Context,
        run: &Run,
        connection: &Connection,
    ) -> Result<Option<Self>, Stop> {
        if connection.deletes == Deletes::None || run.takes_a_part() {
            return Ok(None);
        }
        let ceiling = match &run.rerun_of {
            None => Some(connection.delete_ceiling_percent),
            Some(_) if run.deletes_confirmed_by.is_none() => return Ok(None),
            Some(first) => {
                let first = context.table.run(&run.account, first).await?;
                let is_as_it_was = first.is_some_and(|first| {
                    first.failure.is_some_and(|failure| failure.code == TOO_MANY)
                        && first.state_etag == run.state_etag
                });
                if !is_as_it_was {
                    let why = "what the target has is another by now than when the run was refused, so its deletes \
                               cannot be confirmed any more; run the connection with a new file";
                    return Err(Stop::settings("confirmation_outdated", why));
                }
                None
            }
        };
        let target = &connection.target.target_server;
        let target = context.table.find::<TargetServer>(&run.account, target).await?;
        if target.is_some_and(|found| found.resource.settings.kind == TargetServerKind::SftpExport) {
            let why = "the connection infers deletes, and a file cannot say that a record is gone; set deletes to none";
            return Err(Stop::settings("deletes_into_files", why));
        }
        Ok(Some(Self { ceiling }))
    }

    fn is_over(&self, missing: u64, known: u64) -> bool {
        self.ceiling.is_some_and(|percent| missing * 100 > known * u64::from(percent))
    }

    fn refused(&self, missing: u64, known: u64, run: &str) -> Stop {
        let message = format!(
            "the run would delete {missing} of the {known} records that the target has, which is more than {} in a \
             hundred, so nothing was sent; if they are to be deleted, POST /v1/runs/{run}/rerun with \
             {{\"confirm_deletes\": true}}; if not, have the source write a whole file",
            self.ceiling.unwrap_or_default()
        );
        Stop::Failed(Failure::new(Origin::Mapping, TOO_MANY, message, false))
    }
}

/// Why a file does not tell of every record that there is.
pub(super) fn why_not_whole(input: &Input, has_records: bool) -> String {
    let path = &input.path;
    match has_records {
        true => format!("{path} has records whose key cannot be read"),
        false => format!("{path} has no record"),
    }
}

/// Why what was read may not be everything, beside what the files themselves say.
fn why_not_all(run: &Run, mapped: &[&Input], left_out: &[String]) -> Option<String> {
    if let Some(failure) = &run.failure {
        return Some(failure.message.clone());
    }
    if let Some(path) = left_out.first() {
        return Some(format!("{path} could not be read"));
    }
    let is_mapped = |input: &Input| mapped.iter().any(|m| m.sha256 == input.sha256);
    let skipped = run.inputs.iter().find(|input| input.same_content_as.is_some() && !is_mapped(input));
    let same = |input: &Input| {
        format!("{} is as it was when it was read before, and was not read again", input.path)
    };
    run.left_behind.clone().or_else(|| skipped.map(same))
}

impl Out<'_> {
    /// Owes the target the deletes of what is missing, behind everything else; or says why nothing can be known to be
    /// missing.
    pub(super) fn infer_deletes(
        &mut self,
        mapped: &[&Input],
        left_out: &[String],
        not_whole: Option<String>,
    ) -> Result<Option<String>, Stop> {
        let Some(deletes) = &self.job.deletes else { return Ok(None) };
        if mapped.is_empty() {
            return Ok(None); // nothing was read
        }
        if let Some(why) = not_whole.or_else(|| why_not_all(&self.job.run, mapped, left_out)) {
            return Ok(Some(format!(
                "nothing is deleted, since not every record is known to be read: {why}"
            )));
        }
        let state = std::mem::take(&mut self.state);
        let (missing, known) = (state.missing().count() as u64, state.len() as u64);
        if deletes.is_over(missing, known) {
            match (self.purpose, deletes.refused(missing, known, &self.job.run.id)) {
                (Purpose::Tell { .. }, Stop::Failed(failure)) => {
                    return Ok(Some(format!("a run that sends would end so: {}", failure.message)));
                }
                (_, stop) => return Err(stop),
            }
        }
        self.close_batch()?;
        let taken_at = mapped.iter().map(|input| input.taken_at.as_millisecond()).max().unwrap_or_default();
        for gone in state.missing() {
            self.delete(gone.key, gone.source_id, gone.target_id, taken_at)?;
        }
        Ok(None)
    }

    fn delete(
        &mut self,
        key: Hash,
        source_id: Option<&str>,
        target_id: Option<&str>,
        taken_at: i64,
    ) -> Result<(), Stop> {
        self.ordinal += 1;
        if source_id.or(target_id).is_none() {
            self.counts.add_missing_error();
            let detail = "no file has it any more, and neither its key nor the target's id for it is kept, so the \
                          target cannot be told which it is; remove it there";
            return self.settled(&unnamed(self.ordinal, detail));
        }
        if let Purpose::Tell { reason, detail, .. } = self.purpose {
            self.counts.add_would_delete();
            return self.settled(&RecordResult {
                source_id: source_id.map(Into::into),
                target_id: target_id.map(Into::into),
                writer: Writer::None,
                reason: Some(reason.into()),
                ..unnamed(self.ordinal, detail)
            });
        }
        self.counts.add_missing();
        let record = StagedRecord {
            ordinal: self.ordinal,
            file: String::new(),
            place: None,
            line: 0,
            name: None,
            source_id: source_id.unwrap_or_default().into(),
            target_id: target_id.map(Into::into),
            action: Action::Delete,
            key: Some(key),
            hash: Hash([0; 16]),
            taken_at,
            cursor: None,
            input: None,
        };
        let nothing = RawValue::from_string("null".into()).map_err(|e| AwsError::damaged("a delete", e))?;
        self.owe(record, nothing)
    }
}

fn unnamed(ordinal: u64, detail: &str) -> RecordResult {
    RecordResult {
        ordinal,
        file: String::new(),
        line: 0,
        name: None,
        source_id: None,
        target_id: None,
        processor: Processor::Delete,
        writer: Writer::Error,
        reason: Some(UNNAMED.into()),
        field: None,
        detail: Some(detail.into()),
        pushed_as: None,
        input: None,
        place: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_is_a_share_of_what_the_target_has() {
        for (percent, missing, known, is_over) in [
            (10, 0, 0, false),
            (10, 10, 100, false),
            (10, 11, 100, true),
            (10, 1, 9, true),
            (10, 1, 10, false),
            (0, 0, 10, false),
            (0, 1, 1_000_000, true),
            (100, 10, 10, false),
        ] {
            let inferring = Inferring { ceiling: Some(percent) };
            assert_eq!(inferring.is_over(missing, known), is_over, "{missing} of {known}, {percent} %");
            assert!(!Inferring { ceiling: None }.is_over(missing, known));
        }
    }
}
