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

/// What the target acknowledged in this run.
pub(super) struct StateUpdate {
    settings: Connection,
    acknowledged: Vec<Acknowledged>,
}

impl StateUpdate {
    pub(super) fn new(settings: Connection) -> Self {
        Self { settings, acknowledged: Vec::new() }
    }

    /// Notes a record. What the target refused or never got stays as it was, and is sent again.
    pub(super) fn note(&mut self, settled: &SettledRecord) {
        let Some(key) = settled.key.filter(|_| self.settings.compare && settled.how != Settled::Error) else {
            return;
        };
        let target_id = settled.result.target_id.clone();
        self.acknowledged.push(Acknowledged {
            key,
            payload: settled.hash,
            taken_at: settled.taken_at,
            target_id,
        });
    }

    /// Replaces the state. Answers a failure when someone else has replaced it since the run began: the
    /// records are delivered then, but the next run will send them again.
    pub(super) async fn write(self, context: &Context, run: &Run) -> Result<Option<Failure>, Stop> {
        if self.acknowledged.is_empty() {
            return Ok(None);
        }
        let key = keys::state_object(&run.account, &run.connection, &self.settings.target.target_server);
        if context.bucket.written_by(&key).await?.as_deref() == Some(run.id.as_str()) {
            return Ok(None); // an earlier attempt of this close got so far
        }
        let object = context.bucket.get(&key).await?;
        let pinned = run.state_etag.as_deref().unwrap_or_default();
        let mut state = match &object {
            Some(object) => State::decode(&object.bytes).map_err(|e| damaged(&key, e))?,
            None => State::default(),
        };
        for record in self.acknowledged {
            state.acknowledge(record);
        }
        let expect = if pinned.is_empty() { Expect::Nothing } else { Expect::ETag(pinned) };
        match context.bucket.replace(&key, state.encode(), expect, &run.id).await? {
            Replaced::Yes => Ok(None),
            Replaced::Changed
                if context.bucket.written_by(&key).await?.as_deref() == Some(run.id.as_str()) =>
            {
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
