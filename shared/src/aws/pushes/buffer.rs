//! The buffer: the rows that wait for a target's next flush, and what becomes of those of a file.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::super::{
    AwsError, Table,
    gates::Of,
    owed::{Owed, OwedList},
    table::{key_item, n, s, update_if, value},
};
use crate::{
    delivery::{DeathCause, DeliveryState, NotificationName, WaitingFor},
    export::ManifestEntry,
    keys,
    notification::{NotificationDelivery, ROW_KEPT_SECS},
};

/// Why a record that was in the buffer is not sent.
#[derive(Clone, Copy, Debug)]
pub struct NotSent<'a> {
    /// What it dies of.
    pub cause: DeathCause,
    /// In words.
    pub why: &'a str,
}

/// Which connections' rows are wanted.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// Of all.
    All,
    /// Of this one.
    Of(&'a str),
    /// Of all but these.
    Besides(&'a HashSet<String>),
}

impl Which<'_> {
    fn takes(self, connection: &str) -> bool {
        match self {
            Self::All => true,
            Self::Of(only) => connection == only,
            Self::Besides(others) => !others.contains(connection),
        }
    }
}

/// Rows that are read again at once.
const ROWS_AT_ONCE: usize = 100;

/// How many more are listed than are wanted: some of those that the index lists may wait no more, and those that are
/// dead are passed over page by page.
const LISTED_BESIDE: usize = 100;

/// What is over its time is `deliver`'s to give up.
fn waits(row: &NotificationDelivery, now: Timestamp) -> bool {
    row.state == DeliveryState::Waiting
        && row.waiting_for == Some(WaitingFor::Flush)
        && row.deliver_until > now.as_millisecond()
}

impl Table {
    /// The oldest `most` of these rows that wait for a target's next flush, in order of arrival. The index lags, so that each
    /// row is read again: one that is in a file already is not among them, and does not stand for another.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn buffered(
        &self,
        of: Of<'_>,
        which: Which<'_>,
        most: usize,
        now: Timestamp,
    ) -> Result<Vec<NotificationDelivery>, AwsError> {
        let (mut rows, mut seen, mut from_ms) = (Vec::new(), HashSet::new(), 0);
        let limit = most + LISTED_BESIDE;
        loop {
            let list = OwedList {
                account: of.account,
                target_server: of.target_server,
                state: Some(DeliveryState::Waiting),
                waiting_for: Some(WaitingFor::Flush),
                connection: None,
                from_ms,
                to_ms: i64::MAX / 2,
                limit: i32::try_from(limit).unwrap_or(i32::MAX),
            };
            let mut listed = self.owed(list).await?;
            let is_all = listed.len() < limit;
            listed.truncate(limit);
            let last_ms = listed.last().map_or(0, |owed| owed.place().0);
            let (mut names, mut is_new) = (Vec::new(), false);
            for owed in listed {
                if let Owed::Notification(row) = owed
                    && seen.insert(row.name().to_string())
                {
                    is_new = true;
                    names.extend(which.takes(&row.connection).then(|| row.name()));
                }
            }
            for chunk in names.chunks(ROWS_AT_ONCE) {
                rows.extend(self.still_waiting(of, chunk, now).await?);
                if rows.len() >= most {
                    rows.truncate(most);
                    return Ok(rows);
                }
            }
            if is_all || !is_new {
                return Ok(rows);
            }
            from_ms = last_ms;
        }
    }

    /// Reads rows again, and leaves out those that wait no more; in the same order.
    async fn still_waiting(
        &self,
        of: Of<'_>,
        names: &[NotificationName],
        now: Timestamp,
    ) -> Result<Vec<NotificationDelivery>, AwsError> {
        let found: Vec<NotificationDelivery> =
            self.get_many(names.iter().map(|name| name.key(of.account))).await?;
        let mut rows: HashMap<_, _> = found.into_iter().map(|row| (row.name().to_string(), row)).collect();
        let waiting = names.iter().filter_map(|name| rows.remove(&name.to_string()));
        Ok(waiting.filter(|row| waits(row, now) && row.target_server == of.target_server).collect())
    }

    /// → DELIVERED for a record that is in a file which is on the server under its name. What anyone else does with the
    /// row meanwhile counts no more: the target has it. Doing so twice changes nothing.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn record_pushed(
        &self,
        account: &str,
        entry: &ManifestEntry,
        run: &str,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let key = keys::notification_delivery(account, &entry.notification, &entry.connection);
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&key)))
            .update_expression(
                "SET #state = :delivered, pushed_by = :run, last_at = :now, expires_at = :end, epoch = epoch + :one \
                 REMOVE lease_until, due, due_shard, owed_by, waiting_for, attempt_at, last_error, died_of, \
                 hub_failures, dead_letters",
            )
            .condition_expression("attribute_exists(pk) AND #state <> :delivered")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":delivered", value(&DeliveryState::Delivered)?)
            .expression_attribute_values(":run", s(run))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":end", n(entry.accepted_at / 1000 + ROW_KEPT_SECS));
        update_if(update).await
    }

    /// → DEAD for a record that is not sent. What does not owe an answer (`filtered`) is listed no more. Doing so twice
    /// changes nothing.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn record_not_pushed(
        &self,
        of: Of<'_>,
        entry: &ManifestEntry,
        run: &str,
        not_sent: NotSent<'_>,
    ) -> Result<bool, AwsError> {
        let key = keys::notification_delivery(of.account, &entry.notification, &entry.connection);
        let owed = match not_sent.cause {
            DeathCause::Filtered => ", owed_by",
            _ => "",
        };
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&key)))
            .update_expression(format!(
                "SET #state = :dead, died_of = :cause, last_error = :why, pushed_by = :run, expires_at = :end, \
                 epoch = epoch + :one REMOVE lease_until, due, due_shard, waiting_for, attempt_at{owed}"
            ))
            .condition_expression("#state IN (:waiting, :sending)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":dead", value(&DeliveryState::Dead)?)
            .expression_attribute_values(":waiting", value(&DeliveryState::Waiting)?)
            .expression_attribute_values(":sending", value(&DeliveryState::Sending)?)
            .expression_attribute_values(":cause", value(&not_sent.cause)?)
            .expression_attribute_values(":why", s(not_sent.why))
            .expression_attribute_values(":run", s(run))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":end", n(entry.accepted_at / 1000 + ROW_KEPT_SECS));
        update_if(update).await
    }
}
