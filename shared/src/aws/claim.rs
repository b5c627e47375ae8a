//! Claiming a delivery for one attempt: the same conditional write for batches and notifications.

use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;

use super::{
    AwsError, Table,
    error::is_condition,
    table::{Item, key_item, n, s, value},
};
use crate::{
    delivery::DeliveryState,
    keys::{self, Key},
};

/// How early a message may come before the next attempt: queues count whole seconds.
const EARLY_MS: i64 = 1000;

impl Table {
    /// Claims a delivery's row until `lease_until`; the row as it was before, or `None` when it is final, held, or its
    /// next attempt is not due yet.
    ///
    /// # Errors
    /// When the call fails.
    pub(super) async fn claim_delivery(
        &self,
        key: &Key,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Item>, AwsError> {
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
        match claimed {
            Ok(answer) => Ok(answer.attributes),
            Err(e) if is_condition(&e) => Ok(None),
            Err(e) => Err(AwsError::call("dynamodb:UpdateItem")(e)),
        }
    }
}
