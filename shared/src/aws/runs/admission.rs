//! Admission: the run, its connection and its schedule in one transaction.

use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use jiff::Timestamp;
use serde_json::json;

use super::super::{
    AwsError, Table, emf,
    error::{cancellation, conditions},
    table::{item, key_item, n, s, string, value},
};
use crate::{
    announcement::{Happened, announcement},
    delivery::DeliveryState,
    keys, metrics,
    resource::Settings,
    run::{Failure, Origin, Run},
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
    /// There is no such connection in this account, or no such target server.
    NoConnection,
    /// The batch that the run was to take again is not dead, or another run has taken it again.
    NotDead,
    /// Another run has taken the failed records again that the run was to take.
    TakenAgain,
}

impl Admission {
    /// Says why a run that was not admitted is skipped.
    pub fn why_skipped(&self) -> Failure {
        match self {
            Self::Busy { active_run } => Failure::new(
                Origin::Settings,
                "overlap",
                format!("run {active_run} has not ended yet; this time was skipped"),
                true,
            ),
            Self::Disabled => {
                Failure::new(Origin::Settings, "connection_disabled", "the connection is disabled", false)
            }
            _ => {
                let why = "what the schedule is for has been removed";
                Failure::new(Origin::Settings, "no_connection", why, false)
            }
        }
    }
}

/// A schedule that moves on in the same transaction, and the row of the times that it leaves out.
#[derive(Clone, Debug)]
pub struct ScheduleMove {
    /// The schedule.
    pub schedule: String,
    /// The due time that is claimed; the move fails if it is another by now.
    pub seen: Timestamp,
    /// The next one, if any.
    pub next: Option<Timestamp>,
    /// The MISSED run that stands for due times between the two, if any were missed.
    pub missed: Option<Run>,
    /// Whether somebody in the account takes what the hub has to tell: then what was missed is announced.
    pub hears: bool,
}

/// How long after admission a run that no message reached is woken, in milliseconds.
const WAKE_AFTER_MS: i64 = 90_000;

