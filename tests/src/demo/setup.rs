//! What the demo starts and what it makes through the API.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use serde_json::{Value, json};
use tests::{
    api::{Api, id},
    flow::settings_of,
    receiver::Receiver,
    sftp_server::{Entry, SftpServer},
};

use crate::inputs::Input;

/// A connection of the demo, with its schedule.
pub(crate) struct Made {
    pub(crate) connection: String,
    pub(crate) schedule: String,
    pub(crate) folder: PathBuf,
}

/// Starts an OpenSSH server where one is or can be installed, otherwise one from PyPI.
pub(crate) fn sftp_server(home: &Path) -> Result<SftpServer> {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
    if !Path::new("/usr/sbin/sshd").exists() && is_root && Path::new("/usr/bin/apt-get").exists() {
        println!("installing OpenSSH's server …");
        let install = "apt-get update -qq && apt-get install -y -qq --no-install-recommends openssh-server";
        // Without it the server from PyPI serves as well.
        let _ = Command::new("sh").args(["-c", install]).env("DEBIAN_FRONTEND", "noninteractive").output();
    }
    SftpServer::start(home, Entry::Key)
}

/// Makes target servers, mapping, connection and a schedule of every minute.
pub(crate) async fn make(
    api: &Api,
    input: &Input,
    folder: &Path,
    server: &SftpServer,
    receiver: &Receiver,
) -> Result<Made> {
    let source = api.post("/v1/target-servers", &server.target_server(folder)).await?;
    let webservice = json!({
        "name": "demo receiver", "kind": "webservice", "address": receiver.url(), "retry_secs": [1, 2, 5],
        "auth": { "header_name": "x-api-key", "header_value": "demo" },
    });
    let target = api.post("/v1/target-servers", &webservice).await?;
    let mapping = api.post("/v1/mappings", &input.mapping).await?;
    let connection = json!({
        "name": format!("demo: {}", input.title), "mapping": id(&mapping),
        "source": { "target_server": id(&source), "files": input.file, "settle_secs": 1 },
        "target": { "target_server": id(&target), "batch_size": 50 },
    });
    let connection = id(&api.post("/v1/connections", &connection).await?);
    let schedule = json!({ "connection": connection, "cron": "* * * * ? *", "time_zone": "Europe/Oslo" });
    let schedule = id(&api.post("/v1/schedules", &schedule).await?);
    Ok(Made { connection, schedule, folder: folder.into() })
}

/// Pauses a schedule.
pub(crate) async fn pause(api: &Api, schedule: &str) -> Result<Value> {
    let path = format!("/v1/schedules/{schedule}");
    let mut settings = settings_of(api.get(&path).await?);
    settings["state"] = "paused".into();
    api.put(&path, &settings).await
}
