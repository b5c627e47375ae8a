//! The writes of the holder of a push's lease: each is conditional on its epoch and on the lease still being there.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update, builders::UpdateBuilder};
use jiff::Timestamp;
use serde_json::json;

use super::{
    super::{
        AwsError, Table, emf,
        error::conditions,
        gates::Of,
        table::{key_item, n, s, update_if, value},
    },
    key,
};
use crate::{
    announcement::{Happened, announcement},
    counts::Counts,
    export::{Breaker, OpenBatch, Push},
    keys, metrics,
    run::{Failure, Run, RunStatus},
};

/// How a push ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Of its run.
    pub status: RunStatus,
    /// What its records came to.
    pub counts: Counts,
    /// Why, if it failed.
    pub failure: Option<Failure>,
    /// Whether what is in the buffer, or in the open batch, did not get through.
    pub is_stuck: bool,
    /// When the target is looked at again, if by itself.
    pub next: Option<Timestamp>,
    /// Whether the failure is announced, where somebody hears.
    pub announces: bool,
}

pub(super) const HELD: &str = "epoch = :epoch AND attribute_exists(lease_until)";

impl Table {
    /// Writes down how far the open batch is, and that a person's decision is `applied`, where one was.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn note_batch(
        &self,
        of: Of<'_>,
        push: &mut Push,
        batch: OpenBatch,
        applied: bool,
    ) -> Result<(), AwsError> {
        let expression = match applied {
            true => "SET open_batch = :batch REMOVE decision",
            false => "SET open_batch = :batch",
        };
        let update = self
            .push_update(of, expression)
            .condition_expression(format!("{HELD} AND open_batch.id = :id"))
            .expression_attribute_values(":epoch", n(push.epoch))
            .expression_attribute_values(":batch", value(&batch)?)
            .expression_attribute_values(":id", s(&batch.id));
        if !update_if(update).await? {
            return Err(lost(of));
        }
        push.open_batch = Some(batch);
        if applied {
            push.decision = None;
        }
        Ok(())
    }

    /// Makes the run of a push that nobody asked for: the target is realtime. `false` where another was admitted since
    /// the lease was taken, or the lease is lost: the row says which.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn begin_push(&self, of: Of<'_>, push: &mut Push, run: &Run) -> Result<bool, AwsError> {
        let held = self
            .held_push(of, push, "SET active_run = :run", "attribute_not_exists(active_run)")
            .expression_attribute_values(":run", s(&run.id));
        let writes = vec![of_update(held)?, self.put_run(run, None)?];
        match self.send_held_push(of, writes).await {
            Ok(()) => {
                push.active_run = Some(run.id.clone());
                Ok(true)
            }
            Err(AwsError::LostLease(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sets the run of a push RUNNING, and notes which holder of the lease began it.
    ///
    /// # Errors
    /// When the call fails, or the run has ended.
    pub async fn start_push(&self, run: &mut Run, epoch: u64, now: Timestamp) -> Result<(), AwsError> {
        let (started, holder) = match run.status {
            RunStatus::Queued => (now, epoch),
            _ => (run.started_at.unwrap_or(now), run.progress_epoch),
        };
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::run(&run.account, &run.id))))
            .update_expression("SET #status = :running, started_at = :at, progress_epoch = :holder")
            .condition_expression("#status IN (:queued, :running)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":running", value(&RunStatus::Running)?)
            .expression_attribute_values(":queued", value(&RunStatus::Queued)?)
            .expression_attribute_values(":at", s(started.to_string()))
            .expression_attribute_values(":holder", n(holder));
        if !update_if(update).await? {
            return Err(AwsError::LostLease(format!("run {}", run.id)));
        }
        (run.status, run.started_at, run.progress_epoch) = (RunStatus::Running, Some(started), holder);
        Ok(())
    }

    /// Notes that this holder got the run further: only those that did not count against it.
    ///
    /// # Errors
    /// When the call fails, or the run has ended.
    pub async fn push_progressed(&self, run: &mut Run, epoch: u64) -> Result<(), AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::run(&run.account, &run.id))))
            .update_expression("SET progress_epoch = :epoch")
            .condition_expression("#status = :running")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":running", value(&RunStatus::Running)?)
            .expression_attribute_values(":epoch", n(epoch));
        if !update_if(update).await? {
            return Err(AwsError::LostLease(format!("run {}", run.id)));
        }
        run.progress_epoch = epoch;
        Ok(())
    }

    /// Ends a push: its run, the admission, and the lease, in one transaction.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn end_push(
        &self,
        of: Of<'_>,
        push: &Push,
        run: &Run,
        ended: &Ended,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let mut set = "SET failures = :failures".to_string();
        let mut remove = "REMOVE active_run, lease_until".to_string();
        let stuck = ended.failure.as_ref().filter(|_| ended.is_stuck);
        match stuck {
            Some(_) => set.push_str(", last_error = :error, last_code = :code"),
            None => remove.push_str(", last_error, last_code"),
        }
        match (ended.next, stuck) {
            (Some(_), Some(_)) => set.push_str(", due = :next, due_shard = :shard, try_at = :next"),
            (Some(_), None) => {
                set.push_str(", due = :next, due_shard = :shard");
                remove.push_str(", try_at");
            }
            (None, _) => remove.push_str(", due, due_shard, try_at"),
        }
        let has_files = !run.outputs.is_empty();
        let failures = match stuck {
            Some(_) => push.failures + 1,
            None if has_files => 0,
            None => push.failures, // nothing was sent: nobody knows
        };
        let breaker = push.breaker_after(stuck, has_files);
        match breaker {
            Breaker::Opens => set.push_str(", breaker_since = :now"),
            Breaker::Closes => remove.push_str(", breaker_since"),
            Breaker::Stays => {}
        }
        let mut held = self
            .held_push(of, push, &format!("{set} {remove}"), "active_run = :run")
            .expression_attribute_values(":run", s(&run.id))
            .expression_attribute_values(":failures", n(failures));
        if breaker == Breaker::Opens {
            held = held.expression_attribute_values(":now", n(now.as_millisecond()));
        }
        if let Some(failure) = stuck {
            held = held
                .expression_attribute_values(":error", s(&failure.message))
                .expression_attribute_values(":code", s(&failure.code));
        }
        if let Some(next) = ended.next {
            held = held
                .expression_attribute_values(":next", n(next.as_millisecond()))
                .expression_attribute_values(":shard", s(keys::due_shard(&key(of))));
        }
        let report = self
            .run_update(
                run,
                "SET #status = :status, counts = :counts, failure = :failure, ended_at = :now, warnings = :warnings",
            )?
            .expression_attribute_values(":status", value(&ended.status)?)
            .expression_attribute_values(":counts", value(&ended.counts)?)
            .expression_attribute_values(":failure", value(&ended.failure)?)
            .expression_attribute_values(":warnings", value(&run.warnings)?)
            .expression_attribute_values(":now", s(now.to_string()));
        let mut writes = vec![of_update(held)?, of_update(report)?];
        let is_wrong = matches!(ended.status, RunStatus::Error | RunStatus::Partial);
        if is_wrong && ended.announces && self.hears(of.account).await? {
            let data = json!({
                "run": run.id, "target_server": of.target_server, "status": ended.status,
                "counts": ended.counts, "failure": ended.failure,
            });
            let kept = announcement(of.account, Happened::RunFailed, &[&run.id], data, now);
            writes.push(self.announcing(&kept, now)?);
        }
        let happened = match breaker {
            Breaker::Opens => Some(Happened::BreakerOpened),
            Breaker::Closes => Some(Happened::BreakerClosed),
            Breaker::Stays => None,
        };
        if let Some(happened) = happened
            && self.hears(of.account).await?
        {
            let why = stuck.map_or("a file got through", |failure| failure.message.as_str());
            let data = json!({ "target_server": of.target_server, "reason": why });
            let kept = announcement(of.account, happened, &[of.target_server, &run.id], data, now);
            writes.push(self.announcing(&kept, now)?);
        }
        self.send_held_push(of, writes).await?;
        emf::print(&metrics::run_ended(ended.status, &ended.counts));
        if let Some(happened) = happened {
            emf::print(&metrics::breaker(happened == Happened::BreakerOpened));
        }
        Ok(())
    }

    /// Gives the lease back in the middle of a push: the next holder goes on at `due`.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn yield_push(&self, of: Of<'_>, push: &Push, due: Timestamp) -> Result<(), AwsError> {
        let update = self
            .push_update(of, "SET due = :due REMOVE lease_until")
            .condition_expression(HELD)
            .expression_attribute_values(":epoch", n(push.epoch))
            .expression_attribute_values(":due", n(due.as_millisecond()));
        match update_if(update).await? {
            true => Ok(()),
            false => Err(lost(of)),
        }
    }

    /// Gives the lease back where there was nothing to push. The target is not looked at any more, unless a run was
    /// admitted meanwhile, or something was put into its buffer since `quiet_since`: then it is, at `next`.
    ///
    /// # Errors
    /// When the call fails or the lease is lost.
    pub async fn rest_push(
        &self,
        of: Of<'_>,
        push: &Push,
        quiet_since: Timestamp,
        next: Timestamp,
    ) -> Result<(), AwsError> {
        let update = self
            .push_update(of, "REMOVE due, due_shard, lease_until, try_at")
            .condition_expression(format!(
                "{HELD} AND attribute_not_exists(active_run) \
                 AND (attribute_not_exists(held_at) OR held_at < :quiet)"
            ))
            .expression_attribute_values(":epoch", n(push.epoch))
            .expression_attribute_values(":quiet", n(quiet_since.as_millisecond()));
        if update_if(update).await? {
            return Ok(());
        }
        self.yield_push(of, push, next).await
    }

    pub(super) fn held_push(&self, of: Of<'_>, push: &Push, expression: &str, and: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&key(of))))
            .update_expression(expression)
            .condition_expression(format!("{HELD} AND {and}"))
            .expression_attribute_values(":epoch", n(push.epoch))
    }

    /// An update of a run that has not ended.
    pub(super) fn run_update(&self, run: &Run, expression: &str) -> Result<UpdateBuilder, AwsError> {
        Ok(Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::run(&run.account, &run.id))))
            .update_expression(expression)
            .condition_expression("#status IN (:queued, :running)")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":queued", value(&RunStatus::Queued)?)
            .expression_attribute_values(":running", value(&RunStatus::Running)?))
    }

    pub(super) async fn send_held_push(
        &self,
        of: Of<'_>,
        writes: Vec<TransactWriteItem>,
    ) -> Result<(), AwsError> {
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(()),
            Err(e) if conditions(&e).contains(&true) => Err(lost(of)),
            Err(e) => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
        }
    }
}

pub(super) fn of_update(update: UpdateBuilder) -> Result<TransactWriteItem, AwsError> {
    let update = update.build().map_err(|e| AwsError::damaged("a transaction", e))?;
    Ok(TransactWriteItem::builder().update(update).build())
}

pub(super) fn lost(of: Of<'_>) -> AwsError {
    AwsError::LostLease(format!("the push to {}", of.target_server))
}
