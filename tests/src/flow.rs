//! One whole flow in an account of its own: SFTP server → connection → receiver.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::{
    delivery::{Batch, WaitingFor},
    keys,
};
use tempfile::TempDir;

use crate::{
    api::{Api, id},
    receiver::{Manner, Receiver},
    rows::past_ms,
    sftp_server::{Entry, SftpServer, Software},
    stack::Stack,
    wait::until,
};

/// How long a run may take here before a test gives up on it.
pub const RUN_SECS: Duration = Duration::from_secs(90);

/// Everything a run needs, made through the API.
pub struct Flow {
    /// The stack.
    pub stack: Stack,
    /// Id of the flow's account.
    pub account: String,
    /// The API with the account's key.
    pub api: Api,
    /// Where the server's files are.
    pub folder: PathBuf,
    /// The SFTP server.
    pub server: SftpServer,
    /// Where records go.
    pub receiver: Receiver,
    /// Id of the source's target server.
    pub source: String,
    /// Id of the receiver's target server.
    pub target: String,
    /// Id of the mapping.
    pub mapping: String,
    /// Id of the connection.
    pub connection: String,
    home: TempDir,
}

/// Makes an account with a key of its own, which may dial this machine.
///
/// # Errors
/// When the API refuses.
pub async fn new_account(stack: &Stack, time_zone: &str) -> Result<(String, Api)> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes)?;
    let account = format!("t-{}", shared::id::hex(&bytes));
    let operator = stack.api(&stack.operator_key);
    let new =
        json!({"id": account, "name": "Test", "time_zone": time_zone, "allowed_networks": ["127.0.0.0/8"]});
    operator.post("/v1/accounts", &new).await?;
    let key = json!({ "name": "test", "role": "admin" });
    let key = operator.post(&format!("/v1/accounts/{account}/api-keys"), &key).await?;
    let api = stack.api(key["key"].as_str().unwrap_or_default());
    Ok((account, api))
}

/// A mapping of `key;value` files in UTF-8.
pub fn simple_mapping() -> Value {
    json!({
        "name": "simple",
        "input": { "format": "csv", "encoding": "utf-8", "delimiter": ";", "quote": "\"", "header": true },
        "columns": [
            { "name": "id", "from": "id", "type": "text", "required": true },
            { "name": "value", "from": "value", "type": "text" },
        ],
        "key": ["id"],
    })
}

