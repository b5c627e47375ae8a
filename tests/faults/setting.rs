//! What all worlds share: settings made once through the deployed API, and the SFTP server.

use std::{
    collections::HashMap,
    net::TcpListener,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::{AttributeValue, TableDescription};
use serde_json::json;
use shared::aws::clients;
use tempfile::TempDir;

use super::{
    notifications::{Taker, Wiring},
    pushes,
    sftp::{self, Gate},
};
use crate::{
    api::id,
    flow::{Flow, simple_mapping},
    receiver::Manner,
    sftp_server::Entry,
    stack::Stack,
};

/// An item of the table.
pub type Item = HashMap<String, AttributeValue>;

/// A flow whose rows every world gets a copy of. Nothing of it runs in the deployed stack: its schedule is due in the
/// distant future there.
pub struct Setting {
    /// The flow.
    pub flow: Flow,
    /// The schedule of its connection.
    pub schedule: String,
    /// What notifications go through.
    pub wiring: Wiring,
    /// What is pushed goes through it.
    pub files: Taker,
    /// Other connections to the same target.
    pub beside: [Taker; 2],
    /// The account's rows.
    pub items: Vec<Item>,
    /// What the table is like.
    pub table: TableDescription,
    /// The stack's key.
    pub key_arn: String,
    /// Clients that reach the local cloud directly.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The same for the bucket.
    pub s3: aws_sdk_s3::Client,
    /// The same for queues.
    pub sqs: aws_sdk_sqs::Client,
    /// Folders of worlds.
    pub home: TempDir,
    gate: Option<Gate>,
    ports: Vec<u16>,
    worlds: AtomicU32,
}

impl Setting {
    /// Sets the flow up, for as many worlds at once as `slots`.
    ///
    /// # Errors
    /// When something does not come up.
    pub async fn new(slots: usize) -> Result<Arc<Self>> {
        let mut mapping = simple_mapping();
        mapping["filters"] = json!([{ "column": "value", "one_of": ["test"], "reason": "not_payroll" }]);
        let mut flow = Flow::with(mapping, Manner::TakeEach, Entry::Key).await?;
        flow.change_connection(|c| {
            c["target"]["batch_size"] = 2.into();
            c["source"]["post_action"] = "move".into();
            c["source"]["move_to"] = "done".into();
        })
        .await?;
        // Nothing is to depend on how busy the machine is.
        flow.change_target(|t| t["timeout_secs"] = 30.into()).await?;
        let schedule =
            json!({ "connection": flow.connection, "cron": "0 0 1 1 ? 2198", "time_zone": "Europe/Oslo" });
        let schedule = id(&flow.api.post("/v1/schedules", &schedule).await?);
        let wiring = Wiring::make(&flow.api).await?;
        let files = pushes::make(&flow.api, &flow.server, &wiring.source).await?;
        let beside = [
            pushes::beside(&flow.api, &wiring.source, &files).await?,
            pushes::beside(&flow.api, &wiring.source, &files).await?,
        ];
        let sdk = clients::sdk_config().await;
        let dynamodb = clients::dynamodb(&sdk);
        let table = Stack::table_name()?;
        let mut items = Vec::new();
        for pk in [format!("A#{}", flow.account), format!("A#{}#M#{}", flow.account, flow.mapping)] {
            let query = dynamodb.query().table_name(&table).key_condition_expression("pk = :pk");
            let query = query.expression_attribute_values(":pk", AttributeValue::S(pk)).send().await?;
            items.extend(query.items.unwrap_or_default());
        }
        let described = dynamodb.describe_table().table_name(&table).send().await?.table;
        let (mut gate, mut ports) = (None, Vec::new());
        if sftp::is_there(&flow.server) {
            let open = Gate::open().await?;
            ports = free_ports(slots)?;
            flow.server.serve_by(&open.relay(), &ports)?;
            gate = Some(open);
        }
        Ok(Arc::new(Self {
            flow,
            schedule,
            wiring,
            files,
            beside,
            items,
            table: described.context("a table has a description")?,
            key_arn: Stack::key_arn()?,
            dynamodb,
            s3: clients::s3(&sdk),
            sqs: clients::sqs(&sdk),
            home: tempfile::tempdir()?,
            gate,
            ports,
            worlds: AtomicU32::new(0),
        }))
    }

    /// Whether requests over SFTP are counted and can be interrupted here.
    pub fn has_sftp(&self) -> bool {
        self.gate.is_some()
    }

    /// The SFTP server's port for the worlds of a slot; requests that come to it go by `plan`.
    pub fn sftp_port(&self, slot: usize, plan: &Arc<super::Plan>) -> Option<u16> {
        let port = *self.ports.get(slot)?;
        self.gate.as_ref()?.plan(port, plan.clone());
        Some(port)
    }

    /// A folder for a new world.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new_folder(&self) -> Result<PathBuf> {
        let folder = self.home.path().join(format!("world-{}", self.worlds.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&folder)?;
        Ok(folder)
    }
}

fn free_ports(count: usize) -> Result<Vec<u16>> {
    let listeners: Vec<_> =
        (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect::<Result<_, _>>()?;
    listeners.iter().map(|l| Ok(l.local_addr()?.port())).collect()
}
