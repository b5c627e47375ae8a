//! The writes of a claim's holder: each is conditional on its epoch and on the lease still being there.

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{Put, TransactWriteItem, Update},
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    super::{
        AwsError, Table, emf,
        error::conditions,
        table::{key_item, n, s, update_if, value},
    },
    Claimed, KEPT_SECS, key, owed_by, row,
};
use crate::{
    announcement::{Happened, announcement},
    delivery::{Batch, BatchName, DeathCause, DeliveryState, Outcome, WaitingFor},
    keys, metrics,
    notification::Kept,
    run::RunStatus,
};

/// Why an attempt with a claimed batch was not made.
#[derive(Clone, Copy, Debug)]
pub enum NotMade<'a> {
    /// The hub itself failed, in these words.
    HubFailed(&'a str),
    /// The target has no room for it, or is not sent to at present.
    NoRoom,
}

impl Table {
    /// SENDING → DELIVERED.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn batch_delivered(
        &self,
        batch: &Batch,
        outcome: Outcome,
        answer_object: Option<&str>,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let update = self.held_update(
            batch,
            "SET #state = :state, outcome = :outcome, answer_object = :answers, expires_at = :end \
             REMOVE due, due_shard, lease_until, owed_by, last_error",
        );
        let update = update
            .expression_attribute_values(":state", value(&DeliveryState::Delivered)?)
            .expression_attribute_values(":outcome", value(&outcome)?)
            .expression_attribute_values(":answers", value(&answer_object)?)
            .expression_attribute_values(":end", n(now.as_second() + KEPT_SECS));
        send_held(update, batch).await?;
        emf::print(&metrics::attempt(DeliveryState::Delivered));
        Ok(())
    }

    /// SENDING → WAITING for the next attempt at `due`.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn batch_waits(&self, batch: &Batch, due: Timestamp, error: &str) -> Result<(), AwsError> {
        let update = self
            .held_update(
                batch,
                "SET #state = :state, waiting_for = :for, due = :due, attempt_at = :due, last_error = :error, \
                 owed_by = :owed, hub_failures = :none, dead_letters = :none \
                 REMOVE lease_until",
            )
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":owed", owed_by(batch))
            .expression_attribute_values(":state", value(&DeliveryState::Waiting)?)
            .expression_attribute_values(":for", value(&WaitingFor::NextAttempt)?)
            .expression_attribute_values(":due", n(due.as_millisecond()))
            .expression_attribute_values(":error", s(error));
        send_held(update, batch).await?;
        emf::print(&metrics::attempt(DeliveryState::Waiting));
        Ok(())
    }

    /// Back to what a claim found, since the attempt was not made, and does not count: the hub itself failed, or the
    /// target has no room for it. What was SENDING stays so, since what became of its last attempt is still not known.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn batch_returns(
        &self,
        claimed: &Claimed,
        due: Timestamp,
        why: NotMade<'_>,
    ) -> Result<(), AwsError> {
        let batch = &claimed.batch;
        let (error, failures, waits_for) = match why {
            NotMade::HubFailed(_) => {
                ("last_error = :error, ", batch.hub_failures + 1, WaitingFor::NextAttempt)
            }
            NotMade::NoRoom => ("", batch.hub_failures, WaitingFor::Target),
        };
        let back = match claimed.was {
            DeliveryState::Sending => "lease_until = :due",
            DeliveryState::Unknown => "attempt_at = :due REMOVE lease_until",
            _ => "attempt_at = :due, waiting_for = :for REMOVE lease_until",
        };
        let update = self.held_update(
            batch,
            &format!(
                "SET #state = :state, due = :due, attempts = :attempts, hub_failures = :failures, \
                 owed_by = :owed, {error}{back}"
            ),
        );
        let update = match claimed.was {
            DeliveryState::Sending | DeliveryState::Unknown => update,
            _ => update.expression_attribute_values(":for", value(&waits_for)?),
        };
        let update = match why {
            NotMade::HubFailed(error) => update.expression_attribute_values(":error", s(error)),
            NotMade::NoRoom => update,
        };
        let update = update
            .expression_attribute_values(":state", value(&claimed.was)?)
            .expression_attribute_values(":attempts", n(batch.attempts.saturating_sub(1)))
            .expression_attribute_values(":failures", n(failures))
            .expression_attribute_values(":owed", owed_by(batch))
            .expression_attribute_values(":due", n(due.as_millisecond()));
        send_held(update, batch).await
    }

    /// SENDING → WAITING for the next flush of its target's buffer, at most until `until`; looked at again at `due`. No
    /// attempt is spent: a file is tried any number of times.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn batch_buffered(
        &self,
        batch: &Batch,
        until: Timestamp,
        due: Timestamp,
    ) -> Result<(), AwsError> {
        let update = self
            .held_update(
                batch,
                "SET #state = :state, waiting_for = :for, due = :due, flush_until = :flush_until, attempts = :attempts, \
                 owed_by = :owed, hub_failures = :none, dead_letters = :none \
                 REMOVE lease_until, last_error",
            )
            .expression_attribute_values(":state", value(&DeliveryState::Waiting)?)
            .expression_attribute_values(":for", value(&WaitingFor::Flush)?)
            .expression_attribute_values(":due", n(due.as_millisecond()))
            .expression_attribute_values(":flush_until", n(until.as_millisecond()))
            .expression_attribute_values(":attempts", n(batch.attempts.saturating_sub(1)))
            .expression_attribute_values(":owed", owed_by(batch))
            .expression_attribute_values(":none", n(0));
        send_held(update, batch).await
    }

    /// SENDING → UNKNOWN: it was sent, and what came of it is not known. A person decides, at latest by `until`;
    /// `outcome` is what it counts as if they find that the target took it.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn batch_parks(
        &self,
        batch: &Batch,
        outcome: Outcome,
        until: Timestamp,
        error: &str,
    ) -> Result<(), AwsError> {
        let update = self
            .held_update(
                batch,
                "SET #state = :state, outcome = :outcome, due = :due, attempt_at = :due, last_error = :error, \
                 owed_by = :owed \
                 REMOVE lease_until",
            )
            .expression_attribute_values(":owed", owed_by(batch))
            .expression_attribute_values(":state", value(&DeliveryState::Unknown)?)
            .expression_attribute_values(":outcome", value(&outcome)?)
            .expression_attribute_values(":due", n(until.as_millisecond()))
            .expression_attribute_values(":error", s(error));
        send_held(update, batch).await?;
        emf::print(&metrics::attempt(DeliveryState::Unknown));
        Ok(())
    }

    /// SENDING → DEAD: it is not sent any more. It stays listed as owed by its target. Announced where somebody `hears`.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn batch_dies(
        &self,
        batch: &Batch,
        cause: DeathCause,
        error: &str,
        (hears, now): (bool, Timestamp),
    ) -> Result<(), AwsError> {
        let update = self
            .held_update(
                batch,
                "SET #state = :state, died_of = :cause, last_error = :error, outcome = :outcome, owed_by = :owed, \
                 expires_at = :end, attempts = :attempts \
                 REMOVE due, due_shard, lease_until",
            )
            .expression_attribute_values(":owed", owed_by(batch))
            .expression_attribute_values(":attempts", n(batch.attempts))
            .expression_attribute_values(":end", n(batch.accepted_at / 1000 + KEPT_SECS))
            .expression_attribute_values(":state", value(&DeliveryState::Dead)?)
            .expression_attribute_values(":cause", value(&cause)?)
            .expression_attribute_values(":outcome", value(&Outcome { errors: batch.records, ..Outcome::default() })?)
            .expression_attribute_values(":error", s(error));
        let announces = hears.then(|| death(batch, cause, now));
        if !self.update_announcing(update, announces.as_ref(), now).await? {
            return Err(lost(batch));
        }
        emf::print(&metrics::attempt(DeliveryState::Dead));
        Ok(())
    }

    /// SENDING → DELIVERED for what the target answered, and a batch of its own for the rest, in one
    /// transaction with the run's number of batches. Where no attempt is left for the rest, its death is announced if
    /// somebody `hears`.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn batch_splits(
        &self,
        batch: &Batch,
        answered: u64,
        outcome: Outcome,
        answer_object: &str,
        rest: &Batch,
        (hears, now): (bool, Timestamp),
    ) -> Result<(), AwsError> {
        let damaged = |e| AwsError::damaged("a transaction", e);
        let delivered = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&key(batch))))
            .update_expression(
                "SET #state = :state, outcome = :outcome, answer_object = :answers, records = :records, \
                 expires_at = :end REMOVE due, due_shard, lease_until, owed_by, last_error",
            )
            .condition_expression("epoch = :epoch AND #state = :sending")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":epoch", n(batch.epoch))
            .expression_attribute_values(":sending", value(&DeliveryState::Sending)?)
            .expression_attribute_values(":state", value(&DeliveryState::Delivered)?)
            .expression_attribute_values(":outcome", value(&outcome)?)
            .expression_attribute_values(":answers", s(answer_object))
            .expression_attribute_values(":records", n(answered))
            .expression_attribute_values(":end", n(rest.accepted_at / 1000 + KEPT_SECS))
            .build()
            .map_err(damaged)?;
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(row(rest)?))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(damaged)?;
        let count = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::run(&batch.account, &batch.run))))
            .update_expression("SET batches_total = batches_total + :one")
            .condition_expression("#status = :delivering")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":delivering", value(&RunStatus::Delivering)?)
            .build()
            .map_err(damaged)?;
        let mut writes = vec![
            TransactWriteItem::builder().update(delivered).build(),
            TransactWriteItem::builder().put(put).build(),
            TransactWriteItem::builder().update(count).build(),
        ];
        if let (true, Some(cause)) = (hears, rest.died_of) {
            writes.push(self.announcing(&death(rest, cause, now), now)?);
        }
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => {
                emf::print(&metrics::attempt(DeliveryState::Delivered));
                Ok(())
            }
            Err(e) if conditions(&e).contains(&true) => Err(lost(batch)),
            Err(e) => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
        }
    }

    pub(in crate::aws) fn held_update(&self, batch: &Batch, expression: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&key(batch))))
            .update_expression(expression)
            .condition_expression("epoch = :epoch AND attribute_exists(lease_until)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":epoch", n(batch.epoch))
    }
}

async fn send_held(update: UpdateItemFluentBuilder, batch: &Batch) -> Result<(), AwsError> {
    match update_if(update).await? {
        true => Ok(()),
        false => Err(lost(batch)),
    }
}

/// What is told of a batch that is not sent any more: nothing of what is in it.
fn death(batch: &Batch, cause: DeathCause, now: Timestamp) -> Kept {
    let (name, epoch) = (BatchName::of(batch).to_string(), batch.epoch.to_string());
    let data = json!({
        "delivery": name, "run": batch.run, "records": batch.records, "connection": batch.connection,
        "target_server": batch.target_server, "cause": cause.code(),
    });
    announcement(&batch.account, Happened::DeliveryDead, &[&name, &epoch], data, now)
}

fn lost(batch: &Batch) -> AwsError {
    AwsError::LostLease(format!("batch {}", batch.id))
}
