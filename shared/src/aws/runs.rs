//! Runs: admission, the work lease, and the writes of its holder.
//!
//! Every write here is conditional, so each may be tried again: a second one changes nothing.

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        CancellationReason, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
    },
};
use jiff::Timestamp;

use super::{
    AwsError, Table,
    table::{Item, item, key_item, n, read, s, string, value},
};
use crate::{
    counts::Counts,
    keys::{self, Key},
    resource::Settings,
    run::{Failure, Input, PinnedMapping, Run, RunStatus},
};

/// What became of a run that asked to be admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is QUEUED and holds the connection.
    Admitted,
    /// This schedule time, event or request was claimed before.
    AlreadyClaimed,
    /// The connection has another run.
    Busy {
        /// That run.
        active_run: String,
    },
    /// The connection is disabled.
    Disabled,
    /// There is no such connection in this account.
    NoConnection,
}

/// A schedule that moves on in the same transaction.
#[derive(Clone, Debug)]
pub struct ScheduleMove {
    /// The schedule.
    pub schedule: String,
    /// The due time that is claimed; the move fails if it is another by now.
    pub seen: Timestamp,
    /// The next one, if any.
    pub next: Option<Timestamp>,
}

/// How long after admission a run that no message reached is woken, in milliseconds.
const WAKE_AFTER_MS: i64 = 90_000;

