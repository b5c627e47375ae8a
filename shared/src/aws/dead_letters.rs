//! Counting a row's dead letters.

use jiff::Timestamp;

use super::{
    AwsError, Table,
    table::{key_item, n, s, update_if},
};
use crate::keys::{self, Key};

impl Table {
    /// Counts one more dead letter of a run or a batch that nobody holds, and puts its `due` off; `false` when
    /// someone holds it, or another message was faster.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn count_dead_letter(
        &self,
        key: &Key,
        before: u32,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .update_expression(
                "SET dead_letters = :after, last_dead_letter_at = :now_text, due = :due, due_shard = :shard",
            )
            // A final row has no `due`, and must not get one.
            .condition_expression(
                "attribute_exists(due) AND (dead_letters = :before OR attribute_not_exists(dead_letters)) \
                 AND (attribute_not_exists(lease_until) OR lease_until < :now)",
            )
            .expression_attribute_values(":before", n(before))
            .expression_attribute_values(":after", n(before + 1))
            .expression_attribute_values(":now_text", s(now.to_string()))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":due", n(due.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(key)));
        update_if(update).await
    }
}
