//! One function as it would be billed: its process under a Runtime API of our own, its calls through a meter, its log
//! in a file.

use std::{
    fs::File,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::Value;
use tests::{
    runtime_api::{Function, development_build},
    stack::Stack,
};

use super::{
    bill::{Amounts, Line},
    meter::Meter,
    template::memory_mb,
};
use crate::packed;

/// A function of the deployment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deployed {
    /// Its binary.
    pub(super) binary: &'static str,
    /// Its id in the template.
    pub(super) id: &'static str,
}

pub(super) const INTAKE: Deployed = Deployed { binary: "intake", id: "Intake" };
pub(super) const DELIVER: Deployed = Deployed { binary: "deliver", id: "Deliver" };
pub(super) const SFTP_PULL: Deployed = Deployed { binary: "sftp-pull", id: "SftpPull" };

/// Time that an invocation has here: as much as the heaviest function has in the template.
const TIME_LEFT: Duration = Duration::from_secs(900);

/// What Lambda logs of an invocation beside what the function prints, with ids and numbers of ordinary length.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html>.
const OF_LAMBDA: [&str; 3] = [
    "START RequestId: 00000000-0000-0000-0000-000000000000 Version: $LATEST\n",
    "END RequestId: 00000000-0000-0000-0000-000000000000\n",
    "REPORT RequestId: 00000000-0000-0000-0000-000000000000\tDuration: 12.34 ms\tBilled Duration: 13 ms\t\
     Memory Size: 512 MB\tMax Memory Used: 32 MB\t\n",
];

/// Bytes that Lambda logs of an invocation.
pub(super) fn lambda_log_bytes() -> usize {
    OF_LAMBDA.iter().map(|line| line.len()).sum()
}

/// The release binary, where it is packed, otherwise the development build; and which of both it is.
///
/// # Errors
/// When there is neither.
pub(super) fn binary(function: Deployed) -> Result<(PathBuf, bool)> {
    match packed::bootstrap(function.binary) {
        Ok(bootstrap) => Ok((bootstrap, true)),
        Err(_) => Ok((development_build(function.binary)?, false)),
    }
}

/// The function at work.
pub(super) struct Worker {
    deployed: Deployed,
    function: Function,
    meter: Meter,
    log: File,
    logged_before: u64,
    invocations: u64,
    billed_ms: u64,
}

impl Worker {
    /// Starts it before the local cloud.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) async fn start(
        deployed: Deployed,
        stack: &Stack,
        variables: &[(String, String)],
    ) -> Result<Self> {
        let meter = Meter::start(stack.endpoint()).await?;
        let mut all = stack.function_variables();
        all.extend_from_slice(variables);
        all.push(("AWS_ENDPOINT_URL".into(), meter.url.clone()));
        // As long as the names that CloudFormation makes: it stands in each line of metrics.
        all.push(("AWS_LAMBDA_FUNCTION_NAME".into(), format!("crossdock-{}-0123456789AB", deployed.id)));
        let log = tempfile::tempfile()?;
        let (binary, _) = binary(deployed)?;
        let function = Function::start(&binary, all, log.try_clone()?).await?;
        function.first_poll().await?;
        Ok(Self { deployed, function, meter, log, logged_before: 0, invocations: 0, billed_ms: 0 })
    }

    /// Hands it an event, and gives its answer back.
    ///
    /// # Errors
    /// When it fails.
    pub(super) async fn invoke(&mut self, event: String) -> Result<Value> {
        let began = Instant::now();
        let outcome = self.function.invoke(event, TIME_LEFT).await?;
        let took = began.elapsed();
        self.invocations += 1;
        self.billed_ms += u64::try_from(took.as_micros().div_ceil(1000))?;
        outcome
            .answer()
            .with_context(|| format!("invocation {} of {}", self.invocations, self.deployed.binary))
    }

    /// Counts what comes from now on only.
    ///
    /// # Errors
    /// When the log's size cannot be read.
    pub(super) fn forget(&mut self) -> Result<()> {
        self.meter.forget();
        self.logged_before = self.log.metadata()?.len();
        (self.invocations, self.billed_ms) = (0, 0);
        Ok(())
    }

    /// Adds what it has used so far.
    ///
    /// # Errors
    /// When the template does not state its memory.
    pub(super) fn add_to(&self, amounts: &mut Amounts) -> Result<()> {
        let gb_secs = self.billed_ms as f64 / 1000.0 * memory_mb(self.deployed.id)? / 1024.0;
        let counted = self.meter.counted();
        let calls = |names: &[&str]| names.iter().filter_map(|n| counted.calls.get(*n)).sum::<u64>() as f64;
        let of_lambda = self.invocations as usize * lambda_log_bytes();
        let logged = (self.log.metadata()?.len() - self.logged_before) as f64 + of_lambda as f64;
        amounts.add(Line::LambdaRequests(self.deployed.binary), self.invocations as f64);
        amounts.add(Line::LambdaTime(self.deployed.binary), gb_secs);
        amounts.add(Line::SqsRequests, counted.sqs_requests as f64);
        amounts.add(Line::WriteUnits, counted.write_units);
        amounts.add(Line::ReadUnits, counted.read_units);
        let puts =
            ["s3:PutObject", "s3:UploadPart", "s3:CreateMultipartUpload", "s3:CompleteMultipartUpload"];
        amounts.add(Line::S3Puts, calls(&puts));
        amounts.add(Line::S3Gets, calls(&["s3:GetObject", "s3:HeadObject"]));
        amounts.add(Line::KmsRequests, calls(&["kms:Decrypt"]));
        amounts.add(Line::LogBytes, logged);
        Ok(())
    }

    /// Its invocations so far.
    pub(super) fn invocations(&self) -> u64 {
        self.invocations
    }

    /// Milliseconds of an invocation, on average.
    pub(super) fn mean_ms(&self) -> f64 {
        self.billed_ms as f64 / self.invocations as f64
    }

    /// The calls of it, by name.
    pub(super) fn calls(&self) -> String {
        let counted = self.meter.counted();
        let each = counted.calls.iter().map(|(name, count)| format!("{name} {count}"));
        format!("{}: {}", self.deployed.binary, each.collect::<Vec<_>>().join(", "))
    }
}
