//! The index `due`: everything that has to be woken, in 32 shards by time.

use jiff::Timestamp;

use super::{
    AwsError, Table,
    table::{key_item, n, number, s, string},
};
use crate::keys::{self, Key};

/// A row whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRow {
    /// Its key.
    pub key: Key,
    /// The `due` that was seen.
    pub due: Timestamp,
}

impl Table {
    /// Reads at most `limit` rows of one shard that are due at `now`, oldest first.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn due(&self, shard: u32, now: Timestamp, limit: i32) -> Result<Vec<DueRow>, AwsError> {
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .index_name("due")
            .key_condition_expression("due_shard = :shard AND due <= :now")
            .expression_attribute_values(":shard", s(keys::due_shard_name(shard)))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .limit(limit)
            .send()
            .await
            .map_err(AwsError::call("dynamodb:Query"))?;
        let rows = answer.items.unwrap_or_default();
        Ok(rows
            .iter()
            .filter_map(|row| {
                let key = Key { pk: string(row, "pk")?, sk: string(row, "sk")? };
                Some(DueRow { key, due: Timestamp::from_millisecond(number(row, "due")?).ok()? })
            })
            .collect())
    }

    /// Puts a row's `due` off, if it is still as seen; `false` when another tick was faster.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn put_off(&self, row: &DueRow, until: Timestamp) -> Result<bool, AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&row.key)))
            .update_expression("SET due = :until")
            .condition_expression("due = :seen")
            .expression_attribute_values(":until", n(until.as_millisecond()))
            .expression_attribute_values(":seen", n(row.due.as_millisecond()))
            .send()
            .await;
        match update {
            Ok(_) => Ok(true),
            Err(e) if super::error::is_condition(&e) => Ok(false),
            Err(e) => Err(AwsError::call("dynamodb:UpdateItem")(e)),
        }
    }
}
