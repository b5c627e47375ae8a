//! Requests a second: times to send at, reserved for all functions together on the target's gate.
//!
//! What waits in one invocation for the same target reserves together, so that ten messages cost one write.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use jiff::SignedDuration;
use shared::aws::{
    AwsError,
    clock::{Reservation, Slots, interval_us},
};

use super::MOST_WAIT;
use crate::{Context, targets::Ready};

/// What this process has reserved of targets' times.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<(String, String), Arc<Rate>>>);

#[derive(Default)]
struct Rate {
    /// Those who want one.
    wanting: AtomicU32,
    /// Times that were reserved and not used yet, microseconds since 1970.
    reserved: tokio::sync::Mutex<VecDeque<i64>>,
    /// What the clock was last seen at, microseconds since 1970.
    seen: AtomicI64,
}

impl Rates {
    fn of(&self, ready: &Ready) -> Arc<Rate> {
        let of = ready.of();
        let key = (of.account.to_string(), of.target_server.to_string());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone()
    }
}

/// Waits until a request may be sent; `false` where that is further away than an invocation waits.
pub(super) async fn wait_for_slot(
    context: &Context,
    ready: &Ready,
    per_second: u32,
) -> Result<bool, AwsError> {
    let rate = context.rates.of(ready);
    rate.wanting.fetch_add(1, Ordering::SeqCst);
    let slot = next_slot(context, ready, per_second, &rate).await;
    rate.wanting.fetch_sub(1, Ordering::SeqCst);
    let Some(at) = slot? else { return Ok(false) };
    let wait_us = at - (context.clock)().as_microsecond();
    if let Ok(wait_us @ 1..) = u64::try_from(wait_us) {
        tokio::time::sleep(Duration::from_micros(wait_us)).await;
    }
    Ok(true)
}

async fn next_slot(
    context: &Context,
    ready: &Ready,
    per_second: u32,
    rate: &Rate,
) -> Result<Option<i64>, AwsError> {
    let interval_us = interval_us(per_second);
    let mut reserved = rate.reserved.lock().await;
    let now = (context.clock)();
    // A time that has passed by more than its interval was not used, and is not made up for.
    while reserved.front().is_some_and(|at| *at + interval_us < now.as_microsecond()) {
        reserved.pop_front();
    }
    if let Some(at) = reserved.pop_front() {
        return Ok(Some(at));
    }
    let latest = now.saturating_add(MOST_WAIT).unwrap_or(now);
    let fitting = u32::try_from(MOST_WAIT.as_micros() / i128::from(interval_us)).unwrap_or(1).max(1);
    let mut wanted = rate.wanting.load(Ordering::SeqCst).clamp(1, fitting);
    // Where not all fit before the latest time, some may.
    loop {
        let behind_first = SignedDuration::from_micros(i64::from(wanted - 1) * interval_us);
        let reservation = Reservation {
            slots: wanted,
            interval_us,
            latest: latest.saturating_sub(behind_first).unwrap_or(now),
            seen: rate.seen.load(Ordering::SeqCst),
        };
        match context.table.reserve_slots(&ready.of().key(), reservation, now).await? {
            Slots::From(first) => {
                rate.seen.store(first + i64::from(wanted) * interval_us, Ordering::SeqCst);
                reserved.extend((1..i64::from(wanted)).map(|i| first + i * interval_us));
                return Ok(Some(first));
            }
            Slots::TooLate(_) if wanted > 1 => wanted = 1,
            Slots::TooLate(_) => return Ok(None),
        }
    }
}
