//! Notifications a second that a source takes, over all functions that take them.
//!
//! Only who has proved who they are is counted, so that no stranger uses up a source's rate. A batch is taken whole and
//! counts for all it carries: what comes after it waits longer.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::clock::{Reservation, Slots, interval_us},
    keys::{self, Key},
    source::Source,
};

use crate::{Context, address::Address, refusal::Refusal};

/// A source takes at once what it takes in this time.
const BURST: SignedDuration = SignedDuration::from_secs(1);

/// What this process has seen sources' clocks at, microseconds since 1970.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<Key, i64>>);

impl Rates {
    fn seen(&self, key: &Key) -> i64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or(0)
    }

    fn saw(&self, key: Key, at: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, at);
    }
}

/// Counts notifications against their source's rate, where it has one, and refuses them where it is used up.
pub(crate) async fn keep_to(
    context: &Context,
    address: &Address<'_>,
    source: &Source,
    notifications: usize,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Some(per_second) = source.per_second else { return Ok(()) };
    let interval_us = interval_us(per_second);
    let first = SignedDuration::from_micros(interval_us);
    let latest = now.saturating_add(BURST.saturating_sub(first)).unwrap_or(now);
    let key = keys::source_rate(address.account, address.source);
    let seen = context.rates.seen(&key);
    let too_many = |next: i64| {
        let wait = SignedDuration::from_micros(next - latest.as_microsecond());
        Err(Refusal::TooMany { per_second, wait_secs: wait.as_secs() + 1 })
    };
    // The clock only moves on: where it was too far already, nobody needs to be asked.
    if seen > latest.as_microsecond() {
        return too_many(seen);
    }
    let slots = u32::try_from(notifications).unwrap_or(u32::MAX);
    let wanted = Reservation { slots, interval_us, latest, seen };
    let slots = context.table.reserve_slots(&key, wanted, now).await.map_err(Refusal::Unavailable)?;
    match slots {
        Slots::From(first) => {
            context.rates.saw(key, first + i64::from(wanted.slots) * interval_us);
            Ok(())
        }
        Slots::TooLate(next) => {
            context.rates.saw(key, next);
            too_many(next)
        }
    }
}
