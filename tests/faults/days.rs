//! Days that pass: the functions' clock is moved, and the minute rule ticks at each minute in which something is due.
//!
//! Rows are left alone. Minutes in which nothing is due are left out: `dispatch` would find nothing to do. The queues'
//! own times are not moved.

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};

use super::world::World;
use crate::rows::now;

/// How often something may be due within one stretch of time.
const MOST_TICKS: usize = 100;

impl World {
    /// The time of the world's functions.
    pub fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_secs(self.clock_offset_secs);
        now().saturating_add(offset).unwrap_or(Timestamp::MAX)
    }

    /// Moves the functions' clock to a time or less than a second behind it, from where it goes on. The processes that
    /// had another one end.
    pub fn set_clock(&mut self, at: Timestamp) {
        let offset = at.duration_since(now());
        self.clock_offset_secs = offset.as_secs() + i64::from(offset.subsec_nanos() > 0);
        self.functions.clear();
    }

    /// Lets the time pass until `end`: at each minute before it in which a row is due, ticks, and does what comes of it.
    ///
    /// # Errors
    /// When that does not come to an end, or when the local cloud fails.
    pub async fn until(&mut self, end: Timestamp) -> Result<()> {
        let mut ticks = 0;
        while let Some(minute) = self.next_due_minute().await?.filter(|minute| *minute < end) {
            ensure!(ticks < MOST_TICKS, "after {MOST_TICKS} ticks something is still due at {minute}");
            self.set_clock(minute);
            self.tick().await;
            self.work_off().await?;
            ticks += 1;
        }
        self.set_clock(end);
        Ok(())
    }

    /// Hands over messages until no queue has one.
    ///
    /// # Errors
    /// When that does not come about, or when the local cloud fails.
    pub async fn work_off(&mut self) -> Result<()> {
        let mut handed = 0;
        while self.pull_next().await? || self.deliver_next(10).await? || self.push_next().await? {
            handed += 1;
            ensure!(handed < 1000, "messages beget messages");
        }
        Ok(())
    }

    /// The first minute from the next one on in which `dispatch` finds a row due.
    async fn next_due_minute(&self) -> Result<Option<Timestamp>> {
        let rows = self.rows.all().await?;
        let dues =
            rows.iter().filter(|row| row["due_shard"].is_string()).filter_map(|row| row["due"].as_i64());
        let Some(due) = dues.min() else { return Ok(None) };
        let is_due = Timestamp::from_millisecond(due)?.max(self.now());
        let into_minute = is_due.as_millisecond().rem_euclid(60_000);
        let wait = if into_minute == 0 { 0 } else { 60_000 - into_minute };
        Ok(Some(is_due.checked_add(SignedDuration::from_millis(wait))?))
    }
}
