//! Moves the connection's state to what the target acknowledged, in one conditional replacement.

use shared::{
    aws::objects::{Expect, Replaced},
    change::{Acknowledged, State},
    connection::Connection,
    counts::Settled,
    keys,
    run::{Failure, Origin, Run},
};

use super::{damaged, settled::SettledRecord};
use crate::{Context, error::Stop};

/// The connection's state, moved on by what the target acknowledged in this run.
pub(super) struct StateUpdate {
    key: String,
    /// Absent without comparison, and where an earlier attempt of this close has written it already.
    state: Option<State>,
    is_changed: bool,
}

impl StateUpdate {
    /// Reads the state.
    pub(super) async fn open(context: &Context, run: &Run, settings: Connection) -> Result<Self, Stop> {
        let key = keys::state_object(&run.account, &run.connection, &settings.target.target_server);
        let mut update = Self { key, state: None, is_changed: false };
        if !settings.compare || update.is_ours(context, run).await? {
            return Ok(update);
        }
        let object = context.bucket.get(&update.key).await?;
        let state = object.map(|o| State::decode(&o.bytes)).transpose();
        update.state = Some(state.map_err(|e| damaged(&update.key, e))?.unwrap_or_default());
        Ok(update)
    }

    async fn is_ours(&self, context: &Context, run: &Run) -> Result<bool, Stop> {
        Ok(context.bucket.written_by(&self.key).await?.as_deref() == Some(run.id.as_str()))
    }

    /// Notes a record. What the target refused or never got is sent again, and so is the data that it had
    /// before: a later file may say that again, while the target may have taken the change.
    pub(super) fn note(&mut self, settled: &SettledRecord) {
        let (Some(state), Some(key)) = (&mut self.state, settled.key) else { return };
        match settled.how {
            Settled::Filtered => return, // the target has what it had
            Settled::Error if !settled.was_sent => return,
            Settled::Error if settled.is_refused => {
                self.is_changed |= state.doubt(key);
                return;
            }
            Settled::Error => {
                state.may_have(key, settled.taken_at);
                self.is_changed = true;
                return;
            }
            _ => {}
        }
        state.acknowledge(Acknowledged {
            key,
            payload: settled.hash,
            taken_at: settled.taken_at,
            target_id: settled.result.target_id.clone(),
        });
        self.is_changed = true;
    }

    /// Replaces the state. Answers a failure when someone else has replaced it since the run began: the
    /// records are delivered then, but the next run will send them again.
    pub(super) async fn write(mut self, context: &Context, run: &Run) -> Result<Option<Failure>, Stop> {
        let Some(state) = self.state.take().filter(|_| self.is_changed) else { return Ok(None) };
        let pinned = run.state_etag.as_deref().unwrap_or_default();
        let bytes = state.encode();
        drop(state); // of a large connection, both at once would not fit
        let expect = if pinned.is_empty() { Expect::Nothing } else { Expect::ETag(pinned) };
        match context.bucket.replace(&self.key, bytes, expect, &run.id).await? {
            Replaced::Yes => Ok(None),
            Replaced::Changed if self.is_ours(context, run).await? => {
                Ok(None) // the answer to our own write was lost
            }
            Replaced::Changed => {
                let message = "the connection's state was replaced by someone else during this run; \
                               its records are delivered, and the next run sends them again";
                Ok(Some(Failure::new(Origin::Hub, "state_changed", message, true)))
            }
        }
    }
}
