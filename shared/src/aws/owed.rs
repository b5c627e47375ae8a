//! What targets owe an answer for: lists by target, and what a person decides about a delivery.

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    AwsError, Table,
    batches::KEPT_SECS,
    table::{Item, key_item, n, read, s, update_if, value},
};
use crate::{
    delivery::{Batch, BatchName, DeliveryName, DeliveryState, WaitingFor},
    keys::{self, OWED_SHARDS},
    notification::NotificationDelivery,
};

/// Pages of 1 MB of a shard that are read at most to count what a target owes.
const PAGES_TO_COUNT: u32 = 2;

#[derive(Deserialize)]
struct State {
    state: DeliveryState,
}

/// Something that a target owes an answer for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owed {
    /// A batch of a run.
    Batch(Box<Batch>),
    /// A notification.
    Notification(Box<NotificationDelivery>),
}

impl Owed {
    pub(super) fn read(row: Item) -> Result<Self, AwsError> {
        match row.contains_key("notification") {
            true => Ok(Self::Notification(Box::new(read(row)?))),
            false => Ok(Self::Batch(Box::new(read(row)?))),
        }
    }

    /// What it is called.
    pub fn name(&self) -> DeliveryName {
        match self {
            Self::Batch(batch) => DeliveryName::Batch(BatchName::of(batch)),
            Self::Notification(delivery) => DeliveryName::Notification(delivery.name()),
        }
    }

    /// The connection that it is of.
    pub fn connection(&self) -> &str {
        match self {
            Self::Batch(batch) => &batch.connection,
            Self::Notification(delivery) => &delivery.connection,
        }
    }

    /// When it was accepted, milliseconds since 1970.
    pub fn accepted_at(&self) -> i64 {
        match self {
            Self::Batch(batch) => batch.accepted_at,
            Self::Notification(delivery) => delivery.accepted_at,
        }
    }

    /// Records in it.
    pub fn records(&self) -> u64 {
        match self {
            Self::Batch(batch) => batch.records,
            Self::Notification(_) => 1,
        }
    }

    /// Size of its payload, bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Batch(batch) => batch.size_bytes,
            Self::Notification(delivery) => delivery.size_bytes,
        }
    }

    /// When it was accepted, milliseconds since 1970, and what follows its name: its place in the list. Batches of a run
    /// that were accepted in one moment are in the order of their records.
    pub fn place(&self) -> (i64, String) {
        match self {
            Self::Batch(batch) => {
                let Batch { run, first_ordinal, part, .. } = &**batch;
                (batch.accepted_at, format!("{run}-{first_ordinal:012}-{part:03}"))
            }
            Self::Notification(delivery) => (delivery.accepted_at, delivery.name().to_string()),
        }
    }
}

/// Which deliveries of a target to list.
#[derive(Clone, Copy, Debug)]
pub struct OwedList<'a> {
    /// Of this account.
    pub account: &'a str,
    /// Owed to this target.
    pub target_server: &'a str,
    /// In this state only.
    pub state: Option<DeliveryState>,
    /// Waiting for this only.
    pub waiting_for: Option<WaitingFor>,
    /// Of this connection only.
    pub connection: Option<&'a str>,
    /// Accepted at or after, milliseconds since 1970.
    pub from_ms: i64,
    /// Accepted at or before, milliseconds since 1970.
    pub to_ms: i64,
    /// At most so many of each shard.
    pub limit: i32,
}

