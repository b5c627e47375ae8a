//! Notifications that are kept as themselves: those that no connection wanted, and those that are still to be
//! handed out to the connections that want them.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use jiff::Timestamp;

use super::super::{
    AwsError, Table,
    error::is_condition,
    table::{Item, item, key_item, n, read, s, update_if, value},
};
use crate::{
    keys::{self, OWED_SHARDS},
    notification::{Kept, KeptState, ROW_KEPT_SECS},
};

fn row(kept: &Kept, now: Timestamp) -> Result<Item, AwsError> {
    let key = keys::notification(&kept.account, &kept.notification);
    let mut row = item(&key, kept)?;
    let end = kept.accepted_at / 1000 + ROW_KEPT_SECS;
    row.insert("expires_at".into(), n(end));
    match kept.kept_state {
        KeptState::Unrouted => {
            row.insert("owed_by".into(), s(keys::unrouted_by(&kept.account, &kept.notification)));
        }
        KeptState::Pending => {
            row.insert("due".into(), n(now.as_millisecond()));
            row.insert("due_shard".into(), s(keys::due_shard(&key)));
        }
        KeptState::Routed => {}
    }
    Ok(row)
}

impl Table {
    /// The write that has a notification of the hub's own handed out, as a part of the transaction that makes it true.
    pub(in crate::aws) fn announcing(
        &self,
        kept: &Kept,
        now: Timestamp,
    ) -> Result<TransactWriteItem, AwsError> {
        let put = Put::builder().table_name(&self.name).set_item(Some(row(kept, now)?)).build();
        let put = put.map_err(|e| AwsError::damaged("a transaction", e))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Keeps a notification, unless it is kept already; says whether it was written.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn keep_notification(&self, kept: &Kept, now: Timestamp) -> Result<bool, AwsError> {
        let row = row(kept, now)?;
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(pk) OR expires_at < :now")
            .expression_attribute_values(":now", n(now.as_second()))
            .send()
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(e) if is_condition(&e) => Ok(false),
            Err(e) => Err(AwsError::call("dynamodb:PutItem")(e)),
        }
    }

    /// Reads a notification that is kept.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn kept_notification(
        &self,
        account: &str,
        notification: &str,
    ) -> Result<Option<Kept>, AwsError> {
        self.get(&keys::notification(account, notification)).await
    }

    /// Has a notification handed out that is kept: to these connections, or to those that want it. `dispatch` wakes
    /// it. `false` when it is gone.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn route_notification(
        &self,
        account: &str,
        notification: &str,
        to: &[String],
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let key = keys::notification(account, notification);
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&key)))
            .update_expression(
                "SET kept_state = :pending, #to = :to, due = :now, due_shard = :shard REMOVE owed_by",
            )
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#to", "to")
            .expression_attribute_values(":pending", value(&KeptState::Pending)?)
            .expression_attribute_values(":to", value(&to)?)
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(&key)));
        update_if(update).await
    }

    /// Says that a notification was handed out, or that no connection wanted it; `false` when it is no longer as it was
    /// read: a person may have had it handed out to others meanwhile, which is still to be done.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn notification_routed(&self, kept: &Kept, state: KeptState) -> Result<bool, AwsError> {
        let expression = match state {
            KeptState::Unrouted => "SET kept_state = :state, owed_by = :by REMOVE due, due_shard, #to",
            _ => "SET kept_state = :state REMOVE due, due_shard, owed_by, #to",
        };
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::notification(&kept.account, &kept.notification))))
            .update_expression(expression)
            .condition_expression("kept_state = :seen AND (attribute_not_exists(#to) OR #to = :to)")
            .expression_attribute_names("#to", "to")
            .expression_attribute_values(":seen", value(&kept.kept_state)?)
            .expression_attribute_values(":to", value(&kept.to)?)
            .expression_attribute_values(":state", value(&state)?);
        let update = match state {
            KeptState::Unrouted => {
                let by = keys::unrouted_by(&kept.account, &kept.notification);
                update.expression_attribute_values(":by", s(by))
            }
            _ => update,
        };
        update_if(update).await
    }

    /// Lists notifications that no connection wanted, oldest first: at most `limit` of each shard, so that the first
    /// `limit` of the answer are the oldest there are.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn unrouted(&self, account: &str, from_ms: i64, limit: i32) -> Result<Vec<Kept>, AwsError> {
        let mut found: Vec<Kept> = Vec::new();
        for shard in 0..OWED_SHARDS {
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .index_name("owed")
                .key_condition_expression("owed_by = :by AND accepted_at >= :from")
                .expression_attribute_values(":by", s(keys::unrouted_shard(account, shard)))
                .expression_attribute_values(":from", n(from_ms))
                .limit(limit)
                .send()
                .await
                .map_err(AwsError::call("dynamodb:Query"))?;
            for row in answer.items.unwrap_or_default() {
                found.push(read(row)?);
            }
        }
        found.sort_by(|a, b| (a.accepted_at, &a.notification).cmp(&(b.accepted_at, &b.notification)));
        Ok(found)
    }
}
