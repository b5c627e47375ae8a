//! Batch rows under their run: staging, claims, and the writes of a claim's holder.

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, Put, ReturnValue, TransactWriteItem, Update},
};
use jiff::Timestamp;

use super::{
    AwsError, Table, emf,
    error::{conditions, is_condition},
    table::{Item, item, key_item, n, read, s, value},
};
use crate::{
    delivery::{Batch, DeathCause, DeliveryState, Outcome, WaitingFor},
    keys::{self, Key},
    metrics,
    run::RunStatus,
};

/// How early a message may come before the next attempt: queues count whole seconds.
const EARLY_MS: i64 = 1000;

/// How long a row is kept that nothing more will happen to: as long as its payload in the bucket. A claim
/// takes the end away again, so that a row with work left never expires.
pub(super) const KEPT_SECS: i64 = 35 * 86_400;

/// A batch that is claimed for one attempt.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The row as the claim left it.
    pub batch: Batch,
    /// What it was before: SENDING where an earlier holder's lease ended without a word of what came of it.
    pub was: DeliveryState,
}

fn key(batch: &Batch) -> Key {
    keys::batch(&batch.account, &batch.run, batch.first_ordinal, batch.part)
}

fn row(batch: &Batch) -> Result<Item, AwsError> {
    let mut row = item(&key(batch), batch)?;
    if batch.waiting_for != Some(WaitingFor::Release) {
        row.insert("owed_by".into(), owed_by(batch));
    }
    if batch.due.is_some() {
        row.insert("due_shard".into(), s(keys::due_shard(&key(batch))));
    } else {
        row.insert("expires_at".into(), n(batch.accepted_at / 1000 + KEPT_SECS));
    }
    Ok(row)
}

fn owed_by(batch: &Batch) -> AttributeValue {
    s(keys::owed_by(&batch.account, &batch.target_server, &batch.id))
}

