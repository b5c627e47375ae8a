//! One flow of files into files: SFTP server → mapping → buffer → another SFTP server. Notifications go into the same
//! buffer.

use std::{
    fs,
    ops::{Deref, DerefMut},
    path::PathBuf,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use shared::{
    delivery::{Batch, BatchName, WaitingFor},
    keys,
};

use crate::{
    api::id,
    exports::{Exports, PUSH_WITHIN},
    flow::put_file,
    rows::past_ms,
    sftp_server::{Entry, SftpServer, Software},
    wait::until,
};

/// Everything that takes, made through the API.
pub struct PulledExports {
    /// Where files go, and an account with a source.
    pub exports: Exports,
    /// Id of the mapping.
    pub mapping: String,
    /// Id of the connection that takes files.
    pub pulls: String,
    from: PathBuf,
    _server: SftpServer,
}

impl Deref for PulledExports {
    type Target = Exports;

    fn deref(&self) -> &Exports {
        &self.exports
    }
}

impl DerefMut for PulledExports {
    fn deref_mut(&mut self) -> &mut Exports {
        &mut self.exports
    }
}

impl PulledExports {
    /// Sets up a flow whose files are written so, with batches of 100 records. `mapping` as of [`crate::flow`].
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn new(export: Value, mapping: Value) -> Result<Self> {
        let exports = Exports::new(export, "in").await?;
        let from = exports.home().join("out");
        fs::create_dir(&from)?;
        let server = SftpServer::start_as(Software::preferred(), &exports.home().join("source"), Entry::Key)?;
        let source = id(&exports.api.post("/v1/target-servers", &server.target_server(&from)).await?);
        let mapping = id(&exports.api.post("/v1/mappings", &mapping).await?);
        let connection = json!({
            "name": "files to files", "mapping": mapping,
            "source": { "target_server": source, "files": "*.csv", "settle_secs": 0 },
            "target": { "target_server": exports.files, "batch_size": 100 },
        });
        let pulls = id(&exports.api.post("/v1/connections", &connection).await?);
        Ok(Self { exports, mapping, pulls, from, _server: server })
    }

    /// Puts a file where the connection takes it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        put_file(&self.from.join(name), content.as_ref())
    }

    /// Starts a run of the connection; its id.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn start(&self) -> Result<String> {
        Ok(id(&self.api.post(&format!("/v1/connections/{}/runs", self.pulls), &json!({})).await?))
    }

    /// Puts a file, starts a run, and waits until all that it owes is in the buffer; the run's id.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn pulled(&self, name: &str, content: impl AsRef<[u8]>) -> Result<String> {
        self.put(name, content)?;
        let run = self.start().await?;
        self.all_buffered(&run).await?;
        Ok(run)
    }

    /// Waits until every batch of a run is in the buffer, and gives them back.
    ///
    /// # Errors
    /// When they don't get there.
    pub async fn all_buffered(&self, run: &str) -> Result<Vec<Batch>> {
        until(&format!("the batches of {run} in the buffer"), PUSH_WITHIN, async || {
            let shown = self.api.get(&format!("/v1/runs/{run}")).await?;
            ensure!(!shown["ended_at"].is_string(), "it ended: {shown}");
            let batches = self.batches(run).await?;
            let all = shown["status"] == "DELIVERING"
                && batches.iter().all(|batch| batch.waiting_for == Some(WaitingFor::Flush));
            Ok(all.then_some(batches))
        })
        .await
    }

    /// The batches of a run.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn batches(&self, run: &str) -> Result<Vec<Batch>> {
        Ok(self.stack.table().await?.batches(&self.account, run).await?)
    }

    /// Lets the hub's minutes go by until a run of the connection has ended; its report.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn closed(&self, run: &str) -> Result<Value> {
        until(&format!("the end of run {run}"), PUSH_WITHIN, async || {
            let shown = self.api.get(&format!("/v1/runs/{run}")).await?;
            if shown["ended_at"].is_string() {
                return Ok(Some(shown));
            }
            self.stack.tick().await?;
            Ok(None)
        })
        .await
    }

    /// The record results of a run.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn records(&self, run: &str) -> Result<Vec<Value>> {
        self.api.all(&format!("/v1/runs/{run}/records")).await
    }

    /// Changes the connection that takes files by `change`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn change_pulls(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        self.change(&format!("/v1/connections/{}", self.pulls), change).await
    }

    /// The change-detection state, where there is one.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn state(&self) -> Result<Option<Vec<u8>>> {
        let key = keys::state_object(&self.account, &self.pulls, &self.files);
        Ok(self.stack.bucket().await?.get(&key).await?.map(|object| object.bytes.to_vec()))
    }

    /// Lets the time of a run be over, as if it had gone by, and ticks.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn time_is_over(&self, run: &str) -> Result<()> {
        let rows = self.stack.rows().await?;
        let over = jiff::Timestamp::from_millisecond(past_ms())?;
        rows.edit(&keys::run(&self.account, run), json!({ "deliver_until": over.to_string() })).await?;
        for batch in self.batches(run).await? {
            let key = BatchName::of(&batch).key(&self.account);
            rows.edit(&key, json!({ "flush_until": past_ms() })).await?;
            rows.set_due(&key, past_ms()).await?;
        }
        self.stack.tick().await
    }

    /// Decides about the batch that is open.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn discard(&self) -> Result<()> {
        let batch = self.buffer().await?["open_batch"]["id"].as_str().context("an open batch")?.to_string();
        let path = format!("/v1/target-servers/{}/open-batch", self.files);
        self.api.post(&path, &json!({ "batch": batch, "discard": true })).await?;
        Ok(())
    }
}
