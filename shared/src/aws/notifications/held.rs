//! The writes of a claim's holder: each is conditional on its epoch and on the lease still being there.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use jiff::Timestamp;
use serde_json::json;

use super::{
    super::{
        AwsError, Table,
        table::{key_item, n, s, update_if, value},
    },
    ClaimedNotification, owed_by,
};
use crate::{
    announcement::{Happened, announcement},
    connection::HUB,
    delivery::{DeathCause, DeliveryState, WaitingFor},
    keys,
    notification::{NotificationDelivery, ROW_KEPT_SECS},
};

/// How an attempt went, as the row keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// The target's status, if it answered.
    pub status: Option<u16>,
    /// How long it took.
    pub duration_ms: u64,
    /// When it ended, milliseconds since 1970.
    pub at: i64,
    /// How it failed.
    pub error: Option<String>,
}

/// What becomes of a notification that is not delivered yet.
#[derive(Clone, Debug)]
pub struct Waits<'a> {
    /// When it is looked at again.
    pub due: Timestamp,
    /// What it waits for.
    pub waits_for: WaitingFor,
    /// Where its payload is.
    pub object: &'a str,
    /// Whether the attempt was made, and counts.
    pub counts: bool,
}

/// When a row that is final may go: it is kept for 30 days after the notification was accepted.
pub(super) fn end_of(row: &NotificationDelivery) -> i64 {
    row.accepted_at / 1000 + ROW_KEPT_SECS
}

