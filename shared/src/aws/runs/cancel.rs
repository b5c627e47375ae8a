//! Cancelling a run: at once where nothing was sent, by a mark and batch by batch where the target has some of it.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use jiff::Timestamp;

use super::super::{
    AwsError, Table,
    batches::KEPT_SECS,
    error::conditions,
    table::{key_item, n, s, update_if, value},
};
use crate::{
    connection::Connection,
    counts::Counts,
    delivery::{Batch, DeathCause, DeliveryState, Outcome},
    keys,
    resource::Settings,
    run::{Run, RunStatus},
};

/// What became of a wish to cancel a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// It is CANCELLED: nothing was sent, and the connection is free.
    Cancelled(Run),
    /// It is marked. What is not sent yet is not sent any more, and the run ends when the rest is answered.
    Requested(Run),
    /// It had ended before.
    Ended(RunStatus),
    /// There is no such run.
    NoRun,
}

/// Who finds that a batch's run is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelledBy {
    /// The close of the run: no one holds the batch.
    Close,
    /// The holder of a claim, who has not sent it: that attempt does not count.
    HolderBeforeSending,
    /// The holder of a claim, whose attempt failed.
    HolderAfterSending,
}

/// How often a run is looked at again that moves on while it is being cancelled.
const MOST_LOOKS: u32 = 5;

impl Table {
    /// Cancels a run. Whoever holds its work lease loses it, and stops at the next write. Doing so twice changes
    /// nothing.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn cancel_run(&self, account: &str, run: &str, now: Timestamp) -> Result<Cancel, AwsError> {
        for _ in 0..MOST_LOOKS {
            let Some(found) = self.run(account, run).await? else { return Ok(Cancel::NoRun) };
            let done = match found.status {
                RunStatus::Cancelled => true,
                RunStatus::Queued | RunStatus::Running => self.cancel_unsent(&found, now).await?,
                RunStatus::Delivering if found.cancel_requested => return Ok(Cancel::Requested(found)),
                RunStatus::Delivering => {
                    self.request_cancel(&found, now).await?;
                    false // read again: it says how it is now
                }
                ended => return Ok(Cancel::Ended(ended)),
            };
            if done {
                let found = self.run(account, run).await?;
                return Ok(found.map_or(Cancel::NoRun, Cancel::Cancelled));
            }
        }
        Err(AwsError::damaged(format!("run {run}"), "it changes faster than it can be cancelled"))
    }

    /// Says whether what is not sent yet of a run is not to be sent any more.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn is_cancelled(&self, account: &str, run: &str) -> Result<bool, AwsError> {
        let row = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::run(account, run))))
            .projection_expression("cancel_requested")
            .consistent_read(true)
            .send()
            .await
            .map_err(AwsError::call("dynamodb:GetItem"))?;
        let mark = row.item.as_ref().and_then(|row| row.get("cancel_requested"));
        Ok(mark.and_then(|m| m.as_bool().ok()).copied().unwrap_or(false))
    }

    /// → DEAD for a batch of a cancelled run; `false` when someone else sends it, or it has moved on. It is owed no
    /// longer. Doing so twice changes nothing.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn batch_cancelled(
        &self,
        batch: &Batch,
        by: CancelledBy,
        error: &str,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let held = by != CancelledBy::Close;
        let condition = if held {
            "epoch = :epoch AND attribute_exists(lease_until)"
        } else {
            "epoch = :epoch AND (#state IN (:waiting, :unknown) OR (#state = :sending AND lease_until < :now))"
        };
        let attempts = batch.attempts.saturating_sub(u32::from(by == CancelledBy::HolderBeforeSending));
        let mut update = self
            .held_update(
                batch,
                "SET #state = :state, last_error = :error, outcome = :outcome, expires_at = :end, died_of = :cause, \
                 attempts = :attempts \
                 REMOVE due, due_shard, lease_until, waiting_for, attempt_at, owed_by",
            )
            .condition_expression(condition)
            .expression_attribute_values(":state", value(&DeliveryState::Dead)?)
            .expression_attribute_values(":cause", value(&DeathCause::Cancelled)?)
            .expression_attribute_values(":attempts", n(attempts))
            .expression_attribute_values(":end", n(now.as_second() + KEPT_SECS))
            .expression_attribute_values(
                ":outcome",
                value(&Outcome { errors: batch.records, ..Outcome::default() })?,
            )
            .expression_attribute_values(":error", s(error));
        if !held {
            update = update
                .expression_attribute_values(":waiting", value(&DeliveryState::Waiting)?)
                .expression_attribute_values(":unknown", value(&DeliveryState::Unknown)?)
                .expression_attribute_values(":sending", value(&DeliveryState::Sending)?)
                .expression_attribute_values(":now", n(now.as_millisecond()));
        }
        update_if(update).await
    }

    /// Ends a run of which nothing was sent, and frees its connection; `false` when it has moved on.
    async fn cancel_unsent(&self, run: &Run, now: Timestamp) -> Result<bool, AwsError> {
        self.give_back(run).await?;
        let damaged = |e| AwsError::damaged("a transaction", e);
        let end = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::run(&run.account, &run.id))))
            .update_expression(
                "SET #status = :cancelled, epoch = epoch + :one, counts = :counts, ended_at = :now \
                 REMOVE due, due_shard, lease_until",
            )
            .condition_expression("#status = :seen")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":cancelled", value(&RunStatus::Cancelled)?)
            .expression_attribute_values(":seen", value(&run.status)?)
            .expression_attribute_values(":counts", value(&Counts::default())?)
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":now", s(now.to_string()))
            .build()
            .map_err(damaged)?;
        let free = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::resource(&run.account, Connection::KIND, &run.connection))))
            .update_expression("REMOVE active_run")
            .condition_expression("active_run = :run")
            .expression_attribute_values(":run", s(&run.id))
            .build()
            .map_err(damaged)?;
        let writes = [end, free].map(|u| TransactWriteItem::builder().update(u).build()).to_vec();
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(e) if conditions(&e).contains(&true) => Ok(false),
            Err(e) => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
        }
    }

    /// Marks a run that delivers, takes the lease from its holder and makes it due; nothing when it has moved on.
    async fn request_cancel(&self, run: &Run, now: Timestamp) -> Result<(), AwsError> {
        let key = keys::run(&run.account, &run.id);
        let marked = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&key)))
            .update_expression(
                "SET cancel_requested = :true, epoch = epoch + :one, due = :now, due_shard = :shard \
                 REMOVE lease_until",
            )
            .condition_expression("#status = :delivering")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":delivering", value(&RunStatus::Delivering)?)
            .expression_attribute_values(":true", value(&true)?)
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(&key)));
        update_if(marked).await?;
        Ok(())
    }
}
