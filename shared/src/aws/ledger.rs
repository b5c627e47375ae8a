//! The ledger: remote files already taken, durable, per connection.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::Put;
use serde::{Deserialize, Serialize};

use super::{
    AwsError, Table,
    table::{item, key_item, s, update_if, value},
};
use crate::{
    keys,
    run::{Input, Run},
};

/// Whether what should happen to a remote file has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostActionState {
    /// Not yet, or it failed: it is tried again whenever the file is seen.
    Pending,
    /// It has, or nothing was to happen.
    Done,
}

/// A remote file already taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// Hash of path, size and time of change.
    pub fingerprint: String,
    /// The run that took it.
    pub run: String,
    /// Remote path.
    pub path: String,
    /// Bytes.
    pub size_bytes: u64,
    /// Remote time of change, seconds since 1970.
    pub mtime: i64,
    /// SHA-256 of the content, hex.
    pub sha256: String,
    /// The whole file in the bucket.
    pub object: String,
    /// Whether the post-action is done.
    pub post_action: PostActionState,
}

/// The content that a connection took last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastContent {
    /// SHA-256, hex.
    pub sha256: String,
    /// Path under which it came.
    pub path: String,
    /// The run that took it.
    pub run: String,
}

impl Table {
    /// Reads the entries of those files that were taken before.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn taken_files(
        &self,
        account: &str,
        connection: &str,
        fingerprints: &[String],
    ) -> Result<HashMap<String, LedgerEntry>, AwsError> {
        let keys = fingerprints.iter().map(|f| keys::ledger_file(account, connection, f));
        let found: Vec<LedgerEntry> = self.get_many(keys).await?;
        Ok(found.into_iter().map(|entry| (entry.fingerprint.clone(), entry)).collect())
    }

    /// Reads the content that a connection took last.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn last_content(
        &self,
        account: &str,
        connection: &str,
    ) -> Result<Option<LastContent>, AwsError> {
        self.get(&keys::ledger_content(account, connection)).await
    }

    /// Notes a file as taken, as an input of its run, and as the last content, in one transaction: a file
    /// that the ledger knows is always the input of a run, so it cannot be skipped and forgotten. One that
    /// is not mapped, since its content is the last already, leaves the last content as it is.
    ///
    /// # Errors
    /// When the call fails or the run's lease is lost.
    pub async fn take_file(&self, run: &Run, input: &Input, entry: &LedgerEntry) -> Result<(), AwsError> {
        // One that only validates leaves no trace: the next run takes the file as if nobody had looked at it.
        if run.validate_only {
            return self.add_input(run, input, Vec::new()).await;
        }
        let damaged = |e| AwsError::damaged("a transaction", e);
        let key = keys::ledger_file(&run.account, &run.connection, &entry.fingerprint);
        let file = Put::builder()
            .table_name(&self.name)
            .set_item(Some(item(&key, entry)?))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(damaged)?;
        let mut puts = vec![file];
        if input.same_content_as.is_none() {
            let content = LastContent {
                sha256: entry.sha256.clone(),
                path: entry.path.clone(),
                run: entry.run.clone(),
            };
            let row = item(&keys::ledger_content(&run.account, &run.connection), &content)?;
            let put = Put::builder().table_name(&self.name).set_item(Some(row));
            puts.push(put.build().map_err(damaged)?);
        }
        self.add_input(run, input, puts).await
    }

    /// Where a rerun's first run took the connection's last content, the rerun answers for it from now on: whether
    /// the same bytes are mapped again depends on how the rerun ends. Doing so twice changes nothing.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn adopt_content(&self, run: &Run, first: &str) -> Result<(), AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::ledger_content(&run.account, &run.connection))))
            .update_expression("SET #run = :run")
            .condition_expression("#run = :first")
            .expression_attribute_names("#run", "run")
            .expression_attribute_values(":run", s(&run.id))
            .expression_attribute_values(":first", s(first));
        update_if(update).await?;
        Ok(())
    }

    /// Forgets the content that a run took last, if it came under this path: the file could not be read, so
    /// the same bytes have to be mapped when they come again. Doing so twice changes nothing.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn forget_content(&self, run: &Run, path: &str) -> Result<(), AwsError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::ledger_content(&run.account, &run.connection))))
            .update_expression("SET sha256 = :none")
            .condition_expression("#run = :run AND #path = :path")
            .expression_attribute_names("#run", "run")
            .expression_attribute_names("#path", "path")
            .expression_attribute_values(":none", s(""))
            .expression_attribute_values(":run", s(&run.id))
            .expression_attribute_values(":path", s(path));
        update_if(update).await?;
        Ok(())
    }

    /// Notes that a file's post-action is done. Doing so twice changes nothing.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn post_action_done(
        &self,
        account: &str,
        connection: &str,
        fingerprint: &str,
    ) -> Result<(), AwsError> {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&keys::ledger_file(account, connection, fingerprint))))
            .update_expression("SET post_action = :done")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":done", value(&PostActionState::Done)?)
            .send()
            .await
            .map_err(AwsError::call("dynamodb:UpdateItem"))?;
        Ok(())
    }
}
