//! What a person decides about an open batch.

use jiff::Timestamp;

use super::{
    super::{
        AwsError, Table,
        gates::Of,
        table::{n, s, update_if, value},
    },
    key,
};
use crate::{
    export::{Decision, Phase},
    keys,
};

/// What became of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// It is written down, and the target is due.
    Yes,
    /// That batch is not open any more, or somebody is at it just now.
    MovedOn,
}

impl Table {
    /// Writes down what a person decides about the open batch, and makes the target due: of one that nobody
    /// pushes just now.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn decide_batch(
        &self,
        of: Of<'_>,
        batch: &str,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<Decided, AwsError> {
        let update = self
            .push_update(of, "SET decision = :decision, due = :now, due_shard = :shard REMOVE try_at")
            .condition_expression(
                "open_batch.id = :batch AND open_batch.phase <> :freezing \
                 AND (attribute_not_exists(lease_until) OR lease_until < :now)",
            )
            .expression_attribute_values(":freezing", value(&Phase::Freezing)?)
            .expression_attribute_values(":decision", value(decision)?)
            .expression_attribute_values(":batch", s(batch))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(&key(of))));
        Ok(match update_if(update).await? {
            true => Decided::Yes,
            false => Decided::MovedOn,
        })
    }
}
