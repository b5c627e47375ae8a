//! Trying a server out: the answer says which step fails, why, and what to do; nothing secret goes to a stranger.

use std::{fs, path::PathBuf};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    api::{Api, id},
    flow::new_account,
    sftp_server::{Entry, SftpServer, Software},
    stack::Stack,
};

struct Trying {
    api: Api,
    other: Api,
    server: SftpServer,
    folder: PathBuf,
    target: String,
    _home: TempDir,
}

impl Trying {
    async fn on(software: Software) -> Result<Self> {
        let stack = Stack::from_env()?;
        let home = tempfile::tempdir()?;
        let folder = home.path().join("out");
        fs::create_dir(&folder)?;
        let server = SftpServer::start_as(software, &home.path().join("server"), Entry::Key)?;
        let (_, api) = new_account(&stack, "Europe/Oslo").await?;
        let (_, other) = new_account(&stack, "UTC").await?;
        let target = id(&api.post("/v1/target-servers", &server.target_server(&folder)).await?);
        Ok(Self { api, other, server, folder, target, _home: home })
    }

    async fn change(&self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut settings = self.server.target_server(&self.folder);
        change(&mut settings);
        let path = format!("/v1/target-servers/{}", self.target);
        self.api.put(&path, &settings).await.map(|_| ())
    }

    async fn tried(&self, body: &Value) -> Result<Value> {
        let path = format!("/v1/target-servers/{}/test", self.target);
        let answer = self.api.post(&path, body).await?;
        ensure!(self.api.get(&path).await? == answer, "{answer}");
        Ok(answer["diagnosis"].clone())
    }

    /// Tries, and expects the try to end with a step that fails so.
    async fn fails_at(&self, step: &str, code: &str, words: &[&str]) -> Result<Value> {
        let found = self.tried(&json!({})).await?;
        let last = found["steps"].as_array().and_then(|s| s.last()).cloned().unwrap_or_default();
        ensure!(found["ok"] == false && last["step"] == step && last["code"] == code, "{found:#}");
        for word in words {
            ensure!(last["detail"].to_string().contains(word), "{word} is not in {last:#}");
        }
        Ok(found)
    }
}

fn steps(found: &Value) -> Vec<&str> {
    found["steps"].as_array().into_iter().flatten().filter_map(|s| s["step"].as_str()).collect()
}

#[tokio::test]
async fn a_server_in_order_passes_every_step_and_nothing_stays_on_it() -> Result<()> {
    let at = Trying::on(Software::OpenSsh).await?;
    fs::write(at.folder.join("a.csv"), "x")?;
    let found = at.tried(&json!({ "write": true })).await?;
    ensure!(found["ok"] == true, "{found:#}");
    let all = ["resolve", "connect", "offers", "handshake", "host_key", "authentication", "sftp", "folder"];
    ensure!(steps(&found) == [&all[..], &["write", "rename", "remove"]].concat(), "{found:#}");
    ensure!(found["software"].to_string().contains("OpenSSH") && found["files"] == 1, "{found:#}");
    ensure!(found["host_key"]["is_pinned"] == true && found["host_key"]["line"] == at.server.host_key());
    ensure!(found["authentication_methods"] == json!(["publickey"]), "{found:#}");
    ensure!(found["rename_replaces"] == false, "{found:#}");
    ensure!(found["clock_ahead_secs"].as_i64().is_some_and(|s| s.abs() <= 2), "{found:#}");
    let cipher = &found["algorithms"].as_array().into_iter().flatten().find(|a| a["purpose"] == "cipher");
    ensure!(cipher.is_some_and(|c| c["agreed"] == "aes128-gcm@openssh.com"), "{found:#}");
    let left: Vec<_> = fs::read_dir(&at.folder)?.collect::<Result<_, _>>()?;
    ensure!(left.len() == 1, "{left:?}");
    // It is nobody else's.
    let path = format!("/v1/target-servers/{}/test", at.target);
    for method in ["GET", "POST"] {
        let answer = at.other.call(method, &path, &[], None).await?;
        ensure!(answer.status == 404, "{}", answer.body);
    }
    // Without being asked to, nothing is written.
    let found = at.tried(&json!({})).await?;
    ensure!(found["ok"] == true && steps(&found) == all, "{found:#}");
    Ok(())
}

