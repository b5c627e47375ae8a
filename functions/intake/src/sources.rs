//! Sources with their opened secrets and the connections that take from them, kept for some seconds.
//!
//! A source whose settings change counts after that long at the latest; where a sender cannot be verified, it is
//! read again first, so that a new secret works at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use shared::{
    aws::{AwsError, Table, vault::Vault},
    connection::{Connection, ConnectionStatus},
    resource::Resource,
    secret::Owner,
    source::Source,
};

/// How long a source is used as it was read.
const KEPT: SignedDuration = SignedDuration::from_secs(10);

/// After this long it is read again where a sender cannot be verified.
const FRESH: SignedDuration = SignedDuration::from_secs(1);

/// A source, ready to be used.
pub(crate) struct Ready {
    pub(crate) source: Source,
    /// The active connections that take from it.
    pub(crate) connections: Vec<Resource<Connection>>,
    /// Opened, in the order of the source's.
    secrets: Vec<SecretString>,
    read_at: Timestamp,
}

impl Ready {
    /// The secrets that have not ended.
    pub(crate) fn live_secrets(&self, now: Timestamp) -> Vec<SecretString> {
        let all = self.source.secrets.iter().zip(&self.secrets);
        all.filter(|(live, _)| live.is_live(now)).map(|(_, secret)| secret.clone()).collect()
    }

    /// Says whether it was read so long ago that another look may show something else.
    pub(crate) fn is_old(&self, now: Timestamp) -> bool {
        now.duration_since(self.read_at) > FRESH
    }
}

/// The sources that this process has read.
pub(crate) struct Sources {
    table: Table,
    vault: Vault,
    read: Mutex<HashMap<(String, String), Arc<Ready>>>,
}

impl Sources {
    pub(crate) fn new(table: Table, vault: Vault) -> Self {
        Self { table, vault, read: Mutex::default() }
    }

    /// A source of an account; `None` when there is none.
    pub(crate) async fn get(
        &self,
        account: &str,
        source: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Ready>>, AwsError> {
        let key = (account.to_string(), source.to_string());
        let known = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        match known.filter(|ready| now.duration_since(ready.read_at) <= KEPT) {
            Some(ready) => Ok(Some(ready)),
            None => self.read_again(account, source, now).await,
        }
    }

    /// Reads a source whatever is known of it.
    pub(crate) async fn read_again(
        &self,
        account: &str,
        source: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Ready>>, AwsError> {
        let (row, found, connections) = futures::try_join!(
            self.table.account(account),
            self.table.find::<Source>(account, source),
            self.connections(account, source),
        )?;
        let key = (account.to_string(), source.to_string());
        let (Some(row), Some(found)) = (row, found) else {
            self.read.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            return Ok(None);
        };
        let data_key = self.vault.open(account, &row.data_key).await?;
        let source = found.resource.settings;
        let open = |live: &shared::signature::LiveSecret| {
            let field = format!("secrets.{}", live.name);
            live.secret.open(data_key.bytes(), Owner { account, id: &found.resource.id, field: &field })
        };
        let secrets = source.secrets.iter().map(open).collect::<Result<_, _>>();
        let secrets = secrets.map_err(|e| AwsError::damaged("a source's secret", e))?;
        let ready = Arc::new(Ready { source, connections, secrets, read_at: now });
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(key, ready.clone());
        Ok(Some(ready))
    }

    async fn connections(&self, account: &str, source: &str) -> Result<Vec<Resource<Connection>>, AwsError> {
        let all = self.table.list_all::<Connection>(account).await?;
        let takes = |c: &Connection| {
            c.status == ConnectionStatus::Active && c.notifications().is_some_and(|n| n.source == source)
        };
        Ok(all.into_iter().map(|found| found.resource).filter(|c| takes(&c.settings)).collect())
    }
}