impl Table {
    /// Writes a batch that waits for its release. A repeat by the same or a later holder of the run
    /// overwrites it; an earlier holder, or one that comes after the release, cannot.
    ///
    /// # Errors
    /// When the call fails, or when the batch has moved on.
    pub async fn stage_batch(&self, batch: &Batch) -> Result<(), AwsError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(row(batch)?))
            .condition_expression(
                "attribute_not_exists(pk) OR (staged_by <= :epoch AND attempts = :zero AND #state = :waiting)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":epoch", n(batch.staged_by))
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":waiting", value(&DeliveryState::Waiting)?)
            .send()
            .await;
        match put {
            Ok(_) => Ok(()),
            Err(e) if is_condition(&e) => Err(AwsError::LostLease(format!("run {}", batch.run))),
            Err(e) => Err(AwsError::call("dynamodb:PutItem")(e)),
        }
    }

    /// Claims a batch for one attempt; `None` when it is final, held, or its next attempt is not due yet.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn claim_batch(
        &self,
        key: &Key,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Claimed>, AwsError> {
        let claimed = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .update_expression(
                "SET #state = :sending, attempts = attempts + :one, epoch = epoch + :one, \
                 lease_until = :until, due = :until, due_shard = :shard \
                 REMOVE waiting_for, attempt_at, expires_at",
            )
            .condition_expression(
                "(#state IN (:waiting, :unknown) AND (attribute_not_exists(attempt_at) OR attempt_at <= :soon)) \
                 OR (#state = :sending AND lease_until < :now)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":sending", value(&DeliveryState::Sending)?)
            .expression_attribute_values(":waiting", value(&DeliveryState::Waiting)?)
            .expression_attribute_values(":unknown", value(&DeliveryState::Unknown)?)
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":until", n(lease_until.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(key)))
            .expression_attribute_values(":soon", n(now.as_millisecond() + EARLY_MS))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .return_values(ReturnValue::AllOld)
            .send()
            .await;
        let old: Batch = match claimed {
            Ok(answer) => match answer.attributes {
                Some(row) => read(row)?,
                None => return Ok(None),
            },
            Err(e) if is_condition(&e) => return Ok(None),
            Err(e) => return Err(AwsError::call("dynamodb:UpdateItem")(e)),
        };
        let was = old.state;
        let batch = Batch {
            state: DeliveryState::Sending,
            attempts: old.attempts + 1,
            epoch: old.epoch + 1,
            due: Some(lease_until.as_millisecond()),
            waiting_for: None,
            attempt_at: None,
            ..old
        };
        Ok(Some(Claimed { batch, was }))
    }

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

    /// Back to what a claim found, after a failure of the hub itself: the attempt was not made, and does not count.
    /// What was SENDING stays so, since what became of its last attempt is still not known.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn batch_returns(
        &self,
        claimed: &Claimed,
        due: Timestamp,
        error: &str,
    ) -> Result<(), AwsError> {
        let batch = &claimed.batch;
        let back = match claimed.was {
            DeliveryState::Sending => "lease_until = :due",
            DeliveryState::Unknown => "attempt_at = :due REMOVE lease_until",
            _ => "attempt_at = :due, waiting_for = :for REMOVE lease_until",
        };
        let update = self.held_update(
            batch,
            &format!(
                "SET #state = :state, due = :due, attempts = :attempts, hub_failures = :failures, \
                 last_error = :error, owed_by = :owed, {back}"
            ),
        );
        let update = match claimed.was {
            DeliveryState::Sending | DeliveryState::Unknown => update,
            _ => update.expression_attribute_values(":for", value(&WaitingFor::NextAttempt)?),
        };
        let update = update
            .expression_attribute_values(":state", value(&claimed.was)?)
            .expression_attribute_values(":attempts", n(batch.attempts.saturating_sub(1)))
            .expression_attribute_values(":failures", n(batch.hub_failures + 1))
            .expression_attribute_values(":error", s(error))
            .expression_attribute_values(":owed", owed_by(batch))
            .expression_attribute_values(":due", n(due.as_millisecond()));
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

    /// SENDING → DEAD: it is not sent any more. It stays listed as owed by its target.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn batch_dies(&self, batch: &Batch, cause: DeathCause, error: &str) -> Result<(), AwsError> {
        let update = self
            .held_update(
                batch,
                "SET #state = :state, died_of = :cause, last_error = :error, outcome = :outcome, owed_by = :owed, \
                 expires_at = :end \
                 REMOVE due, due_shard, lease_until",
            )
            .expression_attribute_values(":owed", owed_by(batch))
            .expression_attribute_values(":end", n(batch.accepted_at / 1000 + KEPT_SECS))
            .expression_attribute_values(":state", value(&DeliveryState::Dead)?)
            .expression_attribute_values(":cause", value(&cause)?)
            .expression_attribute_values(":outcome", value(&Outcome { errors: batch.records, ..Outcome::default() })?)
            .expression_attribute_values(":error", s(error));
        send_held(update, batch).await?;
        emf::print(&metrics::attempt(DeliveryState::Dead));
        Ok(())
    }

    /// SENDING → DELIVERED for what the target answered, and a batch of its own for the rest, in one
    /// transaction with the run's number of batches.
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
        let writes = vec![
            TransactWriteItem::builder().update(delivered).build(),
            TransactWriteItem::builder().put(put).build(),
            TransactWriteItem::builder().update(count).build(),
        ];
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => {
                emf::print(&metrics::attempt(DeliveryState::Delivered));
                Ok(())
            }
            Err(e) if conditions(&e).contains(&true) => {
                Err(AwsError::LostLease(format!("batch {}", batch.id)))
            }
            Err(e) => Err(AwsError::call("dynamodb:TransactWriteItems")(e)),
        }
    }

    /// Counts a batch as final on its run, and says whether that may have been the last. A hint only:
    /// what closes a run is a consistent look at its batches, and the run's own `due` if this is lost.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn count_final_batch(&self, account: &str, run: &str) -> Result<bool, AwsError> {
        self.count_final_batches(account, run, 1).await
    }

    /// Counts several as final, as [`Table::count_final_batch`] does one.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn count_final_batches(
        &self,
        account: &str,
        run: &str,
        batches: u64,
    ) -> Result<bool, AwsError> {
        let counted = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::run(account, run))))
            .update_expression("ADD batches_final :batches")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":batches", n(batches))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(AwsError::call("dynamodb:UpdateItem"))?;
        let row = counted.attributes.unwrap_or_default();
        let count = |name| super::table::number(&row, name).unwrap_or_default();
        Ok(count("batches_final") >= count("batches_total"))
    }

    /// Reads all batches of a run, consistently, in the order of their records.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn batches(&self, account: &str, run: &str) -> Result<Vec<Batch>, AwsError> {
        let mut batches = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
                .expression_attribute_values(":pk", AttributeValue::S(keys::run(account, run).pk))
                .expression_attribute_values(":sk", s(keys::BATCH))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(AwsError::call("dynamodb:Query"))?;
            for row in answer.items.unwrap_or_default() {
                batches.push(read(row)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(batches);
            }
        }
    }

    pub(super) fn held_update(&self, batch: &Batch, expression: &str) -> UpdateItemFluentBuilder {
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
    match update.send().await {
        Ok(_) => Ok(()),
        Err(e) if is_condition(&e) => Err(AwsError::LostLease(format!("batch {}", batch.id))),
        Err(e) => Err(AwsError::call("dynamodb:UpdateItem")(e)),
    }
}
