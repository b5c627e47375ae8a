//! The buffer: the rows that wait for a target's next flush, and what becomes of those of a file.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::super::{
    AwsError, Table,
    batches::KEPT_SECS,
    gates::Of,
    owed::{Owed, OwedList},
    table::{key_item, n, s, update_if, value},
};
use crate::{
    delivery::{Batch, BatchName, DeathCause, DeliveryName, DeliveryState, Outcome, WaitingFor},
    export::{BatchEntry, NotificationEntry},
    keys,
    notification::ROW_KEPT_SECS,
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
fn waits(row: &Owed, of: Of<'_>, now: Timestamp) -> bool {
    let (state, waiting_for, until, target_server) = match row {
        Owed::Notification(row) => (row.state, row.waiting_for, row.deliver_until, &row.target_server),
        Owed::Batch(row) => {
            (row.state, row.waiting_for, row.flush_until.unwrap_or(i64::MAX), &row.target_server)
        }
    };
    state == DeliveryState::Waiting
        && waiting_for == Some(WaitingFor::Flush)
        && until > now.as_millisecond()
        && target_server == of.target_server
}

/// What a file makes of a batch of a run.
#[derive(Clone, Copy, Debug)]
pub struct PushedBatch<'a> {
    /// The batch.
    pub entry: &'a BatchEntry,
    /// What its records come to.
    pub outcome: Outcome,
    /// The run that pushed the file.
    pub run: &'a str,
    /// Remote path of the file.
    pub path: &'a str,
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
    ) -> Result<Vec<Owed>, AwsError> {
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
                let name = owed.name();
                if seen.insert(name.to_string()) {
                    is_new = true;
                    names.extend(which.takes(owed.connection()).then_some(name));
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
        names: &[DeliveryName],
        now: Timestamp,
    ) -> Result<Vec<Owed>, AwsError> {
        let mut rows = HashMap::new();
        for item in self.get_many_items(names.iter().map(|name| name.key(of.account))).await? {
            let row = Owed::read(item)?;
            rows.insert(row.name().to_string(), row);
        }
        let waiting = names.iter().filter_map(|name| rows.remove(&name.to_string()));
        Ok(waiting.filter(|row| waits(row, of, now)).collect())
    }

    /// Takes a batch of a run up for the file with this number, which is open: from now on that file decides about it.
    /// `false` where it waits no more. Doing so twice changes nothing, and an earlier file's holder comes too late.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn take_up_batch(&self, batch: &Batch, number: u64) -> Result<bool, AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&BatchName::of(batch).key(&batch.account))))
            .update_expression("SET in_file = :number, epoch = epoch + :one")
            .condition_expression(
                "#state = :waiting AND waiting_for = :flush AND (attribute_not_exists(in_file) OR in_file <= :number)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":waiting", value(&DeliveryState::Waiting)?)
            .expression_attribute_values(":flush", value(&WaitingFor::Flush)?)
            .expression_attribute_values(":number", n(number))
            .expression_attribute_values(":one", n(1));
        update_if(update).await
    }

    /// Says whether a batch is in a file that is on its way, or about to be: then that file decides about it. The row
    /// has to be read before this, and what is done about it to be conditional on the row's epoch.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn is_in_open_file(&self, batch: &Batch) -> Result<bool, AwsError> {
        let Some(number) = batch.in_file else { return Ok(false) };
        let of = Of { account: &batch.account, target_server: &batch.target_server };
        Ok(self.push(of).await?.open_batch.is_some_and(|open| open.number == number))
    }

    /// → DELIVERED for a batch of a file that is through, with what became of each record. Whatever else became of the row
    /// meanwhile counts no more. Doing so twice changes nothing: `false` then.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn batch_pushed(
        &self,
        account: &str,
        pushed: PushedBatch<'_>,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&pushed.entry.name().key(account))))
            .update_expression(
                "SET #state = :delivered, outcome = :outcome, answer_object = :answers, pushed_by = :run, \
                 pushed_as = :path, expires_at = :end, epoch = epoch + :one \
                 REMOVE lease_until, due, due_shard, owed_by, waiting_for, attempt_at, last_error, died_of, in_file",
            )
            .condition_expression("attribute_exists(pk) AND #state <> :delivered")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":delivered", value(&DeliveryState::Delivered)?)
            .expression_attribute_values(":outcome", value(&pushed.outcome)?)
            .expression_attribute_values(":answers", value(&pushed.entry.answers)?)
            .expression_attribute_values(":run", s(pushed.run))
            .expression_attribute_values(":path", s(pushed.path))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":end", n(now.as_second() + KEPT_SECS));
        update_if(update).await
    }

    /// → DEAD for a batch of a file that is not sent. Its records that did not fit the format keep that reason. What does
    /// not owe an answer (`filtered`) is listed no more. Doing so twice changes nothing: `false` then.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn batch_not_pushed(
        &self,
        account: &str,
        pushed: PushedBatch<'_>,
        not_sent: NotSent<'_>,
    ) -> Result<bool, AwsError> {
        let owed = match not_sent.cause {
            DeathCause::Filtered => ", owed_by",
            _ => "",
        };
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&pushed.entry.name().key(account))))
            .update_expression(format!(
                "SET #state = :dead, died_of = :cause, last_error = :why, outcome = :outcome, answer_object = :answers, \
                 pushed_by = :run, expires_at = :end, attempts = :none, epoch = epoch + :one \
                 REMOVE lease_until, due, due_shard, waiting_for, attempt_at, in_file{owed}"
            ))
            .condition_expression("#state IN (:waiting, :sending)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":dead", value(&DeliveryState::Dead)?)
            .expression_attribute_values(":waiting", value(&DeliveryState::Waiting)?)
            .expression_attribute_values(":sending", value(&DeliveryState::Sending)?)
            .expression_attribute_values(":cause", value(&not_sent.cause)?)
            .expression_attribute_values(":why", s(not_sent.why))
            .expression_attribute_values(":outcome", value(&pushed.outcome)?)
            .expression_attribute_values(":answers", value(&pushed.entry.answers)?)
            .expression_attribute_values(":run", s(pushed.run))
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":end", n(pushed.entry.accepted_at / 1000 + KEPT_SECS));
        update_if(update).await
    }

    /// → DELIVERED for a record that is in a file which is on the server under its name. What anyone else does with the
    /// row meanwhile counts no more: the target has it. Doing so twice changes nothing.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn record_pushed(
        &self,
        account: &str,
        entry: &NotificationEntry,
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
        entry: &NotificationEntry,
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
