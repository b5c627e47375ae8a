//! Target servers of notifications with their opened credentials, kept for some seconds: a notification would
//! otherwise cost more reads than writes. What changes counts after that long at the latest; an end of a secret that
//! was stated beforehand counts at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use shared::{aws::AwsError, target_server::TargetServer};

use crate::{
    Context,
    request::{Credentials, NotSent},
};

/// How long a target server is used as it was read.
const KEPT: SignedDuration = SignedDuration::from_secs(5);

/// A target server, ready to be sent to.
pub(crate) struct Ready {
    pub(crate) settings: TargetServer,
    pub(crate) credentials: Credentials,
    /// Networks that its account allows beside public addresses.
    pub(crate) networks: Vec<String>,
    read_at: Timestamp,
}

/// The target servers that this process has read.
#[derive(Default)]
pub(crate) struct Targets {
    read: Mutex<HashMap<(String, String), Arc<Ready>>>,
}

/// A target server of an account; `None` when it has been removed.
pub(crate) async fn get(
    context: &Context,
    account: &str,
    target_server: &str,
) -> Result<Option<Arc<Ready>>, NotSent> {
    let now = (context.clock)();
    let key = (account.to_string(), target_server.to_string());
    let all = || context.targets.read.lock().unwrap_or_else(PoisonError::into_inner);
    let known = all().get(&key).filter(|ready| now.duration_since(ready.read_at) <= KEPT).cloned();
    if known.is_some() {
        return Ok(known);
    }
    let (row, found) = futures::try_join!(
        context.table.account(account),
        context.table.find::<TargetServer>(account, target_server),
    )?;
    let row = row.ok_or_else(|| AwsError::damaged("the account", "it has been removed"))?;
    let Some(found) = found else {
        all().remove(&key);
        return Ok(None);
    };
    let data_key = context.vault.open(account, &row.data_key).await?;
    let settings = found.resource.settings;
    let credentials = Credentials::open(account, target_server, &settings, &data_key)?;
    let ready =
        Arc::new(Ready { settings, credentials, networks: row.account.allowed_networks, read_at: now });
    all().insert(key, ready.clone());
    Ok(Some(ready))
}
