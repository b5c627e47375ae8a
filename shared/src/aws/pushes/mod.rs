//! Pushes: what is in a target's buffer, the work lease on the target's push row with the writes of its holder, and
//! what becomes of the rows of a file.
//!
//! Every write here is conditional, so each may be tried again: a second one changes nothing.

mod buffer;
mod held;
mod open;
mod people;

use aws_sdk_dynamodb::{operation::update_item::builders::UpdateItemFluentBuilder, types::ReturnValue};
use jiff::Timestamp;

use super::{
    AwsError, Table,
    error::is_condition,
    gates::Of,
    table::{key_item, n, read, s},
};
use crate::{
    export::Push,
    keys::{self, Key},
};

pub use buffer::{NotSent, PushedBatch, Which};
pub use held::Ended;
pub use people::Decided;

/// How early a message may come before a retry: queues count whole seconds.
const EARLY_MS: i64 = 1000;

fn key(of: Of<'_>) -> Key {
    keys::push(of.account, of.target_server)
}

impl Table {
    /// Reads what is to be pushed to a target, and how far it is.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn push(&self, of: Of<'_>) -> Result<Push, AwsError> {
        Ok(self.get(&key(of)).await?.unwrap_or_default())
    }

    /// Notes that something was put into the buffer of a realtime target, so that it is pushed at `look_at`, or, after
    /// a failure, at the time that was set then.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn note_buffered(
        &self,
        of: Of<'_>,
        look_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), AwsError> {
        self.push_update(
            of,
            "SET held_at = :now, due = if_not_exists(try_at, :due), due_shard = :shard, \
             epoch = if_not_exists(epoch, :none)",
        )
        .expression_attribute_values(":now", n(now.as_millisecond()))
        .expression_attribute_values(":due", n(look_at.as_millisecond()))
        .expression_attribute_values(":none", n(0))
        .expression_attribute_values(":shard", s(keys::due_shard(&key(of))))
        .send()
        .await
        .map(|_| ())
        .map_err(AwsError::call("dynamodb:UpdateItem"))
    }

    /// Takes the work lease of a target that has something to be pushed; `None` where it has not, somebody else is at
    /// it, or its next try is not due yet. Until `lease_until` no one else gets it; then the row is due again.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn take_push(
        &self,
        of: Of<'_>,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Push>, AwsError> {
        let taken = self
            .push_update(
                of,
                "SET epoch = if_not_exists(epoch, :none) + :one, lease_until = :until, due = :until, \
                 due_shard = :shard",
            )
            .condition_expression(
                "attribute_exists(due) AND (attribute_not_exists(try_at) OR try_at <= :soon) \
                 AND (attribute_not_exists(lease_until) OR lease_until < :now)",
            )
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":until", n(lease_until.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(&key(of))))
            .expression_attribute_values(":soon", n(now.as_millisecond() + EARLY_MS))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match taken {
            Ok(answer) => answer.attributes.map(read).transpose(),
            Err(e) if is_condition(&e) => Ok(None),
            Err(e) => Err(AwsError::call("dynamodb:UpdateItem")(e)),
        }
    }

    fn push_update(&self, of: Of<'_>, expression: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&key(of))))
            .update_expression(expression)
    }
}
