//! A world of its own: storage, queues, a folder and a receiver that no one else touches.

use std::{collections::HashMap, fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use shared::{
    aws::{Table, objects::Bucket},
    clock,
    keys::{self, Key},
};

use super::{
    Plan,
    cloud::{Queue, make_bucket, make_queue, make_table},
    plan::Boundary,
    proxy::Proxy,
    setting::{Item, Setting},
    snapshot::{self, Snapshot},
};
use crate::{
    flow::put_file,
    hooks::Endpoint,
    receiver::{Manner, Receiver},
    rows::{Rows, past_ms},
    runtime_api::{Function, development_build},
    stack::http_client,
    webhooks::OUTBOUND,
};

/// The world.
pub struct World {
    /// What it shares with others.
    pub setting: Arc<Setting>,
    /// Its table, without the hub's rules.
    pub rows: Rows,
    /// Its table.
    pub table: Table,
    /// Its bucket.
    pub bucket: Bucket,
    /// Messages to `sftp-pull`.
    pub pulls: Queue,
    /// Messages to `deliver`.
    pub deliveries: Queue,
    /// Messages to `sftp-push`.
    pub pushes: Queue,
    /// Where records go.
    pub receiver: Receiver,
    /// Where notifications go.
    pub endpoint: Endpoint,
    /// Where files come from.
    pub folder: PathBuf,
    /// Counts, and interrupts, the calls of one function.
    pub plan: Arc<Plan>,
    /// That function.
    pub under: &'static str,
    pub(super) functions: HashMap<&'static str, Function>,
    pub(super) name: String,
    /// By how much the functions' clock is moved, in seconds.
    pub(super) clock_offset_secs: i64,
    logs: PathBuf,
    cloud: Proxy,
    target: Proxy,
    hooks: Proxy,
}

impl World {
    /// Makes a world in which the calls of the function `under` go by `plan`. `slot` is its alone while it lives.
    ///
    /// # Errors
    /// When the local cloud refuses.
    pub async fn new(
        setting: &Arc<Setting>,
        slot: usize,
        under: &'static str,
        plan: Arc<Plan>,
    ) -> Result<Self> {
        let home = setting.new_folder()?;
        let (folder, logs) = (home.join("out"), home.join("logs"));
        fs::create_dir(&folder)?;
        fs::create_dir(&logs)?;
        let mut random = [0; 6];
        getrandom::fill(&mut random)?;
        let name = format!("faults-{}", shared::id::hex(&random));
        make_table(setting, &name).await?;
        make_bucket(setting, &name).await?;
        let receiver = Receiver::start(&home.join("taken.ndjson"), Manner::TakeEach).await?;
        let http = http_client();
        let endpoint = Endpoint::start().await?;
        endpoint.verify_with(&[OUTBOUND])?;
        let of_sends = if under == "deliver" { plan.clone() } else { Plan::new(None) };
        let to = async |url: String, path| {
            let upstream = url.trim_end_matches(path);
            Proxy::start(upstream, Boundary::Http, of_sends.clone(), http.clone()).await
        };
        let target = to(receiver.url(), "/records").await?;
        let hooks = to(endpoint.url(), "/hooks").await?;
        let cloud = Proxy::start(setting.flow.stack.endpoint(), Boundary::Aws, plan.clone(), http).await?;
        let world = Self {
            rows: Rows::new(setting.dynamodb.clone(), name.clone(), setting.s3.clone(), name.clone()),
            table: Table::new(setting.dynamodb.clone(), name.clone()),
            bucket: Bucket::new(setting.s3.clone(), name.clone()),
            pulls: make_queue(setting, &format!("{name}-pulls")).await?,
            deliveries: make_queue(setting, &format!("{name}-deliveries")).await?,
            pushes: make_queue(setting, &format!("{name}-pushes")).await?,
            setting: setting.clone(),
            receiver,
            endpoint,
            folder,
            plan,
            under,
            functions: HashMap::new(),
            name,
            clock_offset_secs: 0,
            logs,
            cloud,
            target,
            hooks,
        };
        world.settle_in(slot).await?;
        Ok(world)
    }

    /// Copies the account's rows, with this world's folder and targets in them.
    async fn settle_in(&self, slot: usize) -> Result<()> {
        let Setting { flow, items, wiring, .. } = &*self.setting;
        let targets = [
            (&flow.target, format!("{}/records", self.target.url)),
            (&wiring.plain.target, format!("{}/plain", self.hooks.url)),
            (&wiring.limited.target, format!("{}/limited", self.hooks.url)),
        ];
        let text = |value: String| AttributeValue::S(value);
        let mut items = items.clone();
        for item in &mut items {
            let of_files = [(&flow.source, "sftp-pull"), (&self.setting.files.target, "sftp-push")];
            let by_sftp = of_files.iter().find(|(id, _)| sort_key(item) == format!("TARGET#{id}"));
            if let Some((_, function)) = by_sftp {
                item.insert("path".into(), text(self.folder.display().to_string()));
                let plan = if self.under == *function { self.plan.clone() } else { Plan::new(None) };
                let is_under = self.under == *function || !matches!(self.under, "sftp-pull" | "sftp-push");
                if !is_under {
                    continue; // one plan a port: the server's own port counts nothing
                }
                if let Some(port) = self.setting.sftp_port(slot, &plan) {
                    item.insert("address".into(), text(format!("127.0.0.1:{port}")));
                }
            }
            if let Some((_, url)) = targets.iter().find(|(id, _)| sort_key(item) == format!("TARGET#{id}")) {
                item.insert("address".into(), text(url.clone()));
            }
        }
        snapshot::write(self, items).await
    }

    /// Begins where another world was when the snapshot was taken.
    ///
    /// # Errors
    /// When the local cloud fails.
    pub async fn begin_with(&self, snapshot: &Snapshot) -> Result<()> {
        snapshot.restore(self).await
    }

    /// The account.
    pub fn account(&self) -> &str {
        &self.setting.flow.account
    }

    /// The connection.
    pub fn connection(&self) -> &str {
        &self.setting.flow.connection
    }

    /// Key of the schedule.
    pub fn schedule(&self) -> Key {
        keys::resource(self.account(), "SCHEDULE", &self.setting.schedule)
    }

    /// Puts a file on the server.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        put_file(&self.folder.join(name), content.as_ref())
    }

    /// Makes the schedule due.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn schedule_is_due(&self) -> Result<()> {
        self.rows.set_due(&self.schedule(), past_ms()).await
    }

    /// Puts a file where the run moves it to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_moved(&self, name: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let done = self.folder.join("done");
        fs::create_dir(&done)?;
        put_file(&done.join(name), content.as_ref())
    }

    /// Changes the target server's row.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn edit_target(&self, change: serde_json::Value) -> Result<()> {
        let key = keys::resource(self.account(), "TARGET", &self.setting.flow.target);
        self.rows.edit(&key, change).await
    }

    /// The process of a function; a new one if it has none, or a dead one.
    pub(super) async fn function(&mut self, name: &'static str) -> Result<&mut Function> {
        if self.functions.get(name).is_none_or(|f| !f.is_alive()) {
            let log = fs::File::options().create(true).append(true).open(self.logs.join(name))?;
            let mut variables = self.setting.flow.stack.function_variables();
            if name == self.under {
                variables.push(("AWS_ENDPOINT_URL".into(), self.cloud.url.clone()));
            }
            let own = [
                ("CROSSDOCK_TABLE", &self.name),
                ("CROSSDOCK_BUCKET", &self.name),
                ("CROSSDOCK_PULLS_QUEUE_URL", &self.pulls.url),
                ("CROSSDOCK_DELIVERIES_QUEUE_URL", &self.deliveries.url),
                ("CROSSDOCK_KEY_ARN", &self.setting.key_arn),
                ("CROSSDOCK_PUSHES_QUEUE_URL", &self.pushes.url),
            ];
            variables.extend(own.map(|(name, value)| (name.to_string(), value.clone())));
            variables.push(("RUST_LOG".into(), "info".into()));
            variables.push((clock::OFFSET.into(), self.clock_offset_secs.to_string()));
            let function = Function::start(&development_build(name)?, variables, log).await?;
            if name == self.under {
                self.plan.kills(function.killer());
            }
            self.functions.insert(name, function);
        }
        self.functions.get_mut(name).context("it was just started")
    }

    /// Ends a function's process, and with it all that it keeps for some seconds.
    pub fn forget(&mut self, name: &'static str) {
        self.functions.remove(name);
    }

    /// The end of what the functions logged.
    pub fn logs(&self) -> String {
        let of = |name: &str| {
            let text = fs::read_to_string(self.logs.join(name)).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            format!("--- {name}\n{}\n", lines[lines.len().saturating_sub(25)..].join("\n"))
        };
        ["dispatch", "sftp-pull", "sftp-push", "intake", "api", "deliver"].map(of).concat()
    }

    /// Waits a moment, where only real time helps.
    pub(super) async fn moment(&self) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The sort key of an item.
pub(super) fn sort_key(item: &Item) -> &str {
    item.get("sk").and_then(|v| v.as_s().ok()).map_or("", String::as_str)
}