impl Table {
    /// Admits a run: the run, the connection's `active_run` and the schedule's next time in one transaction.
    ///
    /// # Errors
    /// When the call fails; nothing is written then, or all of it was and a repeat says `AlreadyClaimed`.
    pub async fn admit(&self, run: &Run, schedule: Option<&ScheduleMove>) -> Result<Admission, AwsError> {
        let connection = keys::resource(&run.account, crate::connection::Connection::KIND, &run.connection);
        let hold = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&connection)))
            .update_expression("SET active_run = :run")
            .condition_expression(
                "attribute_exists(pk) AND attribute_not_exists(active_run) AND #status = :active",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":run", s(&run.id))
            .expression_attribute_values(":active", s("active"))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|e| AwsError::damaged("a transaction", e))?;
        let mut writes = vec![
            TransactWriteItem::builder().update(hold).build(),
            self.put_run(run, Some(run.requested_at.as_millisecond() + WAKE_AFTER_MS))?,
        ];
        writes.extend(schedule.map(|m| self.move_schedule(&run.account, m)).transpose()?);
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(Admission::Admitted),
            Err(e) => {
                let reasons = conditions(&e);
                match reasons.as_slice() {
                    [_, true, ..] | [_, _, true] => Ok(Admission::AlreadyClaimed),
                    [true, ..] => Ok(why_not(cancellation(&e).first())),
                    _ => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
                }
            }
        }
    }

    /// Writes a run that is born final, and moves its schedule on; `false` when that was done before.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn record_final(&self, run: &Run, schedule: Option<&ScheduleMove>) -> Result<bool, AwsError> {
        let mut writes = vec![self.put_run(run, None)?];
        writes.extend(schedule.map(|m| self.move_schedule(&run.account, m)).transpose()?);
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(e) if conditions(&e).contains(&true) => Ok(false),
            Err(e) => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
        }
    }

    fn put_run(&self, run: &Run, due: Option<i64>) -> Result<TransactWriteItem, AwsError> {
        let key = keys::run(&run.account, &run.id);
        let mut row = item(&key, run)?;
        row.insert("runs_of_account".into(), s(keys::runs_of_account(&run.account)));
        row.insert("runs_of_connection".into(), s(keys::runs_of_connection(&run.account, &run.connection)));
        row.insert("requested_ms".into(), n(run.requested_at.as_millisecond()));
        if let Some(due) = due {
            row.insert("due_shard".into(), s(keys::due_shard(&key.pk)));
            row.insert("due".into(), n(due));
        }
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|e| AwsError::damaged("a transaction", e))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn move_schedule(&self, account: &str, to: &ScheduleMove) -> Result<TransactWriteItem, AwsError> {
        let key = keys::resource(account, crate::schedule::Schedule::KIND, &to.schedule);
        let update = Update::builder()
            .table_name(&self.name)
            .condition_expression("attribute_exists(pk) AND due = :seen")
            .expression_attribute_values(":seen", n(to.seen.as_millisecond()));
        let update = match to.next {
            Some(next) => update
                .update_expression("SET due = :next, next_at = :next_at")
                .expression_attribute_values(":next", n(next.as_millisecond()))
                .expression_attribute_values(":next_at", s(next.to_string())),
            None => update.update_expression("REMOVE due, due_shard, next_at"),
        };
        let update = update
            .set_key(Some(key_item(&key)))
            .build()
            .map_err(|e| AwsError::damaged("a transaction", e))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

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
            .expression_attribute_values(":shard", s(keys::due_shard(&key.pk)))
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
            Err(e) if super::error::is_condition(&e) => Ok(None),
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
        mapping: PinnedMapping,
        state_etag: String,
    ) -> Result<(), AwsError> {
        let values = [
            (":running", value(&RunStatus::Running)?),
            (":mapping", value(&mapping)?),
            (":etag", s(&state_etag)),
        ];
        self.write_held(run, "SET #status = :running, mapping = :mapping, state_etag = :etag", values)
            .await?;
        run.status = RunStatus::Running;
        run.mapping = Some(mapping);
        run.state_etag = Some(state_etag);
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
        ];
        let set = "SET inputs_complete = :true, warnings = :warnings, failure = :failure";
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
        due: Timestamp,
    ) -> Result<(), AwsError> {
        let values = [
            (":delivering", value(&RunStatus::Delivering)?),
            (":batches", n(batches)),
            (":counts", value(&counts)?),
            (":due", n(due.as_millisecond())),
        ];
        let set = "SET #status = :delivering, batches_total = :batches, counts = :counts, due = :due \
                   REMOVE lease_until";
        self.write_held(run, set, values).await?;
        run.status = RunStatus::Delivering;
        run.batches_total = batches;
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
        let values = [(":due", n(due.as_millisecond())), (":progress", n(progress_epoch))];
        self.write_held(run, "SET due = :due, progress_epoch = :progress REMOVE lease_until", values).await
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
        let damaged = |e| AwsError::damaged("a transaction", e);
        let end = self
            .held(
                run,
                "SET #status = :status, counts = :counts, failure = :failure, ended_at = :now, warnings = :warnings \
                 REMOVE due, due_shard, lease_until",
            )
            .expression_attribute_values(":status", value(&status)?)
            .expression_attribute_values(":counts", value(&counts)?)
            .expression_attribute_values(":failure", value(&failure)?)
            .expression_attribute_values(":warnings", value(&run.warnings)?)
            .expression_attribute_values(":now", s(now.to_string()))
            .build()
            .map_err(damaged)?;
        let connection = keys::resource(&run.account, crate::connection::Connection::KIND, &run.connection);
        let free = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&connection)))
            .update_expression("REMOVE active_run")
            .condition_expression("active_run = :run")
            .expression_attribute_values(":run", s(&run.id))
            .build()
            .map_err(damaged)?;
        self.transact_held(run, [end, free]).await
    }

    pub(super) async fn add_input(&self, run: &Run, input: &Input, with: Vec<Put>) -> Result<(), AwsError> {
        let update = self
            .held(run, "SET inputs = list_append(inputs, :inputs)")
            .expression_attribute_values(":inputs", value(&[input])?)
            .build()
            .map_err(|e| AwsError::damaged("a transaction", e))?;
        let puts = with.into_iter().map(|p| TransactWriteItem::builder().put(p).build());
        let writes = std::iter::once(TransactWriteItem::builder().update(update).build()).chain(puts);
        self.send_held(run, writes.collect()).await
    }

    async fn transact_held(&self, run: &Run, updates: [Update; 2]) -> Result<(), AwsError> {
        let writes = updates.into_iter().map(|u| TransactWriteItem::builder().update(u).build()).collect();
        self.send_held(run, writes).await
    }

    async fn send_held(&self, run: &Run, writes: Vec<TransactWriteItem>) -> Result<(), AwsError> {
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(()),
            Err(e) if conditions(&e).contains(&true) => Err(AwsError::LostLease(format!("run {}", run.id))),
            Err(e) => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
        }
    }

    fn held(&self, run: &Run, expression: &str) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
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
        values: [(&str, aws_sdk_dynamodb::types::AttributeValue); N],
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
            Err(e) if super::error::is_condition(&e) => Err(AwsError::LostLease(format!("run {}", run.id))),
            Err(e) => Err(AwsError::call("dynamodb:UpdateItem")(e)),
        }
    }

    /// Lists runs, newest first: of an account, or of one of its connections.
    ///
    /// `after` is the key of the last run of the page before, and must be one of the same account.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn runs(&self, list: &RunList<'_>) -> Result<RunPage, AwsError> {
        let (index, attribute, partition) = match list.connection {
            Some(c) => {
                ("runs_by_connection", "runs_of_connection", keys::runs_of_connection(list.account, c))
            }
            None => ("runs_by_account", "runs_of_account", keys::runs_of_account(list.account)),
        };
        let mut query = self
            .client
            .query()
            .table_name(&self.name)
            .index_name(index)
            .key_condition_expression("#p = :p AND requested_ms BETWEEN :from AND :to")
            .expression_attribute_names("#p", attribute)
            .expression_attribute_values(":p", s(&partition))
            .expression_attribute_values(":from", n(list.from.map_or(0, |t| t.as_millisecond())))
            .expression_attribute_values(":to", n(list.to.map_or(i64::MAX, |t| t.as_millisecond())))
            .scan_index_forward(false)
            .limit(list.limit)
            .set_exclusive_start_key(list.after.as_ref().map(|after| {
                let mut start = key_item(&after.key);
                start.insert(attribute.into(), s(&partition));
                start.insert("requested_ms".into(), n(after.requested_ms));
                start
            }));
        if let Some(status) = list.status {
            query = query
                .filter_expression("#status = :status")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":status", value(&status)?);
        }
        let answer = query.send().await.map_err(AwsError::call("dynamodb:Query"))?;
        let after = answer.last_evaluated_key.as_ref().and_then(|last| {
            Some(RunCursor {
                key: Key { pk: string(last, "pk")?, sk: string(last, "sk")? },
                requested_ms: super::table::number(last, "requested_ms")?,
            })
        });
        let runs = answer.items.unwrap_or_default().into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(RunPage { runs, after })
    }
}