impl Table {
    /// Lists what a target owes, oldest first, from all shards: at most `limit` of each, so the first `limit` of
    /// the answer are the oldest there are.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn owed(&self, list: OwedList<'_>) -> Result<Vec<Owed>, AwsError> {
        let mut found = Vec::new();
        for shard in 0..OWED_SHARDS {
            let (mut start, wanted) = (None, usize::try_from(list.limit).unwrap_or(0) + found.len());
            loop {
                let query = self
                    .client
                    .query()
                    .table_name(&self.name)
                    .index_name("owed")
                    .key_condition_expression("owed_by = :by AND accepted_at BETWEEN :from AND :to")
                    .expression_attribute_values(
                        ":by",
                        s(keys::owed_shard(list.account, list.target_server, shard)),
                    )
                    .expression_attribute_values(":from", n(list.from_ms))
                    .expression_attribute_values(":to", n(list.to_ms))
                    .limit(list.limit)
                    .set_exclusive_start_key(start);
                let mut filters = Vec::new();
                let mut query = query;
                if let Some(state) = list.state {
                    filters.push("#state = :state");
                    query = query
                        .expression_attribute_names("#state", "state")
                        .expression_attribute_values(":state", value(&state)?);
                }
                if let Some(waiting_for) = list.waiting_for {
                    filters.push("waiting_for = :for");
                    query = query.expression_attribute_values(":for", value(&waiting_for)?);
                }
                if let Some(connection) = list.connection {
                    filters.push("#connection = :connection");
                    query = query
                        .expression_attribute_names("#connection", "connection")
                        .expression_attribute_values(":connection", s(connection));
                }
                let filter = (!filters.is_empty()).then(|| filters.join(" AND "));
                let query = query.set_filter_expression(filter);
                let answer = query.send().await.map_err(AwsError::call("dynamodb:Query"))?;
                for row in answer.items.unwrap_or_default() {
                    found.push(Owed::read(row)?);
                }
                start = answer.last_evaluated_key;
                if start.is_none() || found.len() >= wanted {
                    break;
                }
            }
        }
        found.sort_by_cached_key(Owed::place);
        Ok(found)
    }

    /// The states of what a target owes, in one shard. Reads at most 2 MB; `false` says that there is more.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn owed_states(
        &self,
        account: &str,
        target_server: &str,
        shard: u8,
    ) -> Result<(Vec<DeliveryState>, bool), AwsError> {
        let (mut states, mut start) = (Vec::new(), None);
        for _ in 0..PAGES_TO_COUNT {
            let query = self
                .client
                .query()
                .table_name(&self.name)
                .index_name("owed")
                .key_condition_expression("owed_by = :by")
                .expression_attribute_values(":by", s(keys::owed_shard(account, target_server, shard)))
                .projection_expression("#state")
                .expression_attribute_names("#state", "state")
                .set_exclusive_start_key(start);
            let answer = query.send().await.map_err(AwsError::call("dynamodb:Query"))?;
            for row in answer.items.unwrap_or_default() {
                states.push(read::<State>(row)?.state);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok((states, true));
            }
        }
        Ok((states, false))
    }

    /// Reads a batch.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn batch(&self, account: &str, name: &BatchName) -> Result<Option<Batch>, AwsError> {
        self.get(&name.key(account)).await
    }

    /// UNKNOWN → WAITING: a person wants it sent again, under the same id, with the whole schedule before it.
    /// `false` when it is no longer UNKNOWN.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn batch_resends(
        &self,
        account: &str,
        name: &BatchName,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&name.key(account))))
            .update_expression(
                "SET #state = :waiting, waiting_for = :for, due = :now, attempt_at = :now, attempts = :none",
            )
            .condition_expression("#state = :unknown")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":unknown", value(&DeliveryState::Unknown)?)
            .expression_attribute_values(":waiting", value(&DeliveryState::Waiting)?)
            .expression_attribute_values(":for", value(&WaitingFor::NextAttempt)?)
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":none", n(0));
        if update_if(update).await? {
            return Ok(true);
        }
        // A call whose answer was lost finds its own write.
        let found = self.batch(account, name).await?;
        Ok(found
            .is_some_and(|b| b.state == DeliveryState::Waiting && b.attempt_at == Some(now.as_millisecond())))
    }

    /// UNKNOWN → DELIVERED: a person found that the target took it. `false` when it is no longer UNKNOWN.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn batch_confirmed(
        &self,
        account: &str,
        name: &BatchName,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&name.key(account))))
            .update_expression(
                "SET #state = :delivered, expires_at = :end REMOVE due, due_shard, attempt_at, owed_by, last_error",
            )
            .condition_expression("#state = :unknown")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":unknown", value(&DeliveryState::Unknown)?)
            .expression_attribute_values(":delivered", value(&DeliveryState::Delivered)?)
            .expression_attribute_values(":end", n(now.as_second() + KEPT_SECS));
        update_if(update).await
    }
}
