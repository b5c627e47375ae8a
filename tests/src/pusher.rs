//! `sftp-push` as a process of the test's own, with a large file to carry, so that the test says how much time an
//! invocation has.

use std::{fs::File, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{aws::gates::Of, export::Push, keys, message::PushMessage};

use crate::{
    exports::{Exports, sftp_export},
    rows::{Rows, future_ms},
    runtime_api::{Function, development_build},
    sftp_server::{Entry, SftpServer, Software},
    stack::variable,
};

/// The function's process, and a frozen file of a size that no notification has.
pub struct Pusher {
    /// The flow whose file it is.
    pub flow: Exports,
    /// Where it goes to.
    pub server: SftpServer,
    function: Function,
    rows: Rows,
}

impl Pusher {
    /// Has a file of these bytes, frozen in the bucket, owed to a server of this kind: its first upload failed.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn start(software: Software, content: Vec<u8>, settings: Value) -> Result<Self> {
        let export = json!({ "file_name": "large.ndjson", "format": "ndjson" });
        let flow = Exports::on(Software::Faulty("full"), export.clone(), "in").await?;
        flow.buffered(&[("evt-1", json!({ "type": "large", "id": 1 }))]).await?;
        let run = flow.flush().await?;
        ensure!(run["status"] == "ERROR", "{run}");
        let server = SftpServer::start_as(software, &flow.home().join("other"), Entry::Key)?;
        let folder = flow.folder.clone();
        flow.change_files(|target| {
            *target = sftp_export(&server, &folder, &export);
            target["export"]["realtime"] = true.into();
            target["sftp"] = settings;
        })
        .await?;
        let rows = flow.stack.rows().await?;
        let key = keys::push(&flow.account, &flow.files);
        let mut batch = rows.get(&key).await?["open_batch"].clone();
        batch["size_bytes"] = content.len().into();
        batch["sha256"] = shared::id::hex(&Sha256::digest(&content)).into();
        let object = batch["object"].as_str().context("it is frozen")?.to_string();
        flow.stack.bucket().await?.put(&object, content).await?;
        // Nobody else is to look at it.
        rows.edit(
            &key,
            json!({ "open_batch": batch, "due": future_ms(3600), "due_shard": "test", "try_at": null }),
        )
        .await?;
        let mut variables = flow.stack.function_variables();
        for name in ["CROSSDOCK_TABLE", "CROSSDOCK_BUCKET"] {
            variables.push((name.into(), variable(name)?));
        }
        let log = File::create(flow.home().join("sftp-push.log"))?;
        let function = Function::start(&development_build("sftp-push")?, variables, log).await?;
        function.first_poll().await?;
        Ok(Self { flow, server, function, rows })
    }

    /// Has the function work for so long; where the push stands then.
    ///
    /// # Errors
    /// When the function dies, fails, or is late.
    pub async fn work(&mut self, time: Duration) -> Result<Push> {
        let message = serde_json::to_string(&PushMessage::flush(&self.flow.account, &self.flow.files))?;
        let event = json!({ "Records": [{ "messageId": "0", "body": message, "eventSource": "aws:sqs" }] });
        let answer = self.function.invoke(event.to_string(), time).await?.answer()?;
        ensure!(answer["batchItemFailures"] == json!([]), "{answer}");
        let key = keys::push(&self.flow.account, &self.flow.files);
        let row = self.rows.get(&key).await?;
        ensure!(row["lease_until"].is_null(), "the lease was not given back: {row:#}");
        if !row["due"].is_null() {
            self.rows
                .edit(&key, json!({ "due": future_ms(3600), "due_shard": "test", "try_at": null }))
                .await?;
        }
        let of = Of { account: &self.flow.account, target_server: &self.flow.files };
        Ok(self.flow.stack.table().await?.push(of).await?)
    }

    /// The most memory that the process has had so far, in MiB.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn peak_mib(&self) -> Result<u64> {
        self.function.peak_mib()
    }
}