impl Table {
    /// Admits a run: the run, the connection's `active_run`, the schedule's next time and what of an earlier
    /// run it takes again, in one transaction.
    ///
    /// # Errors
    /// When the call fails; nothing is written then, or all of it was and a repeat says `AlreadyClaimed`.
    pub async fn admit(&self, run: &Run, schedule: Option<&ScheduleMove>) -> Result<Admission, AwsError> {
        // A push is woken by its target's own row, which the same transaction makes due.
        let (hold, due) = match &run.target_server {
            Some(target) => (self.hold_target(run, target)?, None),
            None => (self.hold_connection(run)?, Some(run.requested_at.as_millisecond() + WAKE_AFTER_MS)),
        };
        let mut writes = vec![TransactWriteItem::builder().update(hold).build(), self.put_run(run, due)?];
        writes.extend(self.moving(&run.account, schedule)?);
        writes.extend(self.retry_batch(run)?);
        writes.extend(self.taking_again(run)?);
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => {
                count_missed(schedule);
                Ok(Admission::Admitted)
            }
            Err(e) => {
                let reasons = conditions(&e);
                match reasons.as_slice() {
                    [_, false, true] if run.retry_of.is_some() => Ok(Admission::NotDead),
                    [_, false, true, ..] if run.failed_of.is_some() => Ok(Admission::TakenAgain),
                    [_, others @ ..] if others.contains(&true) => Ok(Admission::AlreadyClaimed),
                    [true, ..] => Ok(why_not(cancellation(&e).first())),
                    _ => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
                }
            }
        }
    }

    fn hold_connection(&self, run: &Run) -> Result<Update, AwsError> {
        let connection = keys::resource(&run.account, crate::connection::Connection::KIND, &run.connection);
        Update::builder()
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
            .map_err(|e| AwsError::damaged("a transaction", e))
    }

    fn hold_target(&self, run: &Run, target_server: &str) -> Result<Update, AwsError> {
        let key = keys::push(&run.account, target_server);
        Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&key)))
            .update_expression("SET active_run = :run, due = :now, due_shard = :shard REMOVE try_at")
            .condition_expression("attribute_not_exists(active_run)")
            .expression_attribute_values(":run", s(&run.id))
            .expression_attribute_values(":now", n(run.requested_at.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(&key)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|e| AwsError::damaged("a transaction", e))
    }

    /// Writes a run that is born final, and moves its schedule on; `false` when that was done before.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn record_final(&self, run: &Run, schedule: Option<&ScheduleMove>) -> Result<bool, AwsError> {
        let mut writes = vec![self.put_run(run, None)?];
        writes.extend(self.moving(&run.account, schedule)?);
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => {
                emf::print(&metrics::run_ended(run.status, &run.counts));
                count_missed(schedule);
                Ok(true)
            }
            Err(e) if conditions(&e).contains(&true) => Ok(false),
            Err(e) => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
        }
    }

    /// Moves a schedule on without a run, because all its times were missed or its due time has become a run
    /// already; does nothing when it has moved.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn move_on(&self, account: &str, to: &ScheduleMove) -> Result<(), AwsError> {
        let (mut writes, mut writes_missed) = (self.moving(account, Some(to))?, true);
        loop {
            match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
                Ok(_) => {
                    if writes_missed {
                        count_missed(Some(to));
                    }
                    return Ok(());
                }
                Err(e) => match conditions(&e).as_slice() {
                    // What was missed has its row already; the schedule still has to move.
                    [false, true, ..] => {
                        (writes, writes_missed) = (vec![self.move_schedule(account, to)?], false)
                    }
                    [true, ..] => return Ok(()),
                    _ => return Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
                },
            }
        }
    }

    /// The writes that move a schedule on: the schedule first, then the times that it leaves out.
    fn moving(&self, account: &str, to: Option<&ScheduleMove>) -> Result<Vec<TransactWriteItem>, AwsError> {
        let Some(to) = to else { return Ok(Vec::new()) };
        let missed = to.missed.iter().map(|run| self.put_run(run, None));
        // Behind all that has a condition.
        let announced = to.missed.iter().filter(|_| to.hears).map(|run| {
            let data = json!({
                "run": run.id, "connection": run.connection, "target_server": run.target_server,
                "schedule": to.schedule, "missed": run.missed,
            });
            let kept = announcement(account, Happened::RunMissed, &[&run.id], data, run.requested_at);
            self.announcing(&kept, run.requested_at)
        });
        std::iter::once(self.move_schedule(account, to)).chain(missed).chain(announced).collect()
    }

    pub(in crate::aws) fn put_run(&self, run: &Run, due: Option<i64>) -> Result<TransactWriteItem, AwsError> {
        let key = keys::run(&run.account, &run.id);
        let mut row = item(&key, run)?;
        row.insert("runs_of_account".into(), s(keys::runs_of_account(&run.account)));
        let runs_of = match &run.target_server {
            Some(target) => keys::runs_of_target(&run.account, target),
            None => keys::runs_of_connection(&run.account, &run.connection),
        };
        row.insert("runs_of_connection".into(), s(runs_of));
        row.insert("requested_ms".into(), n(run.requested_at.as_millisecond()));
        if let Some(due) = due {
            row.insert("due_shard".into(), s(keys::due_shard(&key)));
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

    /// Marks the dead batch that a run takes again: no second run can, and its target no longer owes it.
    fn retry_batch(&self, run: &Run) -> Result<Option<TransactWriteItem>, AwsError> {
        // A run that takes the files of such a run again finds the batch marked.
        let Some(batch) = run.retry_of.as_ref().filter(|b| run.rerun_of.as_ref() == Some(&b.run)) else {
            return Ok(None);
        };
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::batch(&run.account, &batch.run, batch.first_ordinal, batch.part))))
            .update_expression("SET retried_by = :run REMOVE owed_by")
            .condition_expression("#state = :dead AND attribute_not_exists(retried_by)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":run", s(&run.id))
            .expression_attribute_values(":dead", value(&DeliveryState::Dead)?)
            .build()
            .map_err(|e| AwsError::damaged("a transaction", e))?;
        Ok(Some(TransactWriteItem::builder().update(update).build()))
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
}

/// Counts the MISSED run that a schedule's move wrote, if it wrote one.
fn count_missed(to: Option<&ScheduleMove>) {
    if let Some(run) = to.and_then(|to| to.missed.as_ref()) {
        emf::print(&metrics::run_ended(run.status, &run.counts));
    }
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
