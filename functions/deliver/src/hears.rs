//! Whether an account's people take what the hub has to tell, kept for half a minute.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use shared::aws::AwsError;

use crate::Context;

const KEPT: SignedDuration = SignedDuration::from_secs(30);

/// What this process has read.
pub(crate) type Hears = Mutex<HashMap<String, (Timestamp, bool)>>;

/// Says whether somebody takes it.
pub(crate) async fn hears(context: &Context, account: &str) -> Result<bool, AwsError> {
    let now = (context.clock)();
    let read = || context.hears.lock().unwrap_or_else(PoisonError::into_inner);
    let known = read().get(account).copied();
    if let Some((_, hears)) = known.filter(|(at, _)| now.duration_since(*at) <= KEPT) {
        return Ok(hears);
    }
    let hears = context.table.hears(account).await?;
    read().insert(account.into(), (now, hears));
    Ok(hears)
}
