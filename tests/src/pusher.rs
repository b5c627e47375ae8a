//! `sftp-push` as a process of the test's own, with a large file to carry, so that the test says how much time an
//! invocation has.

use std::{fs::File, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::{
    aws::{gates::Of, piecewise::PiecewiseObject},
    export::Push,
    keys,
    message::PushMessage,
};

use crate::{
    exports::{Exports, sftp_export},
    rows::{Rows, future_ms, past_ms},
    runtime_api::{Function, development_build},
    sftp_server::{Entry, SftpServer, Software},
    stack::variable,
};

/// A frozen file of a size that no notification has, owed to a server.
pub struct Frozen {
    /// The flow whose file it is.
    pub flow: Exports,
    /// Where it goes to.
    pub server: SftpServer,
    rows: Rows,
}

impl Frozen {
    /// Has a file of these bytes, piece by piece, frozen in the bucket and owed to a server of this kind: its first
    /// upload failed. Nobody looks at it for an hour.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn new(
        software: Software,
        pieces: impl IntoIterator<Item = Vec<u8>>,
        settings: Value,
    ) -> Result<Self> {
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
        let frozen = Self { flow, server, rows };
        let mut batch = frozen.row().await?["open_batch"].clone();
        let (mut sha, mut size_bytes) = (Sha256::new(), 0);
        let object = batch["object"].as_str().context("it is frozen")?.to_string();
        let mut file = PiecewiseObject::begin(&frozen.flow.stack.bucket().await?, &object);
        for piece in pieces {
            sha.update(&piece);
            size_bytes += piece.len();
            file.add(&piece).await?;
        }
        file.complete().await?;
        batch["size_bytes"] = size_bytes.into();
        batch["sha256"] = shared::id::hex(&sha.finalize()).into();
        frozen.edit(json!({ "open_batch": batch })).await?;
        frozen.put_off().await?;
        Ok(frozen)
    }

    fn key(&self) -> keys::Key {
        keys::push(&self.flow.account, &self.flow.files)
    }

    async fn row(&self) -> Result<Value> {
        self.rows.get(&self.key()).await
    }

    async fn edit(&self, change: Value) -> Result<()> {
        self.rows.edit(&self.key(), change).await
    }

    /// Keeps the stack's own function away from it.
    async fn put_off(&self) -> Result<()> {
        self.edit(json!({ "due": future_ms(3600), "due_shard": "test", "try_at": null })).await
    }

    /// Lets the stack's own function have it.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn let_go(&self) -> Result<()> {
        self.edit(json!({ "due_shard": keys::due_shard(&self.key()) })).await?;
        self.rows.set_due(&self.key(), past_ms()).await?;
        self.flow.stack.tick().await
    }
}

/// The function's process, and a file for it.
pub struct Pusher {
    frozen: Frozen,
    function: Function,
}

impl std::ops::Deref for Pusher {
    type Target = Frozen;

    fn deref(&self) -> &Frozen {
        &self.frozen
    }
}

impl std::ops::DerefMut for Pusher {
    fn deref_mut(&mut self) -> &mut Frozen {
        &mut self.frozen
    }
}

impl Pusher {
    /// Has a file of these bytes owed to a server of this kind, and starts the function.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn start(software: Software, content: Vec<u8>, settings: Value) -> Result<Self> {
        let frozen = Frozen::new(software, [content], settings).await?;
        let mut variables = frozen.flow.stack.function_variables();
        for name in ["CROSSDOCK_TABLE", "CROSSDOCK_BUCKET"] {
            variables.push((name.into(), variable(name)?));
        }
        let log = File::create(frozen.flow.home().join("sftp-push.log"))?;
        let function = Function::start(&development_build("sftp-push")?, variables, log).await?;
        function.first_poll().await?;
        Ok(Self { frozen, function })
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
