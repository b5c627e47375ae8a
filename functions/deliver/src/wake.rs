//! Waking a delivery for its next attempt.

use shared::{aws::AwsError, message::DeliveryMessage};

use crate::Context;

/// Waits up to this long are timed by the queue beside the row's `due`; longer ones by `due` alone.
const LONGEST_DELAY_SECS: i64 = 60;

/// After this many attempts only `dispatch` wakes a delivery: Lambda stops a chain of messages that a function sends
/// itself after about 16.
const LONGEST_CHAIN: u32 = 8;

/// Sends the message that wakes a delivery at `due`, where that is soon; otherwise `dispatch` sees to it.
pub(crate) async fn wake(
    context: &Context,
    message: &DeliveryMessage,
    attempts: u32,
    due: jiff::Timestamp,
) -> Result<(), AwsError> {
    let wait_ms = due.duration_since((context.clock)()).as_millis().max(0);
    let delay_secs = i64::try_from((wait_ms + 999) / 1000).unwrap_or(i64::MAX);
    if delay_secs > LONGEST_DELAY_SECS || attempts > LONGEST_CHAIN {
        return Ok(());
    }
    context.deliveries.send(message.account(), message, i32::try_from(delay_secs).unwrap_or(0)).await
}
