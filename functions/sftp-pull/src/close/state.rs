//! Moves the connection's state to what the target acknowledged, in one conditional replacement.
//!
//! Where somebody else has replaced it since the run began, what is there is read again and this run's answers are noted
//! in that: neither is lost. What both say something of is doubted where theirs is from a later file.

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::objects::Replaced,
    change::{Acknowledged, Cursor, Hash, State},
    connection::Connection,
    counts::Settled,
    keys,
    run::Run,
    wire::Action,
};

use super::settled::SettledRecord;
use crate::{Context, error::Stop, state_object};

/// How long a delete is remembered: as long as a file can be taken again that still has the record.
const REMEMBER_DELETED: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The connection's state, moved on by what the target acknowledged in this run.
pub(super) struct StateUpdate {
    key: String,
    /// Absent without comparison, and where an earlier attempt of this close has written it already.
    state: Option<State>,
    etag: String,
    /// Whether it is another than the one that the run compared with.
    is_merged: bool,
    is_changed: bool,
    cursor: Option<CursorMove>,
}

/// Where the cursor goes.
struct CursorMove {
    column: String,
    /// The latest of what the target acknowledged.
    reached: Option<Timestamp>,
    /// The earliest of what failed.
    failed: Option<Timestamp>,
    /// Whether a record failed before it could be said where it stands.
    is_held: bool,
}

impl StateUpdate {
    /// Reads the state.
    pub(super) async fn open(context: &Context, run: &Run, settings: &Connection) -> Result<Self, Stop> {
        let key = keys::state_object(&run.account, &run.connection, &settings.target.target_server);
        let cursor = settings.cursor.as_ref().map(|side| CursorMove {
            column: side.column.clone(),
            reached: None,
            failed: None,
            is_held: run.counts.errors() > 0,
        });
        let (etag, is_merged, is_changed) = (String::new(), false, false);
        let mut update = Self { key, state: None, etag, is_merged, is_changed, cursor };
        if !settings.compare || update.is_ours(context, run).await? {
            return Ok(update);
        }
        let (state, etag) = state_object::read(context, &update.key).await?;
        update.is_merged = run.state_etag.as_deref().unwrap_or_default() != etag;
        (update.state, update.etag) = (Some(state), etag);
        Ok(update)
    }

    async fn is_ours(&self, context: &Context, run: &Run) -> Result<bool, Stop> {
        Ok(context.bucket.written_by(&self.key).await?.as_deref() == Some(run.id.as_str()))
    }

    /// Notes a record. What the target refused or never got is sent again, and so is the data that it had
    /// before: a later file may say that again, while the target may have taken the change.
    pub(super) fn note(&mut self, settled: &SettledRecord) {
        let (Some(state), Some(key)) = (&mut self.state, settled.key) else { return };
        if settled.how == Settled::Filtered {
            return; // the target has what it had
        }
        if let Some(cursor) = &mut self.cursor {
            cursor.note(settled);
        }
        if settled.how == Settled::Error {
            self.is_changed |= note_failed(state, key, settled, self.cursor.is_some());
            return;
        }
        self.is_changed = true;
        let theirs = state.taken_at(key).filter(|_| self.is_merged);
        if theirs.is_some_and(|theirs| theirs > settled.taken_at) {
            state.doubt(key); // which of the two the target has last, nobody knows
        } else if settled.action == Action::Delete {
            state.delete(key, settled.taken_at);
        } else {
            state.acknowledge(Acknowledged {
                key,
                payload: settled.hash,
                taken_at: settled.taken_at,
                source_id: settled.result.source_id.clone().unwrap_or_default(),
                target_id: settled.result.target_id.clone(),
            });
        }
    }

    /// Replaces the state; `false` when somebody else has replaced it meanwhile, and all has to be noted in theirs.
    pub(super) async fn write(mut self, context: &Context, run: &Run) -> Result<bool, Stop> {
        let Some(mut state) = self.state.take() else { return Ok(true) };
        if let Some(cursor) = self.cursor.take().and_then(|cursor| cursor.of(&state)) {
            state.set_cursor(cursor);
            self.is_changed = true;
        }
        if !self.is_changed {
            return Ok(true);
        }
        state.forget_deleted(((context.clock)() - REMEMBER_DELETED).as_millisecond());
        match state_object::replace(context, &self.key, &state, &self.etag, &run.id).await? {
            Replaced::Yes => Ok(true),
            // Where it is ours, the answer to our own write was lost.
            Replaced::Changed => self.is_ours(context, run).await,
        }
    }
}

/// Notes a record that the target refused or never got; whether that changes the state.
fn note_failed(state: &mut State, key: Hash, settled: &SettledRecord, has_cursor: bool) -> bool {
    if settled.was_sent && !settled.is_refused {
        let source_id = settled.result.source_id.as_deref().unwrap_or_default();
        state.may_have(key, settled.taken_at, source_id);
        return true;
    }
    // With a cursor, also what was never sent: the record must come through however old it is when it comes again.
    (settled.was_sent || has_cursor) && state.doubt(key)
}

impl CursorMove {
    fn note(&mut self, settled: &SettledRecord) {
        match (settled.how, settled.cursor) {
            (Settled::Error, Some(at)) => self.failed = Some(self.failed.map_or(at, |failed| failed.min(at))),
            (Settled::Error, None) => self.is_held = true,
            (_, at) => self.reached = self.reached.max(at),
        }
    }

    /// The cursor, if it moves: to the latest record that the target took, but not past one that failed.
    fn of(self, state: &State) -> Option<Cursor> {
        let reached = self.reached.filter(|_| !self.is_held)?;
        let at = self.failed.map_or(reached, |failed| reached.min(failed));
        let before = state.cursor().filter(|cursor| cursor.column == self.column);
        before.is_none_or(|before| before.at < at).then_some(Cursor { column: self.column, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(secs).unwrap()
    }

    #[test]
    fn the_cursor_moves_to_what_the_target_took_and_not_past_what_failed() {
        let mut state = State::default();
        let moved = |state: &State, reached: Option<i64>, failed: Option<i64>, is_held| {
            let (column, reached, failed) = ("c".to_string(), reached.map(at), failed.map(at));
            CursorMove { column, reached, failed, is_held }.of(state).map(|cursor| cursor.at.as_second())
        };
        assert_eq!(moved(&state, Some(5), None, false), Some(5));
        state.set_cursor(Cursor { column: "c".into(), at: at(10) });
        for (reached, failed, is_held, expected) in [
            (Some(20), None, false, Some(20)),
            (Some(20), Some(15), false, Some(15)),
            (Some(20), Some(10), false, None),
            (Some(20), Some(5), false, None),
            (Some(20), None, true, None),
            (Some(9), None, false, None),
            (None, Some(30), false, None),
        ] {
            assert_eq!(moved(&state, reached, failed, is_held), expected, "{reached:?} {failed:?} {is_held}");
        }
        state.set_cursor(Cursor { column: "of another time".into(), at: at(100) });
        assert_eq!(moved(&state, Some(5), None, false), Some(5));
    }
}
