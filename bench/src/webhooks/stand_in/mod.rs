//! Processes that stand in for AWS and for a target, so that their work is not in what is measured.
//!
//! Each is this very program, started again with a hidden argument. It listens on loopback, prints where, and ends
//! when its standard input does: with whoever started it, however that ends.

mod aws;
mod receiver;
mod serving;

use std::{collections::BTreeMap, process::Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// The argument that makes this program a stand-in.
pub(crate) const STAND_IN: &str = "stand-in";

/// The path under which a stand-in says what it has done.
const COUNTS: &str = "/_counts";

/// Stands in for `aws` before a target's URL, or for a `receiver`, until standard input ends.
///
/// # Errors
/// When it cannot listen.
pub(crate) fn stand_in(which: &[String]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match which {
            [aws, target_url] if aws == "aws" => serving::serve(aws::Aws::new(target_url)?).await,
            [receiver] if receiver == "receiver" => serving::serve(receiver::Receiver).await,
            other => bail!("no stand-in is called {other:?}"),
        }
    })
}

/// A stand-in that runs.
pub(super) struct StandIn {
    /// Where it listens, as `http://host:port`.
    pub(super) url: String,
    http: reqwest::Client,
    /// Killed when this is dropped.
    _process: Child,
}

/// What a stand-in has done so far.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct Done {
    /// Calls by operation.
    pub(super) calls: BTreeMap<String, u64>,
    /// Time from when it had a request's head until it had the answer, over all calls.
    pub(super) busy_ns: u64,
}

impl Done {
    /// Takes away what was done before.
    pub(super) fn since(mut self, before: &Self) -> Self {
        for (operation, calls) in &mut self.calls {
            *calls -= before.calls.get(operation).copied().unwrap_or_default();
        }
        self.calls.retain(|_, calls| *calls > 0);
        Self { calls: self.calls, busy_ns: self.busy_ns - before.busy_ns }
    }
}

impl StandIn {
    /// Starts the stand-in for AWS, whose one target is at `target_url`.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) async fn aws(target_url: &str) -> Result<Self> {
        Self::start(&["aws", target_url]).await
    }

    /// Starts a target that takes everything.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) async fn receiver() -> Result<Self> {
        Self::start(&["receiver"]).await
    }

    async fn start(which: &[&str]) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(STAND_IN)
            .args(which)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().context("its output is piped")?;
        let url = BufReader::new(stdout).lines().next_line().await?;
        let url = url.with_context(|| format!("the stand-in {which:?} ended at its start"))?;
        Ok(Self { url, http: tests::stack::http_client(), _process: process })
    }

    /// What it has done so far.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn done(&self) -> Result<Done> {
        let answer = self.http.get(format!("{}{COUNTS}", self.url)).send().await?;
        Ok(serde_json::from_slice(&answer.bytes().await?)?)
    }
}
