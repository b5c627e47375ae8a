//! Batch rows under their run: staging and claims. What the holder of a claim writes is in `held`.

mod held;

pub use held::NotMade;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::Timestamp;

use super::{
    AwsError, Table,
    error::is_condition,
    table::{Item, every, item, key_item, n, read, s, update_if, value},
};
use crate::{
    delivery::{Batch, DeliveryState, WaitingFor},
    keys::{self, Key},
    run::RunStatus,
};

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
                "attribute_not_exists(pk) OR (staged_by <= :epoch AND attempts = :zero AND #state = :waiting \
                 AND waiting_for = :release)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":epoch", n(batch.staged_by))
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":waiting", value(&DeliveryState::Waiting)?)
            // One that is in a buffer has spent no attempt either.
            .expression_attribute_values(":release", value(&WaitingFor::Release)?)
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
        let Some(old) = self.claim_delivery(key, now, lease_until).await? else { return Ok(None) };
        let old: Batch = read(old)?;
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

    /// Counts several as final, and makes their run due, so that the next tick has it closed: where the last of them
    /// were in a file. A hint, as [`Table::count_final_batch`]: a run that is not told is due later.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn count_pushed_batches(
        &self,
        account: &str,
        run: &str,
        batches: u64,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::run(account, run))))
            .update_expression("SET due = :now ADD batches_final :batches")
            .condition_expression("#status = :delivering")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":delivering", value(&RunStatus::Delivering)?)
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":batches", n(batches));
        update_if(update).await.map(|_| ())
    }

    /// Reads all batches of a run, consistently, in the order of their records.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn batches(&self, account: &str, run: &str) -> Result<Vec<Batch>, AwsError> {
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", s(keys::run(account, run).pk))
            .expression_attribute_values(":sk", s(keys::BATCH))
            .consistent_read(true);
        every(query).await
    }
}
