//! What a person decides about a notification's delivery.

use jiff::Timestamp;

use super::{
    super::{
        AwsError, Table,
        table::{key_item, n, s, update_if, value},
    },
    held::end_of,
    owed_by,
};
use crate::{
    delivery::{DeliveryState, WaitingFor},
    keys,
    notification::{NotificationDelivery, looked_at_again, resend_until},
};

impl Table {
    /// DEAD, UNKNOWN or WAITING → WAITING for an attempt now, under the same id, with the whole schedule before it,
    /// mapped by the version that the caller's row names. `false` when it has moved on since it was read.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn notification_resends(
        &self,
        row: &NotificationDelivery,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        self.resend(row, WaitingFor::NextAttempt, now, now).await
    }

    /// As [`Table::notification_resends`], but in its turn: its target's gate lets it out.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn notification_waits_again(
        &self,
        row: &NotificationDelivery,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let due = looked_at_again(resend_until(row.accepted_at, now), now);
        self.resend(row, WaitingFor::Target, due, now).await
    }

    async fn resend(
        &self,
        row: &NotificationDelivery,
        waits_for: WaitingFor,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let key = row.name().key(&row.account);
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&key)))
            .update_expression(
                "SET #state = :waiting, waiting_for = :for, due = :due, due_shard = :shard, attempt_at = :now, \
                 attempts = :none, deliver_until = :until, owed_by = :owed, mapping_version = :version \
                 REMOVE died_of, pushed_by, expires_at, hub_failures, dead_letters, last_dead_letter_at",
            )
            .condition_expression("#state = :seen AND epoch = :epoch")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":seen", value(&row.state)?)
            .expression_attribute_values(":epoch", n(row.epoch))
            .expression_attribute_values(":waiting", value(&DeliveryState::Waiting)?)
            .expression_attribute_values(":for", value(&waits_for)?)
            .expression_attribute_values(":due", n(due.as_millisecond()))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(&key)))
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":until", n(resend_until(row.accepted_at, now)))
            .expression_attribute_values(":version", value(&row.mapping_version)?)
            .expression_attribute_values(":owed", owed_by(row));
        if update_if(update).await? {
            return Ok(true);
        }
        // A call whose answer was lost finds its own write.
        let found: Option<NotificationDelivery> = self.get(&key).await?;
        Ok(found.is_some_and(|f| {
            f.state == DeliveryState::Waiting
                && f.epoch == row.epoch
                && f.attempt_at == Some(now.as_millisecond())
        }))
    }

    /// UNKNOWN → DELIVERED: a person found that the target took it. `false` when it is no longer UNKNOWN.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn notification_confirmed(&self, row: &NotificationDelivery) -> Result<bool, AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&row.name().key(&row.account))))
            .update_expression(
                "SET #state = :delivered, expires_at = :end REMOVE due, due_shard, attempt_at, owed_by, last_error",
            )
            .condition_expression("#state = :unknown")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":unknown", value(&DeliveryState::Unknown)?)
            .expression_attribute_values(":delivered", value(&DeliveryState::Delivered)?)
            .expression_attribute_values(":end", n(end_of(row)));
        update_if(update).await
    }
}
