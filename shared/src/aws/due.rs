//! The index `due`: everything that has to be woken, in 32 shards by time.

use aws_sdk_dynamodb::types::Select;
use jiff::Timestamp;

use super::{
    AwsError, Table,
    table::{Item, key_item, n, number, s, string, update_if},
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

/// One page of the rows of a shard that are due.
#[derive(Clone, Debug)]
pub struct DuePage {
    /// Oldest first.
    pub rows: Vec<DueRow>,
    /// Where to go on, if there may be more.
    pub after: Option<Item>,
}

impl Table {
    /// Reads at most `limit` rows of one shard that are due at `now`, oldest first, after the place where the page
    /// before ended.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn due(
        &self,
        shard: u32,
        now: Timestamp,
        limit: i32,
        after: Option<Item>,
    ) -> Result<DuePage, AwsError> {
        let answer = self
            .client
            .query()
            .table_name(&self.name)
            .index_name("due")
            .key_condition_expression("due_shard = :shard AND due <= :now")
            .expression_attribute_values(":shard", s(keys::due_shard_name(shard)))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .limit(limit)
            .set_exclusive_start_key(after)
            .send()
            .await
            .map_err(AwsError::call("dynamodb:Query"))?;
        let rows = answer.items.unwrap_or_default();
        let rows = rows.iter().filter_map(|row| {
            let key = Key { pk: string(row, "pk")?, sk: string(row, "sk")? };
            Some(DueRow { key, due: Timestamp::from_millisecond(number(row, "due")?).ok()? })
        });
        Ok(DuePage { rows: rows.collect(), after: answer.last_evaluated_key })
    }

    /// Counts the deliveries of one shard that are owed to targets: all that have been claimed and are not final carry a
    /// `due`, but for notifications in their first attempt. Reads at most `pages` of 1 MB, some six thousand rows each; `false` says that there are more.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn count_owed(&self, shard: u32, pages: usize) -> Result<(u64, bool), AwsError> {
        let (mut owed, mut after) = (0, None);
        for _ in 0..pages {
            let answer = self
                .client
                .query()
                .table_name(&self.name)
                .index_name("due")
                .key_condition_expression("due_shard = :shard")
                .filter_expression("begins_with(sk, :notification) OR begins_with(sk, :batch)")
                .expression_attribute_values(":shard", s(keys::due_shard_name(shard)))
                .expression_attribute_values(":notification", s(keys::DELIVERY))
                .expression_attribute_values(":batch", s(keys::BATCH))
                .select(Select::Count)
                .set_exclusive_start_key(after)
                .send()
                .await
                .map_err(AwsError::call("dynamodb:Query"))?;
            owed += u64::try_from(answer.count).unwrap_or(0);
            after = answer.last_evaluated_key;
            if after.is_none() {
                return Ok((owed, true));
            }
        }
        Ok((owed, false))
    }

    /// Says that a row has nothing more to be woken for, if its `due` is still as seen; `false` when it is another.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn no_longer_due(&self, row: &DueRow) -> Result<bool, AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&row.key)))
            .update_expression("REMOVE due, due_shard, next_at")
            .condition_expression("due = :seen")
            .expression_attribute_values(":seen", n(row.due.as_millisecond()));
        update_if(update).await
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
            .expression_attribute_values(":seen", n(row.due.as_millisecond()));
        update_if(update).await
    }
}
