//! Gates of targets. Each write is one conditional update, so that any number of functions at once keep to them. The
//! clock of a target's rate is on the same row.

use aws_sdk_dynamodb::{operation::update_item::builders::UpdateItemFluentBuilder, types::ReturnValue};
use jiff::Timestamp;
use serde_json::json;

use super::{
    AwsError, Table,
    error::is_condition,
    table::{key_item, n, read, s, update_if, value},
};
use crate::{
    announcement::{Happened, announcement},
    gate::{Gate, GateState, OPENS_AT, probe_wait},
    keys::{self, Key},
    notification::Kept,
};

/// A target, within its account.
#[derive(Clone, Copy, Debug)]
pub struct Of<'a> {
    /// Account.
    pub account: &'a str,
    /// Id of the target server.
    pub target_server: &'a str,
}

impl Of<'_> {
    /// Key of its gate.
    pub fn key(&self) -> Key {
        keys::gate(self.account, self.target_server)
    }
}

fn gate_changed(of: Of<'_>, happened: Happened, occasion: u64, why: &str, now: Timestamp) -> Kept {
    let data = json!({ "target_server": of.target_server, "reason": why });
    announcement(of.account, happened, &[of.target_server, &occasion.to_string()], data, now)
}

impl Table {
    /// Reads a target's gate.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn gate(&self, of: Of<'_>) -> Result<Gate, AwsError> {
        Ok(self.get(&of.key()).await?.unwrap_or_default())
    }

    /// Counts a failure of a target, and opens its breaker where it is one too many; says whether this did.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn target_failed(
        &self,
        of: Of<'_>,
        why: &str,
        hears: bool,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let counted = self
            .gate_update(of, "ADD failures :one")
            .expression_attribute_values(":one", n(1))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(AwsError::call("dynamodb:UpdateItem"))?;
        let gate: Gate = read(counted.attributes.unwrap_or_default())?;
        if gate.gate_state != GateState::Active || gate.failures < OPENS_AT {
            return Ok(false);
        }
        let due = now.saturating_add(probe_wait(0)).unwrap_or(now);
        let update = self
            .gate_update(
                of,
                "SET gate_state = :failing, since = :now, reason = :why, probes = :none, draining = :no, \
                 held_at = :now, due = :due, due_shard = :shard ADD epoch :one",
            )
            .condition_expression("attribute_not_exists(gate_state) OR gate_state = :active")
            .expression_attribute_values(":active", value(&GateState::Active)?)
            .expression_attribute_values(":failing", value(&GateState::Failing)?)
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":why", s(why))
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":no", value(&false)?)
            .expression_attribute_values(":due", n(due.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(&of.key())))
            .expression_attribute_values(":one", n(1));
        let announces = hears.then(|| gate_changed(of, Happened::BreakerOpened, gate.epoch, why, now));
        self.update_announcing(update, announces.as_ref(), now).await
    }

    /// Forgets a target's failures, since it answered, and closes its breaker; says whether that was open. What has
    /// waited goes first then.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn target_answered(
        &self,
        of: Of<'_>,
        seen: &Gate,
        hears: bool,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let why = "it answered";
        let announces = hears.then(|| gate_changed(of, Happened::BreakerClosed, seen.epoch, why, now));
        if self.open(of, Some(GateState::Failing), announces.as_ref(), now).await? {
            return Ok(true);
        }
        let update = self
            .gate_update(of, "SET failures = :none")
            .condition_expression("failures > :none")
            .expression_attribute_values(":none", n(0));
        update_if(update).await.map(|_| false)
    }

    /// Lets a target be sent to again, beginning with what has waited; `false` where it is not in the state that it
    /// is to be in before.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn open_gate(
        &self,
        of: Of<'_>,
        from: Option<GateState>,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        self.open(of, from, None, now).await
    }

    async fn open(
        &self,
        of: Of<'_>,
        from: Option<GateState>,
        announces: Option<&Kept>,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let update = self
            .gate_update(
                of,
                "SET gate_state = :active, since = :now, failures = :none, probes = :none, draining = :yes, \
                 held_at = :now, due = :now, due_shard = :shard REMOVE reason, drain_until ADD epoch :one",
            )
            .expression_attribute_values(":active", value(&GateState::Active)?)
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":none", n(0))
            .expression_attribute_values(":yes", value(&true)?)
            .expression_attribute_values(":shard", s(keys::due_shard(&of.key())))
            .expression_attribute_values(":one", n(1));
        let update = match from {
            None => update,
            Some(from) => update
                .condition_expression("gate_state = :from")
                .expression_attribute_values(":from", value(&from)?),
        };
        self.update_announcing(update, announces, now).await
    }

    /// Shuts a target's gate: a person has paused it, or it has answered that it wants nothing more, which is announced
    /// where somebody `hears`. Says whether it was not so before.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn shut_gate(
        &self,
        of: Of<'_>,
        state: GateState,
        why: &str,
        hears: bool,
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let update = self
            .gate_update(
                of,
                "SET gate_state = :state, since = :now, reason = :why REMOVE due, due_shard, draining ADD epoch :one",
            )
            .condition_expression("attribute_not_exists(gate_state) OR gate_state <> :state")
            .expression_attribute_values(":state", value(&state)?)
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":why", s(why))
            .expression_attribute_values(":one", n(1));
        let announces = (hears && state == GateState::Disabled).then(|| {
            gate_changed(of, Happened::TargetDisabled, now.as_millisecond().unsigned_abs(), why, now)
        });
        self.update_announcing(update, announces.as_ref(), now).await
    }

    /// Notes that something waits for a target, so that its backlog is looked at; says whether nothing did before.
    /// A target that is paused or disabled is not looked at.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn note_held(&self, of: Of<'_>, look_at: Timestamp, now: Timestamp) -> Result<bool, AwsError> {
        let update = self
            .gate_update(
                of,
                "SET held_at = :now, draining = :yes, due = if_not_exists(due, :due), due_shard = :shard",
            )
            .condition_expression("attribute_not_exists(gate_state) OR gate_state = :active")
            .expression_attribute_values(":active", value(&GateState::Active)?)
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":yes", value(&true)?)
            .expression_attribute_values(":due", n(look_at.as_millisecond()))
            .expression_attribute_values(":shard", s(keys::due_shard(&of.key())))
            .return_values(ReturnValue::UpdatedOld);
        match update.send().await {
            Ok(old) => Ok(old.attributes.is_none_or(|old| !old.contains_key("due"))),
            Err(e) if is_condition(&e) => {
                // What waits for a failing target keeps its breaker from closing for want of anything to probe with.
                let update = self
                    .gate_update(of, "SET held_at = :now")
                    .condition_expression("gate_state = :failing")
                    .expression_attribute_values(":failing", value(&GateState::Failing)?)
                    .expression_attribute_values(":now", n(now.as_millisecond()));
                update_if(update).await.map(|_| false)
            }
            Err(e) => Err(AwsError::call("dynamodb:UpdateItem")(e)),
        }
    }

    /// Takes the job of looking at a target's backlog until `until`; `None` when someone else has it.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn take_drain(
        &self,
        of: Of<'_>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Gate>, AwsError> {
        let taken = self
            .gate_update(of, "SET drain_until = :until")
            .condition_expression(
                "attribute_exists(due) AND (attribute_not_exists(drain_until) OR drain_until < :now)",
            )
            .expression_attribute_values(":until", n(until.as_millisecond()))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match taken {
            Ok(answer) => read(answer.attributes.unwrap_or_default()).map(Some),
            Err(e) if is_condition(&e) => Ok(None),
            Err(e) => Err(AwsError::call("dynamodb:UpdateItem")(e)),
        }
    }

    /// Writes down when a target's backlog is looked at next, and whether what is new waits behind it. `None` ends
    /// it, unless something was made to wait since `quiet_since`.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn drained(
        &self,
        of: Of<'_>,
        seen: &Gate,
        next: Option<Timestamp>,
        draining: bool,
        quiet_since: Timestamp,
    ) -> Result<bool, AwsError> {
        let update = match next {
            Some(next) => self
                .gate_update(of, "SET due = :due, due_shard = :shard, draining = :draining, probes = :probes")
                .condition_expression("epoch = :epoch OR attribute_not_exists(epoch)")
                .expression_attribute_values(":due", n(next.as_millisecond()))
                .expression_attribute_values(":shard", s(keys::due_shard(&of.key())))
                .expression_attribute_values(":draining", value(&draining)?)
                .expression_attribute_values(":probes", n(seen.probes)),
            None => self
                .gate_update(of, "REMOVE due, due_shard, draining, drain_until")
                .condition_expression("(epoch = :epoch OR attribute_not_exists(epoch)) AND held_at < :quiet")
                .expression_attribute_values(":quiet", n(quiet_since.as_millisecond())),
        };
        update_if(update.expression_attribute_values(":epoch", n(seen.epoch))).await
    }

    fn gate_update(&self, of: Of<'_>, expression: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&of.key())))
            .update_expression(expression)
    }
}