impl Table {
    /// SENDING → DELIVERED. On the plain path this is the second and last write of a notification, and touches no
    /// index.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn notification_delivered(
        &self,
        row: &NotificationDelivery,
        last: &Last,
    ) -> Result<(), AwsError> {
        let update = self
            .attempted(
                row,
                last,
                "SET #state = :state, expires_at = :end{last} \
                 REMOVE lease_until, due, due_shard, owed_by, last_error",
            )
            .expression_attribute_values(":state", value(&DeliveryState::Delivered)?)
            .expression_attribute_values(":end", n(end_of(row)));
        send_held(update, row).await
    }

    /// SENDING → WAITING: for its next attempt, or for its target.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn notification_waits(
        &self,
        row: &NotificationDelivery,
        waits: &Waits<'_>,
        last: &Last,
    ) -> Result<(), AwsError> {
        let attempts = if waits.counts { row.attempts } else { row.attempts.saturating_sub(1) };
        let attempt_at = match waits.waits_for {
            WaitingFor::Target | WaitingFor::Flush => "",
            _ => ", attempt_at = :due",
        };
        let expression = format!(
            "SET #state = :state, waiting_for = :for, due = :due, due_shard = :shard, owed_by = :owed, \
             #object = :object, attempts = :attempts{attempt_at}{{last}} \
             REMOVE lease_until, hub_failures, dead_letters"
        );
        let update = self
            .attempted(row, last, &expression)
            .expression_attribute_names("#object", "object")
            .expression_attribute_values(":state", value(&DeliveryState::Waiting)?)
            .expression_attribute_values(":for", value(&waits.waits_for)?)
            .expression_attribute_values(":due", n(waits.due.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(&row.name().key(&row.account))))
            .expression_attribute_values(":owed", owed_by(row))
            .expression_attribute_values(":object", s(waits.object))
            .expression_attribute_values(":attempts", n(attempts));
        send_held(update, row).await
    }

    /// Back to what a claim found, after a failure of the hub itself: the attempt was not made, and does not count.
    /// What was SENDING stays so, since what became of its last attempt is still not known.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn notification_returns(
        &self,
        claimed: &ClaimedNotification,
        due: Timestamp,
        object: &str,
        error: &str,
    ) -> Result<(), AwsError> {
        let row = &claimed.delivery;
        let back = match claimed.was {
            DeliveryState::Sending => "lease_until = :due",
            DeliveryState::Unknown => "attempt_at = :due REMOVE lease_until",
            _ => "attempt_at = :due, waiting_for = :for REMOVE lease_until",
        };
        let expression = format!(
            "SET #state = :state, due = :due, due_shard = :shard, attempts = :attempts, hub_failures = :failures, \
             last_error = :error, owed_by = :owed, #object = :object, {back}"
        );
        let update = self.held_update_of(row, &expression);
        let update = match claimed.was {
            DeliveryState::Sending | DeliveryState::Unknown => update,
            _ => update.expression_attribute_values(":for", value(&WaitingFor::NextAttempt)?),
        };
        let update = update
            .expression_attribute_names("#object", "object")
            .expression_attribute_values(":state", value(&claimed.was)?)
            .expression_attribute_values(":shard", s(keys::due_shard(&row.name().key(&row.account))))
            .expression_attribute_values(":attempts", n(row.attempts.saturating_sub(1)))
            .expression_attribute_values(":failures", n(row.hub_failures + 1))
            .expression_attribute_values(":error", s(error))
            .expression_attribute_values(":owed", owed_by(row))
            .expression_attribute_values(":object", s(object))
            .expression_attribute_values(":due", n(due.as_millisecond()));
        send_held(update, row).await
    }

    /// SENDING → UNKNOWN: it was sent, and what came of it is not known. A person decides, at latest by its
    /// `deliver_until`.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn notification_parks(
        &self,
        row: &NotificationDelivery,
        object: &str,
        last: &Last,
    ) -> Result<(), AwsError> {
        let update = self
            .attempted(
                row,
                last,
                "SET #state = :state, due = :due, due_shard = :shard, attempt_at = :due, owed_by = :owed, \
                 #object = :object{last} REMOVE lease_until",
            )
            .expression_attribute_names("#object", "object")
            .expression_attribute_values(":state", value(&DeliveryState::Unknown)?)
            .expression_attribute_values(":due", n(row.deliver_until))
            .expression_attribute_values(":shard", s(keys::due_shard(&row.name().key(&row.account))))
            .expression_attribute_values(":owed", owed_by(row))
            .expression_attribute_values(":object", s(object));
        send_held(update, row).await
    }

    /// SENDING → DEAD: it is not sent any more. It stays listed as owed by its target. Announced where somebody `hears`,
    /// unless it is itself an announcement.
    ///
    /// # Errors
    /// When the call fails or the claim is lost.
    pub async fn notification_dies(
        &self,
        row: &NotificationDelivery,
        cause: DeathCause,
        object: &str,
        last: &Last,
        (hears, now): (bool, Timestamp),
    ) -> Result<(), AwsError> {
        let update = self
            .attempted(
                row,
                last,
                match cause {
                    // Nobody owes an answer for it.
                    DeathCause::Filtered => {
                        "SET #state = :state, died_of = :cause, #object = :object, expires_at = :end{last} \
                         REMOVE due, due_shard, lease_until, owed_by"
                    }
                    _ => {
                        "SET #state = :state, died_of = :cause, owed_by = :owed, #object = :object, \
                         expires_at = :end{last} REMOVE due, due_shard, lease_until"
                    }
                },
            )
            .expression_attribute_names("#object", "object")
            .expression_attribute_values(":state", value(&DeliveryState::Dead)?)
            .expression_attribute_values(":cause", value(&cause)?)
            .expression_attribute_values(":object", s(object))
            .expression_attribute_values(":end", n(end_of(row)));
        let update = match cause {
            DeathCause::Filtered => update,
            _ => update.expression_attribute_values(":owed", owed_by(row)),
        };
        let announces = (hears && row.source != HUB && cause != DeathCause::Filtered).then(|| {
            let data = json!({
                "delivery": row.name().to_string(), "notification": row.notification, "source": row.source,
                "event_id": row.event_id, "connection": row.connection, "target_server": row.target_server,
                "cause": cause.code(), "last_error": last.error,
            });
            let (name, epoch) = (row.name().to_string(), row.epoch.to_string());
            announcement(&row.account, Happened::DeliveryDead, &[&name, &epoch], data, now)
        });
        match self.update_announcing(update, announces.as_ref(), now).await? {
            true => Ok(()),
            false => Err(lost(row)),
        }
    }

    /// An update by the holder; `{last}` in the expression becomes what is set of the last attempt.
    fn attempted(
        &self,
        row: &NotificationDelivery,
        last: &Last,
        expression: &str,
    ) -> UpdateItemFluentBuilder {
        let mut set = String::new();
        let mut values = Vec::new();
        if last.at > 0 {
            set.push_str(", last_at = :last_at, last_ms = :last_ms");
            values.push((":last_at", n(last.at)));
            values.push((":last_ms", n(last.duration_ms)));
        }
        if let Some(status) = last.status {
            set.push_str(", last_status = :last_status");
            values.push((":last_status", n(status)));
        }
        if let Some(error) = &last.error {
            set.push_str(", last_error = :last_error");
            values.push((":last_error", s(error)));
        }
        let update = self.held_update_of(row, &expression.replace("{last}", &set));
        values.into_iter().fold(update, |u, (name, value)| u.expression_attribute_values(name, value))
    }

    fn held_update_of(&self, row: &NotificationDelivery, expression: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&row.name().key(&row.account))))
            .update_expression(expression)
            .condition_expression("epoch = :epoch AND attribute_exists(lease_until)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":epoch", n(row.epoch))
    }
}

async fn send_held(update: UpdateItemFluentBuilder, row: &NotificationDelivery) -> Result<(), AwsError> {
    match update_if(update).await? {
        true => Ok(()),
        false => Err(lost(row)),
    }
}

fn lost(row: &NotificationDelivery) -> AwsError {
    AwsError::LostLease(format!("notification {}", row.notification))
}
