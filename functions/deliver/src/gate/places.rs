//! Requests in flight: a target's places, each a row that one request holds for its time.

use std::time::Duration;

use jiff::SignedDuration;
use shared::aws::AwsError;

use super::MOST_WAIT;
use crate::{Context, targets::Ready};

/// Places of a target that answers slowly and has no limit of its own: so that it does not hold up all others.
pub(super) const OF_A_SLOW_TARGET: u32 = 10;

/// How long a request holds its place at most: longer than any lasts.
const HELD_FOR: SignedDuration = SignedDuration::from_secs(45);

/// How often a place is asked for.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// A place that is held.
pub(crate) struct Place {
    number: u32,
    holder: String,
}

/// Waits for a place; `None` where none gets free while an invocation waits.
pub(super) async fn wait_for_one(
    context: &Context,
    ready: &Ready,
    most: u32,
    holder: &str,
) -> Result<Option<Place>, AwsError> {
    let begun = (context.clock)();
    loop {
        let now = (context.clock)();
        let until = now.saturating_add(HELD_FOR).unwrap_or(now);
        if let Some(number) = context.table.take_place(ready.of(), most, holder, until, now).await? {
            return Ok(Some(Place { number, holder: holder.into() }));
        }
        if now.duration_since(begun) >= MOST_WAIT {
            return Ok(None);
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

impl Place {
    /// Gives it back; where that fails, it is free at the end of its time.
    pub(super) async fn give_back(self, context: &Context, ready: &Ready) {
        if let Err(error) = context.table.give_place_back(ready.of(), self.number, &self.holder).await {
            tracing::warn!(error = shared::chain(&error), "a place could not be given back");
        }
    }
}