/// Which runs to list.
#[derive(Clone, Debug)]
pub struct RunList<'a> {
    /// Of this account.
    pub account: &'a str,
    /// Of this connection only.
    pub connection: Option<&'a str>,
    /// In this status only.
    pub status: Option<RunStatus>,
    /// Requested at or after.
    pub from: Option<Timestamp>,
    /// Requested at or before.
    pub to: Option<Timestamp>,
    /// At most so many rows are looked at.
    pub limit: i32,
    /// Go on after this one.
    pub after: Option<RunCursor>,
}

/// Where a list of runs goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCursor {
    /// Key of the last run seen.
    pub key: Key,
    /// When it was requested, milliseconds since 1970.
    pub requested_ms: i64,
}

/// One page of runs.
#[derive(Clone, Debug)]
pub struct RunPage {
    /// Newest first.
    pub runs: Vec<Run>,
    /// Where to go on, if there may be more.
    pub after: Option<RunCursor>,
}

fn cancellation(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(e)) => e.cancellation_reasons(),
        _ => &[],
    }
}

/// For each write of a transaction, whether its condition failed.
pub(super) fn conditions(error: &SdkError<TransactWriteItemsError>) -> Vec<bool> {
    cancellation(error).iter().map(|r| r.code() == Some("ConditionalCheckFailed")).collect()
}

fn why_not(reason: Option<&CancellationReason>) -> Admission {
    let Some(connection) = reason.and_then(|r| r.item.as_ref()).filter(|i| !i.is_empty()) else {
        return Admission::NoConnection;
    };
    match string(connection, "active_run") {
        Some(active_run) => Admission::Busy { active_run },
        None => Admission::Disabled,
    }
}
