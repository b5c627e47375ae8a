//! `sftp-pull` as a process of the test's own, so that the test says how much time an invocation has.

use std::{fs::File, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::{
    aws::{Table, runs::Admission},
    keys,
    message::PullMessage,
    run::{Run, RunStatus, Trigger},
};

use crate::{
    flow::Flow,
    rows::{Rows, future_ms, now, past_ms},
    runtime_api::{Function, development_build},
    stack::variable,
};

/// The function's process and the hub's rows.
pub struct Puller {
    function: Function,
    table: Table,
    rows: Rows,
    account: String,
}

impl Puller {
    /// Starts the function that `make up` has built, for a flow's account.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(flow: &Flow) -> Result<Self> {
        Self::start_with(flow, 256).await
    }

    /// Starts it as one that is told that it has so much memory, in MiB.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_with(flow: &Flow, memory_mib: u64) -> Result<Self> {
        let mut variables = flow.stack.function_variables();
        variables.push(("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".into(), memory_mib.to_string()));
        for name in ["CROSSDOCK_TABLE", "CROSSDOCK_BUCKET", "CROSSDOCK_DELIVERIES_QUEUE_URL"] {
            variables.push((name.into(), variable(name)?));
        }
        let log = File::create(flow.home().join("sftp-pull.log"))?;
        let function = Function::start(&development_build("sftp-pull")?, variables, log).await?;
        function.first_poll().await?;
        let (table, rows) = (flow.stack.table().await?, flow.stack.rows().await?);
        Ok(Self { function, table, rows, account: flow.account.clone() })
    }

    /// Admits a run, and sends no message: it is this function's alone.
    ///
    /// # Errors
    /// When it is not admitted.
    pub async fn admit(&self, flow: &Flow) -> Result<String> {
        let id = shared::id::derived("run", &[&flow.account, &now().to_string()]);
        let run = Run::queued(id, &flow.account, &flow.connection, Trigger::Manual, now());
        self.admit_run(run).await
    }

    /// Admits a run that was made by hand.
    ///
    /// # Errors
    /// When it is not admitted.
    pub async fn admit_run(&self, run: Run) -> Result<String> {
        anyhow::ensure!(self.table.admit(&run, None).await? == Admission::Admitted, "not admitted");
        self.put_off(&run.id).await?;
        Ok(run.id)
    }

    /// Hands over the run's message with so much time until the deadline, and holds that the function answers before
    /// it; the run after that, which no one else takes up.
    ///
    /// # Errors
    /// When the function dies, fails, or is late.
    pub async fn work(&mut self, run: &str, time: Duration) -> Result<Run> {
        let message = serde_json::to_string(&PullMessage::run(&self.account, run))?;
        let event = json!({ "Records": [{ "messageId": "0", "body": message, "eventSource": "aws:sqs" }] });
        let started = std::time::Instant::now();
        let answer = self.function.invoke(event.to_string(), time).await?.answer()?;
        let took = started.elapsed();
        anyhow::ensure!(took < time, "the function took {took:?} of {time:?}");
        anyhow::ensure!(answer["batchItemFailures"] == json!([]), "{answer}");
        self.put_off(run).await?;
        let found = self.table.run(&self.account, run).await?.context("the run")?;
        // In DELIVERING the stack's own function may have it by now.
        if matches!(found.status, RunStatus::Queued | RunStatus::Running) {
            let row: Value = self.rows.get(&keys::run(&self.account, run)).await?;
            anyhow::ensure!(row["lease_until"].is_null(), "the lease was not given back: {row:#}");
        }
        Ok(found)
    }

    /// The most memory that the process has had so far, in MiB.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn peak_mib(&self) -> Result<u64> {
        self.function.peak_mib()
    }

    /// Leaves a run to the stack's own functions, from now on.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn leave(&self, flow: &Flow, run: &str) -> Result<()> {
        self.rows.set_due(&keys::run(&self.account, run), past_ms()).await?;
        flow.stack.tick().await
    }

    /// Keeps the stack's own function away from a run that waits.
    async fn put_off(&self, run: &str) -> Result<()> {
        let key = keys::run(&self.account, run);
        if self.rows.get(&key).await?["due"].is_null() {
            return Ok(());
        }
        self.rows.set_due(&key, future_ms(600)).await
    }
}
