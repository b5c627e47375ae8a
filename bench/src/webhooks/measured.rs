//! A packed function under measurement: its process, and what it used.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::runtime_api::Function;

use super::fixture::ACCOUNT;
use crate::{packed, process};

/// Time that an invocation has. None takes nearly as long.
const TIME_LEFT: Duration = Duration::from_secs(10);

/// A function's process.
pub(super) struct Measured {
    function: Function,
    pid: u32,
}

impl Measured {
    /// Starts a packed function whose AWS is at `aws_url`, and waits until it asks for its first event.
    ///
    /// # Errors
    /// When it is not packed or does not come up.
    pub(super) async fn start(name: &str, aws_url: &str) -> Result<Self> {
        let queue = |name: &str| format!("{aws_url}/000000000000/{name}");
        let variables = [
            ("AWS_ENDPOINT_URL", aws_url.to_string()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE".into()),
            ("AWS_SECRET_ACCESS_KEY", "none".into()),
            ("AWS_SESSION_TOKEN", "none".into()),
            ("RUST_LOG", "info".into()),
            ("CROSSDOCK_TABLE", "crossdock".into()),
            ("CROSSDOCK_BUCKET", ACCOUNT.into()),
            ("CROSSDOCK_DELIVERIES_QUEUE_URL", queue("deliveries")),
            ("CROSSDOCK_PULLS_QUEUE_URL", queue("pulls")),
            ("CROSSDOCK_PUSHES_QUEUE_URL", queue("pushes")),
        ];
        // As Lambda's log it goes to a file; nothing of it is read.
        let log = tempfile::tempfile()?;
        let function = Function::start(&packed::bootstrap(name)?, variables, log).await?;
        function.first_poll().await?;
        let pid = function.pid().context("a process has an id")?;
        Ok(Self { function, pid })
    }

    /// Hands it an event; its answer, and the time from handing over to having the answer.
    ///
    /// # Errors
    /// When the function fails.
    pub(super) async fn invoke(&mut self, event: String) -> Result<(Value, Duration)> {
        let began = Instant::now();
        let outcome = self.function.invoke(event, TIME_LEFT).await?;
        let took = began.elapsed();
        let answer = outcome.answer()?;
        ensure!(self.function.is_alive(), "{} ended", self.function.name());
        Ok((answer, took))
    }

    /// Seconds that it has had a processor.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn processor_secs(&self) -> Result<f64> {
        process::processor_secs(self.pid)
    }

    /// The peak of its resident set.
    ///
    /// # Errors
    /// When it is gone.
    pub(super) fn peak_mib(&self) -> Result<f64> {
        Ok(process::peak_kib(self.pid)? as f64 / 1024.0)
    }
}