#[tokio::test]
async fn a_server_whose_key_is_not_known_yet_tells_it_and_gets_nothing() -> Result<()> {
    let at = Trying::on(Software::OpenSsh).await?;
    at.change(|t| t["host_keys"] = json!([])).await?;
    let found = at.fails_at("host_key", "host_key_mismatch", &["not pinned", "SHA256:"]).await?;
    let line = found["host_key"]["line"].clone();
    ensure!(line == at.server.host_key() && found["host_key"]["is_pinned"] == false, "{found:#}");
    ensure!(!at.server.log().contains("Accepted"), "nobody was let in: {}", at.server.log());
    at.change(|t| t["host_keys"] = json!([line])).await?;
    ensure!(at.tried(&json!({})).await?["ok"] == true);
    ensure!(at.server.log().contains("Accepted publickey"), "{}", at.server.log());
    Ok(())
}

#[tokio::test]
async fn what_keeps_the_hub_out_is_named() -> Result<()> {
    let mut at = Trying::on(Software::OpenSsh).await?;
    at.change(|t| t["path"] = "/nowhere at all".into()).await?;
    at.fails_at("folder", "not_found", &["/nowhere at all"]).await?;
    at.change(|t| t["auth"] = json!({ "user": t["auth"]["user"], "password": "wrong" })).await?;
    at.fails_at("authentication", "authentication_failed", &["the password", "publickey"]).await?;
    at.change(|t| t["address"] = "10.1.2.3".into()).await?;
    at.fails_at("resolve", "address_refused", &["10.1.2.3", "allowed_networks"]).await?;
    at.change(|_| {}).await?;
    at.server.configure(|config| format!("Ciphers aes128-cbc\nMACs hmac-sha2-256\n{config}"))?;
    let found = at
        .fails_at(
            "handshake",
            "no_common_algorithms",
            &["for cipher the server offers aes128-cbc", "legacy_algorithms"],
        )
        .await?;
    ensure!(found["algorithms"].to_string().contains("aes128-cbc"), "{found:#}");
    at.change(|t| t["sftp"] = json!({ "legacy_algorithms": true })).await?;
    ensure!(at.tried(&json!({})).await?["ok"] == true);
    at.server.stop();
    at.fails_at("connect", "server_down", &["check that the server is up"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_folder_that_takes_nothing_is_named_where_writing_is_asked_for() -> Result<()> {
    let at = Trying::on(Software::Faulty("read-only")).await?;
    let found = at.tried(&json!({ "write": true })).await?;
    let last = found["steps"].as_array().and_then(|s| s.last()).cloned().unwrap_or_default();
    ensure!(last["step"] == "write" && last["code"] == "permission_denied", "{found:#}");
    ensure!(steps(&found).contains(&"folder") && found["files"] == 0, "{found:#}");
    let at = Trying::on(Software::Rclone).await?;
    let found = at.tried(&json!({ "write": true })).await?;
    ensure!(found["ok"] == true && found["rename_replaces"] == true, "{found:#}");
    Ok(())
}

#[tokio::test]
async fn only_files_have_such_a_test() -> Result<()> {
    let at = Trying::on(Software::AsyncSsh).await?;
    let webservice = json!({ "name": "w", "kind": "webservice", "address": "https://example.com" });
    let webservice = id(&at.api.post("/v1/target-servers", &webservice).await?);
    let path = format!("/v1/target-servers/{webservice}/test");
    let answer = at.api.call("POST", &path, &[], Some("{}")).await?;
    ensure!(answer.status == 409 && answer.body["code"] == "not_sftp", "{}", answer.body);
    let path = format!("/v1/target-servers/{}/test", at.target);
    let answer = at.api.call("GET", &path, &[], None).await?;
    ensure!(answer.status == 404, "{}", answer.body);
    let answer = at.api.call("POST", &path, &[], Some(r#"{"wirte": true}"#)).await?;
    ensure!(answer.status == 422 && answer.body.to_string().contains("wirte"), "{}", answer.body);
    Ok(())
}
