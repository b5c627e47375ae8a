//! The work lease, and the writes of its holder: each is conditional on the holder's epoch.

use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValue, TransactWriteItem, Update, builders::UpdateBuilder,
};
use jiff::Timestamp;
use serde_json::json;

use super::super::{
    AwsError, Table, emf,
    error::{conditions, is_condition},
    table::{Item, key_item, n, read, s, update_if, value},
};
use crate::{
    announcement::{Happened, announcement},
    connection::Connection,
    counts::Counts,
    keys, metrics,
    resource::Settings,
    run::{Failure, Input, PartialInput, PinnedMapping, Run, RunStatus, TOO_MANY_ERRORS},
};

impl Table {
    /// Reads a run.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn run(&self, account: &str, run: &str) -> Result<Option<Run>, AwsError> {
        self.get(&keys::run(account, run)).await
    }

    /// Takes the work lease of a run that is not final and that no one holds; `None` otherwise.
    ///
    /// Until `lease_until` no one else gets it; then the row is due again.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn take_run(
        &self,
        account: &str,
        run: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Run>, AwsError> {
        let key = keys::run(account, run);
        let taken = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&key)))
            .update_expression(
                "SET epoch = epoch + :one, lease_until = :until, due = :until, due_shard = :shard, \
                 started_at = if_not_exists(started_at, :now_text)",
            )
            .condition_expression(
                "#status IN (:queued, :running, :delivering) \
                 AND (attribute_not_exists(lease_until) OR lease_until < :now)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":until", n(lease_until.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(&key)))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":now_text", s(now.to_string()))
            .expression_attribute_values(":queued", value(&RunStatus::Queued)?)
            .expression_attribute_values(":running", value(&RunStatus::Running)?)
            .expression_attribute_values(":delivering", value(&RunStatus::Delivering)?)
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match taken {
            Ok(answer) => answer.attributes.map(read).transpose(),
            Err(e) if is_condition(&e) => Ok(None),
            Err(e) => Err(AwsError::call("dynamodb:UpdateItem")(e)),
        }
    }

    /// Pins what a run uses from beginning to end, and sets it RUNNING.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn start_run(
        &self,
        run: &mut Run,
        settings: Connection,
        mapping: PinnedMapping,
        state_etag: String,
    ) -> Result<(), AwsError> {
        let values = [
            (":running", value(&RunStatus::Running)?),
            (":mapping", value(&mapping)?),
            (":settings", value(&settings)?),
            (":etag", s(&state_etag)),
        ];
        self.write_held(
            run,
            "SET #status = :running, mapping = :mapping, settings = :settings, state_etag = :etag",
            values,
        )
        .await?;
        run.status = RunStatus::Running;
        run.mapping = Some(mapping);
        run.settings = Some(settings);
        run.state_etag = Some(state_etag);
        Ok(())
    }

    /// Pins the state anew that the run compares with: somebody replaced it before anything was released.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn pin_state(&self, run: &mut Run, state_etag: String) -> Result<(), AwsError> {
        self.write_held(run, "SET state_etag = :etag", [(":etag", s(&state_etag))]).await?;
        run.state_etag = Some(state_etag);
        Ok(())
    }

    /// Notes how much of a file is in the bucket, for the next holder.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn note_partial_input(&self, run: &mut Run, partial: PartialInput) -> Result<(), AwsError> {
        self.write_held(run, "SET partial_input = :partial", [(":partial", value(&partial)?)]).await?;
        run.partial_input = Some(partial);
        Ok(())
    }

    /// Notes that every file is taken: nothing more comes from the server in this run.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn complete_inputs(&self, run: &mut Run) -> Result<(), AwsError> {
        let values = [
            (":true", value(&true)?),
            (":warnings", value(&run.warnings)?),
            (":failure", value(&run.failure)?),
            (":left", value(&run.left_behind)?),
        ];
        let set =
            "SET inputs_complete = :true, warnings = :warnings, failure = :failure, left_behind = :left";
        self.write_held(run, set, values).await?;
        run.inputs_complete = true;
        Ok(())
    }

    /// Releases the run's batches: RUNNING → DELIVERING in one write, which also gives the work lease back, so
    /// that whoever settles the last batch can close the run. The row stays due until all are final.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn release_run(
        &self,
        run: &mut Run,
        batches: u64,
        counts: Counts,
        deliver_until: Option<Timestamp>,
        due: Timestamp,
    ) -> Result<(), AwsError> {
        let values = [
            (":failure", value(&run.failure)?),
            (":delivering", value(&RunStatus::Delivering)?),
            (":batches", n(batches)),
            (":counts", value(&counts)?),
            (":deliver_until", value(&deliver_until)?),
            (":due", n(due.as_millisecond())),
            (":warnings", value(&run.warnings)?),
        ];
        let set = "SET #status = :delivering, batches_total = :batches, counts = :counts, due = :due, \
                   deliver_until = :deliver_until, failure = :failure, warnings = :warnings, \
                   released_by = :epoch, progress_epoch = :epoch REMOVE lease_until";
        self.write_held(run, set, values).await?;
        run.status = RunStatus::Delivering;
        run.batches_total = batches;
        run.released_by = run.epoch;
        run.deliver_until = deliver_until;
        run.counts = counts;
        Ok(())
    }

    /// Gives the work lease back; the row is woken at `due`. A holder that got the run further says so: only
    /// those that did not count against it.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn yield_run(&self, run: &Run, due: Timestamp, progress: bool) -> Result<(), AwsError> {
        let progress_epoch = if progress { run.epoch } else { run.progress_epoch };
        let dead_letters = if progress { 0 } else { run.dead_letters };
        let values = [
            (":letters", n(dead_letters)),
            (":due", n(due.as_millisecond())),
            (":progress", n(progress_epoch)),
            (":warnings", value(&run.warnings)?),
            (":seen", n(run.batches_final)),
        ];
        self.write_held(
            run,
            "SET due = :due, progress_epoch = :progress, dead_letters = :letters, warnings = :warnings, \
             batches_final_seen = :seen \
             REMOVE lease_until",
            values,
        )
        .await
    }

    /// Ends a run and frees its connection, in one transaction.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn finish_run(
        &self,
        run: &Run,
        status: RunStatus,
        counts: Counts,
        failure: Option<&Failure>,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let sent_nothing = counts.read() == 0 || failure.is_some_and(|f| f.code == TOO_MANY_ERRORS);
        if status == RunStatus::Error && sent_nothing {
            self.give_back(run).await?;
        }
        let damaged = |e| AwsError::damaged("a transaction", e);
        let end = self
            .held(
                run,
                "SET #status = :status, counts = :counts, failure = :failure, ended_at = :now, warnings = :warnings \
                 REMOVE due, due_shard, lease_until, partial_input",
            )
            .expression_attribute_values(":status", value(&status)?)
            .expression_attribute_values(":counts", value(&counts)?)
            .expression_attribute_values(":failure", value(&failure)?)
            .expression_attribute_values(":warnings", value(&run.warnings)?)
            .expression_attribute_values(":now", s(now.to_string()))
            .build()
            .map_err(damaged)?;
        let connection = keys::resource(&run.account, Connection::KIND, &run.connection);
        let free = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&connection)))
            .update_expression("REMOVE active_run")
            .condition_expression("active_run = :run")
            .expression_attribute_values(":run", s(&run.id))
            .build()
            .map_err(damaged)?;
        let mut writes: Vec<_> =
            [end, free].into_iter().map(|u| TransactWriteItem::builder().update(u).build()).collect();
        // Who only validates has asked for it, and looks at the report.
        let is_told = matches!(status, RunStatus::Error | RunStatus::Partial) && !run.validate_only;
        if is_told && self.hears(&run.account).await? {
            let data = json!({
                "run": run.id, "connection": run.connection, "status": status, "counts": counts,
                "failure": failure,
            });
            let kept = announcement(&run.account, Happened::RunFailed, &[&run.id], data, now);
            writes.push(self.announcing(&kept, now)?);
        }
        self.send_held(run, writes).await?;
        emf::print(&metrics::run_ended(status, &counts));
        Ok(())
    }

    /// Where a run that was to take a dead batch again sent nothing, the batch can be retried anew. Doing so twice
    /// changes nothing.
    pub(super) async fn give_batch_back(&self, run: &Run) -> Result<(), AwsError> {
        let Some(batch) = &run.retry_of else { return Ok(()) };
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::batch(&run.account, &batch.run, batch.first_ordinal, batch.part))))
            .update_expression(
                "SET owed_by = :owed, failed_retries = if_not_exists(failed_retries, :none) + :one REMOVE retried_by",
            )
            .condition_expression("retried_by = :run")
            .expression_attribute_values(":owed", s(&batch.owed_by))
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":run", s(&run.id));
        update_if(update).await?;
        Ok(())
    }

    pub(in crate::aws) async fn add_input(
        &self,
        run: &Run,
        input: &Input,
        with: Vec<Put>,
    ) -> Result<(), AwsError> {
        let update = self
            .held(run, "SET inputs = list_append(inputs, :inputs) REMOVE partial_input")
            .expression_attribute_values(":inputs", value(&[input])?)
            .build()
            .map_err(|e| AwsError::damaged("a transaction", e))?;
        let puts = with.into_iter().map(|p| TransactWriteItem::builder().put(p).build());
        let writes = std::iter::once(TransactWriteItem::builder().update(update).build()).chain(puts);
        self.send_held(run, writes.collect()).await
    }

    async fn send_held(&self, run: &Run, writes: Vec<TransactWriteItem>) -> Result<(), AwsError> {
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(()),
            Err(e) if conditions(&e).contains(&true) => Err(AwsError::LostLease(format!("run {}", run.id))),
            Err(e) => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
        }
    }

    fn held(&self, run: &Run, expression: &str) -> UpdateBuilder {
        let names =
            expression.contains("#status").then(|| [("#status".to_string(), "status".to_string())].into());
        Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::run(&run.account, &run.id))))
            .update_expression(expression)
            .condition_expression("epoch = :epoch AND attribute_exists(lease_until)")
            .set_expression_attribute_names(names)
            .expression_attribute_values(":epoch", n(run.epoch))
    }

    async fn write_held<const N: usize>(
        &self,
        run: &Run,
        expression: &str,
        values: [(&str, AttributeValue); N],
    ) -> Result<(), AwsError> {
        let update = self.held(run, expression).build().map_err(|e| AwsError::damaged("an update", e))?;
        let mut all: Item = update.expression_attribute_values.unwrap_or_default();
        all.extend(values.into_iter().map(|(name, value)| (name.to_string(), value)));
        let sent = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(Some(all))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(e) if is_condition(&e) => Err(AwsError::LostLease(format!("run {}", run.id))),
            Err(e) => Err(AwsError::call("dynamodb:UpdateItem")(e)),
        }
    }
}
