//! Rows of notifications that are owed to targets: first claims, later claims, and reading. What the holder of a
//! claim writes is in `held`; notifications that are kept as themselves are in `kept`.

mod attempts;
mod decided;
mod held;
mod kept;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use jiff::Timestamp;

use super::{
    AwsError, Table,
    error::failed_on,
    table::{every_item, item, key_item, n, read, s, update_if},
};
use crate::{
    delivery::{DeliveryState, NotificationName},
    keys::{self, Key},
    notification::{Kept, NotificationDelivery},
};

pub use attempts::Attempt;
pub use held::{Last, Waits};

/// A notification that is claimed for one attempt.
#[derive(Clone, Debug)]
pub struct ClaimedNotification {
    /// The row as the claim left it.
    pub delivery: NotificationDelivery,
    /// What it was before: SENDING where an earlier holder's lease ended without a word of what came of it.
    pub was: DeliveryState,
}

/// What a first claim found instead of nothing.
#[derive(Clone, Debug)]
pub struct Known {
    /// The row.
    pub delivery: NotificationDelivery,
    /// End of the lease of its holder, milliseconds since 1970.
    pub lease_until: Option<i64>,
}

fn owed_by(row: &NotificationDelivery) -> AttributeValue {
    s(keys::owed_by(&row.account, &row.target_server, &row.notification))
}

impl Table {
    /// Writes the row of a notification at its first claim, unless there is one: in SENDING it is the caller's until
    /// `lease_until`, and stands in no index, since its message stays in the queue until it is final or `due`.
    /// A row that is past its time does not count, though it may still be there. Answers the row that was there.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn claim_first(
        &self,
        row: &NotificationDelivery,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Known>, AwsError> {
        let key = row.name().key(&row.account);
        let mut written = item(&key, row)?;
        match row.state {
            DeliveryState::Sending => {
                written.insert("lease_until".into(), n(lease_until.as_millisecond()));
            }
            DeliveryState::Waiting => {
                written.insert("due_shard".into(), s(keys::due_shard(&key)));
                written.insert("owed_by".into(), owed_by(row));
            }
            DeliveryState::Dead => {
                written.insert("owed_by".into(), owed_by(row));
                written.insert("expires_at".into(), n(held::end_of(row)));
            }
            DeliveryState::Delivered | DeliveryState::Unknown => {}
        }
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(written))
            .condition_expression("attribute_not_exists(pk) OR expires_at < :now")
            .expression_attribute_values(":now", n(now.as_second()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match put {
            Ok(_) => Ok(None),
            Err(e) => match failed_on(&e) {
                Some(old) => {
                    let lease_until = super::table::number(&old, "lease_until");
                    Ok(Some(Known { delivery: read(old)?, lease_until }))
                }
                None => Err(AwsError::call("dynamodb:PutItem")(e)),
            },
        }
    }

    /// Claims a notification whose row is there; `None` when it is final, held, or its next attempt is not due yet.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn claim_notification(
        &self,
        account: &str,
        name: &NotificationName,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<ClaimedNotification>, AwsError> {
        let key = name.key(account);
        let Some(old) = self.claim_delivery(&key, now, lease_until).await? else { return Ok(None) };
        let old: NotificationDelivery = read(old)?;
        let was = old.state;
        let delivery = NotificationDelivery {
            state: DeliveryState::Sending,
            attempts: old.attempts + 1,
            epoch: old.epoch + 1,
            due: Some(lease_until.as_millisecond()),
            waiting_for: None,
            attempt_at: None,
            ..old
        };
        Ok(Some(ClaimedNotification { delivery, was }))
    }

    /// Reads a notification's delivery.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn notification_delivery(
        &self,
        account: &str,
        name: &NotificationName,
    ) -> Result<Option<NotificationDelivery>, AwsError> {
        self.get(&name.key(account)).await
    }

    /// Reads what is known of a notification: who it is owed to, and itself if it is kept. What was written within
    /// the last second or so may be missing: for decisions, claims decide.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn known_notification(
        &self,
        account: &str,
        notification: &str,
        now: Timestamp,
    ) -> Result<(Option<Kept>, Vec<NotificationDelivery>), AwsError> {
        let pk = keys::notification(account, notification).pk;
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND sk < :attempts")
            .filter_expression("attribute_not_exists(expires_at) OR expires_at >= :now")
            .expression_attribute_values(":pk", s(&pk))
            .expression_attribute_values(":attempts", s(keys::ATTEMPT))
            .expression_attribute_values(":now", n(now.as_second()));
        let (mut kept, mut deliveries) = (None, Vec::new());
        for row in every_item(query).await? {
            match super::table::string(&row, "sk").as_deref() {
                Some("N") => kept = Some(read(row)?),
                _ => deliveries.push(read(row)?),
            }
        }
        Ok((kept, deliveries))
    }

    /// Counts that the same event came with another payload, which is not sent.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn note_conflict(&self, key: &Key) -> Result<(), AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .update_expression("ADD conflicts :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", n(1));
        update_if(update).await.map(|_| ())
    }
}
