//! Attempts that failed, one row each, beside the delivery. The one that went through is on the delivery itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::{
    AwsError, Table,
    table::{every, item, s},
};
use crate::{
    delivery::NotificationName,
    keys,
    notification::{NotificationDelivery, ROW_KEPT_SECS},
};

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub n: u32,
    /// When it ended.
    pub at: Timestamp,
    /// How long it took, milliseconds.
    pub duration_ms: u64,
    /// The target's status, if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What was wrong.
    pub error: String,
    /// The beginning of the answer's body, 4 KiB at most.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answer: String,
}

impl Table {
    /// Writes an attempt down, over itself if it was already.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn record_attempt(
        &self,
        delivery: &NotificationDelivery,
        attempt: &Attempt,
    ) -> Result<(), AwsError> {
        let (account, notification) = (&delivery.account, &delivery.notification);
        // The epoch tells the attempts of a delivery that was sent again from those before.
        let key = keys::attempt(account, notification, &delivery.connection, delivery.epoch);
        let mut row = item(&key, attempt)?;
        let end = attempt.at.as_second() + ROW_KEPT_SECS;
        row.insert("expires_at".into(), super::super::table::n(end));
        let put = self.client.put_item().table_name(&self.name).set_item(Some(row)).send().await;
        put.map(|_| ()).map_err(AwsError::call("dynamodb:PutItem"))
    }

    /// Reads the attempts of a delivery that failed, in their order.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn failed_attempts(
        &self,
        account: &str,
        name: &NotificationName,
    ) -> Result<Vec<Attempt>, AwsError> {
        let first = keys::attempt(account, &name.notification, &name.connection, 0);
        let prefix = first.sk.rsplit_once('#').map_or(first.sk.as_str(), |(prefix, _)| prefix);
        let query = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", s(&first.pk))
            .expression_attribute_values(":sk", s(format!("{prefix}#")));
        every(query).await
    }
}