impl Flow {
    /// Sets up a flow with [`simple_mapping`], a receiver that takes everything, and an empty folder.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn new() -> Result<Self> {
        Self::with(simple_mapping(), Manner::Take, Entry::Key).await
    }

    /// Sets up a flow.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn with(mapping: Value, manner: Manner, entry: Entry) -> Result<Self> {
        Self::on(Software::preferred(), mapping, manner, entry).await
    }

    /// Sets up a flow whose files are on a server of this kind.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn on(software: Software, mapping: Value, manner: Manner, entry: Entry) -> Result<Self> {
        let stack = Stack::from_env()?;
        let home = tempfile::tempdir()?;
        // The server's ordinary user reads the files as a stranger.
        fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let folder = home.path().join("out");
        fs::create_dir(&folder)?;
        let server = SftpServer::start_as(software, &home.path().join("server"), entry)?;
        let receiver = Receiver::start(&home.path().join("taken.ndjson"), manner).await?;
        let (account, api) = new_account(&stack, "Europe/Oslo").await?;
        let source = id(&api.post("/v1/target-servers", &server.target_server(&folder)).await?);
        let webservice = json!({
            "name": "receiver", "kind": "webservice", "address": receiver.url(), "retry_secs": [1, 1, 1],
            "timeout_secs": 3, "auth": { "bearer_token": "receiver-token" },
        });
        let target = id(&api.post("/v1/target-servers", &webservice).await?);
        let mapping = id(&api.post("/v1/mappings", &mapping).await?);
        let connection = json!({
            "name": "flow", "mapping": mapping,
            "source": { "target_server": source, "files": "*.csv", "settle_secs": 0 },
            "target": { "target_server": target, "batch_size": 100 },
        });
        let connection = id(&api.post("/v1/connections", &connection).await?);
        Ok(Self { stack, account, api, folder, server, receiver, source, target, mapping, connection, home })
    }

    /// Sets up a flow whose connection compares nothing: every record is sent.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn uncompared(mapping: Value) -> Result<Self> {
        let mut keyed = mapping.clone();
        keyed["key"] = json!([mapping["columns"][0]["name"]]);
        let flow = Self::with(keyed, Manner::Take, Entry::Key).await?;
        flow.change_connection(|c| c["compare"] = false.into()).await?;
        flow.change_mapping(|m| *m = mapping).await?;
        Ok(flow)
    }

    /// A folder that is the flow's own, beside the server's files.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Puts a file on the server, whole and with a time of its own, as a careful partner does.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        put_file(&self.folder.join(name), content.as_ref())
    }

    /// Changes settings by `change`: of the connection, the mapping or a target server, by their path.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn change(&self, path: &str, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut settings = settings_of(self.api.get(path).await?);
        change(&mut settings);
        self.api.put(path, &settings).await?;
        Ok(())
    }

    /// Changes the connection's settings by `change`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn change_connection(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        self.change(&format!("/v1/connections/{}", self.connection), change).await
    }

    /// Puts the target's retries off so far that none comes by itself.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn retry_far_off(&self) -> Result<()> {
        self.change_target(|t| t["retry_secs"] = json!([600, 600])).await
    }

    /// Changes the receiver's target server by `change`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn change_target(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        self.change(&format!("/v1/target-servers/{}", self.target), change).await
    }

    /// Changes the source's target server by `change`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn change_source(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        self.change(&format!("/v1/target-servers/{}", self.source), change).await
    }

    /// Changes the mapping by `change`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn change_mapping(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        self.change(&format!("/v1/mappings/{}", self.mapping), change).await
    }

    /// Starts a run; its id.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn start(&self) -> Result<String> {
        Ok(id(&self.api.post(&format!("/v1/connections/{}/runs", self.connection), &json!({})).await?))
    }

    /// Takes a run's files through mapping and delivery again, and waits for the report.
    ///
    /// # Errors
    /// When the API refuses, or the run does not end.
    pub async fn rerun(&self, run: &Value) -> Result<Value> {
        let again = self.api.post(&format!("/v1/runs/{}/rerun", id(run)), &json!({})).await?;
        self.ended(&id(&again)).await
    }

    /// Starts a run and waits for its report.
    ///
    /// # Errors
    /// When the API refuses, or the run does not end.
    pub async fn run(&self) -> Result<Value> {
        let run = self.start().await?;
        self.ended(&run).await
    }

    /// Waits for a run's report.
    ///
    /// # Errors
    /// When the run does not end.
    pub async fn ended(&self, run: &str) -> Result<Value> {
        let path = format!("/v1/runs/{run}");
        until(&format!("the end of run {run}"), RUN_SECS, async || {
            let report = self.api.get(&path).await?;
            let status = report["status"].as_str().unwrap_or_default();
            Ok((!matches!(status, "QUEUED" | "RUNNING" | "DELIVERING")).then_some(report))
        })
        .await
    }

    /// Waits until every batch of a run waits for its next attempt, and gives them back.
    ///
    /// # Errors
    /// When they don't get there.
    pub async fn waiting_batches(&self, run: &str) -> Result<Vec<Batch>> {
        let table = self.stack.table().await?;
        until(&format!("failed attempts of {run}"), RUN_SECS, async || {
            let batches = table.batches(&self.account, run).await?;
            let waiting = |b: &Batch| b.waiting_for == Some(WaitingFor::NextAttempt);
            Ok((!batches.is_empty() && batches.iter().all(waiting)).then_some(batches))
        })
        .await
    }

    /// Lets the time of a run's next attempts come, as if it had gone by, and ticks.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn let_time_pass(&self, run: &str) -> Result<()> {
        let rows = self.stack.rows().await?;
        for batch in self.waiting_batches(run).await? {
            let key = keys::batch(&self.account, run, batch.first_ordinal, batch.part);
            rows.edit(&key, json!({ "attempt_at": past_ms() })).await?;
            rows.set_due(&key, past_ms()).await?;
        }
        self.stack.tick().await
    }

    /// Every batch of a run.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn batches(&self, run: &Value) -> Result<Vec<Batch>> {
        Ok(self.stack.table().await?.batches(&self.account, &id(run)).await?)
    }

    /// Every record result of a run.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn records(&self, run: &Value) -> Result<Vec<Value>> {
        self.api.all(&format!("/v1/runs/{}/records", id(run))).await
    }
}

/// Settings as they can be sent again: without what the hub keeps beside them.
pub fn settings_of(mut shown: Value) -> Value {
    if let Some(fields) = shown.as_object_mut() {
        for own in
            ["id", "version", "created_at", "updated_at", "next_at", "active_run", "notifications_path"]
        {
            fields.remove(own);
        }
    }
    shown
}

/// Writes a file under a temporary name and renames it. A file that replaces another gets a later time of
/// change, whole seconds apart, since SFTP tells no more.
///
/// # Errors
/// When it cannot be written.
pub fn put_file(path: &Path, content: &[u8]) -> Result<()> {
    let before = fs::metadata(path).and_then(|m| m.modified()).ok();
    let name = path.file_name().and_then(|n| n.to_str()).context("a file has a name")?;
    let temporary = path.with_file_name(format!(".{name}.part"));
    fs::write(&temporary, content)?;
    if let Some(before) = before {
        let file = fs::File::options().append(true).open(&temporary)?;
        if file.metadata()?.modified()? < before + Duration::from_secs(2) {
            file.set_modified(before + Duration::from_secs(2))?;
        }
    }
    Ok(fs::rename(temporary, path)?)
}

/// The real files that are beside the project, where they are.
pub fn real_data(name: &str) -> Option<Vec<u8>> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name)).ok()
}

/// The counts of a report, by name.
pub fn count(run: &Value, name: &str) -> u64 {
    run["counts"][name].as_u64().unwrap_or(u64::MAX)
}
