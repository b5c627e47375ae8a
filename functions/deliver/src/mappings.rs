//! Mappings of notifications, compiled: a version never changes, so it is kept; which one is the latest, for some
//! seconds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use shared::{
    aws::AwsError,
    mapping::{Compiled, Mapping},
};

use crate::Context;

/// How long the latest version of a mapping is taken to be the latest.
const LATEST_FOR: SignedDuration = SignedDuration::from_secs(5);

/// Most versions that are kept; then all are read anew.
const MOST: usize = 200;

/// A mapping of an account: its account and its id.
type Named = (String, String);

/// What this process has read.
#[derive(Default)]
pub(crate) struct Mappings {
    compiled: Mutex<HashMap<(Named, u64), Arc<Compiled>>>,
    latest: Mutex<HashMap<Named, (Timestamp, u64)>>,
}

/// The latest version of a mapping; `None` when it has been removed.
pub(crate) async fn latest(context: &Context, account: &str, mapping: &str) -> Result<Option<u64>, AwsError> {
    let (now, key) = ((context.clock)(), (account.to_string(), mapping.to_string()));
    let known = || context.mappings.latest.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = known().get(&key).copied();
    if let Some((_, version)) = kept.filter(|(at, _)| now.duration_since(*at) <= LATEST_FOR) {
        return Ok(Some(version));
    }
    let found = context.table.find::<Mapping>(account, mapping).await?.map(|f| f.resource.version);
    if let Some(version) = found {
        known().insert(key, (now, version));
    }
    Ok(found)
}

/// A version of a mapping, ready to map with.
pub(crate) async fn compiled(
    context: &Context,
    account: &str,
    mapping: &str,
    version: u64,
) -> Result<Arc<Compiled>, AwsError> {
    let key = ((account.to_string(), mapping.to_string()), version);
    let known = || context.mappings.compiled.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = known().get(&key).cloned();
    if let Some(compiled) = kept {
        return Ok(compiled);
    }
    let damaged = |how: String| AwsError::damaged(format!("mapping {mapping}, version {version}"), how);
    let found = context.table.find_version::<Mapping>(account, mapping, version).await?;
    let found = found.ok_or_else(|| damaged("it is not there".into()))?;
    let compiled = found.settings.compile().map_err(|errors| {
        damaged(
            errors.into_iter().map(|e| format!("{}: {}", e.field, e.detail)).collect::<Vec<_>>().join("; "),
        )
    })?;
    let compiled = Arc::new(compiled);
    let mut all = known();
    if all.len() >= MOST {
        all.clear();
    }
    all.insert(key, compiled.clone());
    Ok(compiled)
}
