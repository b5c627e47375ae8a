//! One flow of notifications into files in an account of its own: source → connection → buffer → SFTP server.

use std::{
    collections::BTreeMap,
    fs,
    ops::{Deref, DerefMut},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use shared::keys;
use tempfile::TempDir;

use crate::{
    api::id,
    rows::past_ms,
    sftp_server::{Entry, SftpServer, Software},
    wait::until,
    webhooks::{Webhooks, standard_source},
};

/// How long a push may take here before a test gives up on it.
pub const PUSH_WITHIN: Duration = Duration::from_secs(90);

/// Everything a push needs, made through the API. The flow of webhooks has the source and the account.
pub struct Exports {
    /// Account, source and API.
    pub flow: Webhooks,
    /// The SFTP server.
    pub server: SftpServer,
    /// Where files are to arrive; it is not there at first.
    pub folder: PathBuf,
    /// Id of the target server of files.
    pub files: String,
    /// Id of the connection that goes there.
    pub to_files: String,
    home: TempDir,
}

impl Deref for Exports {
    type Target = Webhooks;

    fn deref(&self) -> &Webhooks {
        &self.flow
    }
}

impl DerefMut for Exports {
    fn deref_mut(&mut self) -> &mut Webhooks {
        &mut self.flow
    }
}

/// How files are written: one record a line, under a name that is the same each time.
pub fn ndjson() -> Value {
    json!({ "file_name": "events.ndjson", "format": "ndjson" })
}

/// A target server of files.
pub fn sftp_export(server: &SftpServer, folder: &std::path::Path, export: &Value) -> Value {
    let mut target = server.target_server(folder);
    target["kind"] = "sftp_export".into();
    target["export"] = export.clone();
    target
}

impl Exports {
    /// Sets up a flow whose files are written so, in a folder with this path below the server's.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn new(export: Value, below: &str) -> Result<Self> {
        Self::on(Software::preferred(), export, below).await
    }

    /// Sets up a flow to a server of this kind.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn on(software: Software, export: Value, below: &str) -> Result<Self> {
        let flow = Webhooks::from(standard_source()).await?;
        let home = tempfile::tempdir()?;
        fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let server = SftpServer::start_as(software, &home.path().join("server"), Entry::Key)?;
        let folder = home.path().join(below);
        let target = sftp_export(&server, &folder, &export);
        let files = id(&flow.api.post("/v1/target-servers", &target).await?);
        let connection = json!({
            "name": "to files", "source": { "source": flow.source }, "target": { "target_server": files },
        });
        let to_files = id(&flow.api.post("/v1/connections", &connection).await?);
        // Only files here.
        flow.api.call("DELETE", &format!("/v1/connections/{}", flow.connection), &[], None).await?;
        Ok(Self { flow, server, folder, files, to_files, home })
    }

    /// The folder in which the server's is.
    pub fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// Posts events, and waits until each waits in the buffer. Answers their deliveries.
    ///
    /// # Errors
    /// When one does not get there.
    pub async fn buffered<Id: AsRef<str>>(&self, events: &[(Id, Value)]) -> Result<Vec<String>> {
        let mut deliveries = Vec::new();
        for (event, body) in events {
            let notification = self.accepted(event.as_ref(), body).await?;
            let delivery = format!("{notification}-{}", self.to_files);
            self.in_buffer(&delivery).await?;
            deliveries.push(delivery);
        }
        Ok(deliveries)
    }

    /// Waits until a delivery waits for the next flush.
    ///
    /// # Errors
    /// When it does not get there.
    pub async fn in_buffer(&self, delivery: &str) -> Result<Value> {
        let path = format!("/v1/deliveries/{delivery}");
        until(&format!("{delivery} in the buffer"), PUSH_WITHIN, async || {
            let answer = self.api.call("GET", &path, &[], None).await?;
            ensure!(answer.body["state"] != "DEAD", "{}", answer.body);
            Ok((answer.body["waiting_for"] == "flush").then_some(answer.body))
        })
        .await
    }

    /// Has the buffer flushed, and waits for the report.
    ///
    /// # Errors
    /// When the run does not end.
    pub async fn flush(&self) -> Result<Value> {
        let run = self.api.post(&format!("/v1/target-servers/{}/flush", self.files), &json!({})).await?;
        self.ended(&id(&run)).await
    }

    /// Waits for a run's report.
    ///
    /// # Errors
    /// When the run does not end.
    pub async fn ended(&self, run: &str) -> Result<Value> {
        let path = format!("/v1/runs/{run}");
        until(&format!("the end of run {run}"), PUSH_WITHIN, async || {
            let report = self.api.get(&path).await?;
            let status = report["status"].as_str().unwrap_or_default();
            Ok((!matches!(status, "QUEUED" | "RUNNING")).then_some(report))
        })
        .await
    }

    /// Starts the server again where it was. One from PyPI makes itself new keys, and the target is told.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn server_is_back(&mut self) -> Result<()> {
        self.server.start_again()?;
        let anew = self.server.target_server(&self.folder);
        self.change_files(|t| (t["auth"], t["host_keys"]) = (anew["auth"].clone(), anew["host_keys"].clone()))
            .await
    }

    /// The place that files go to, as an open batch names it: user, address and folder.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn place(&self) -> Result<String> {
        let settings = self.api.get(&format!("/v1/target-servers/{}", self.files)).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let (user, address) = (text(&settings["auth"]["user"]), text(&settings["address"]));
        Ok(format!("{user}@{address}{}/", text(&settings["path"])))
    }

    /// What is in the buffer, as the API shows it.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn buffer(&self) -> Result<Value> {
        self.api.get(&format!("/v1/target-servers/{}/buffer", self.files)).await
    }

    /// The pushes to the target, newest first.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn pushes(&self) -> Result<Vec<Value>> {
        let page = self.api.get(&format!("/v1/runs?target={}", self.files)).await?;
        Ok(page["items"].as_array().cloned().unwrap_or_default())
    }

    /// What is in the folder, by name: hidden and temporary files too.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn arrived(&self) -> Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        let Ok(entries) = fs::read_dir(&self.folder) else { return Ok(found) };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            found.insert(name, String::from_utf8_lossy(&fs::read(entry.path())?).into_owned());
        }
        Ok(found)
    }

    /// Changes the target server of files by `change`.
    ///
    /// # Errors
    /// When the API refuses.
    pub async fn change_files(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        self.change(&format!("/v1/target-servers/{}", self.files), change).await
    }

    /// Lets the target's next try come, as if the time had gone by, and ticks.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn retry_is_due(&self) -> Result<()> {
        let (rows, key) = (self.stack.rows().await?, keys::push(&self.account, &self.files));
        rows.edit(&key, json!({ "try_at": past_ms() })).await?;
        rows.set_due(&key, past_ms()).await?;
        self.stack.tick().await
    }

    /// Holds it that a delivery is delivered, and by this run.
    ///
    /// # Errors
    /// When it is not.
    pub async fn is_pushed(&self, delivery: &str, run: &Value) -> Result<()> {
        let name: shared::delivery::NotificationName =
            delivery.parse().map_err(|_| anyhow::anyhow!("{delivery} is no delivery"))?;
        let row = self.stack.rows().await?.get(&name.key(&self.account)).await?;
        let shown = self.api.get(&format!("/v1/deliveries/{delivery}")).await?;
        ensure!(shown["pushed_by"] == run["id"] && shown["died_of"].is_null(), "{shown}");
        ensure!(row["state"] == "DELIVERED" && row["pushed_by"] == run["id"], "{row}");
        for left in ["due", "due_shard", "owed_by", "lease_until", "waiting_for"] {
            ensure!(row[left].is_null(), "{left} is left: {row}");
        }
        Ok(())
    }
}
