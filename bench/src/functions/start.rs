//! From a process's start to its first poll for an event: what Lambda bills as INIT, without Lambda's own part.
//!
//! All functions and a bare one take turns, so that a noisy machine is noisy for all. The targets: 10 ms, or
//! at most 1.1 times the bare function in the same run.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use tests::runtime_api::Function;

use crate::process::peak_kib;

const STARTS: usize = 30;
const BARE: &str = "bare-function";
const TARGET_MS: f64 = 10.0;
const TARGET_RATIO: f64 = 1.1;
const MIB: f64 = 1024.0 * 1024.0;

struct Measured {
    name: String,
    bootstrap: PathBuf,
    starts: Vec<Duration>,
    peaks_kib: Vec<u64>,
}

impl Measured {
    fn start_ms(&self) -> f64 {
        median(self.starts.iter().map(|s| s.as_secs_f64() * 1000.0).collect())
    }

    fn peak_mib(&self) -> f64 {
        median(self.peaks_kib.iter().map(|kib| *kib as f64 / 1024.0).collect())
    }

    fn size_mib(&self) -> Result<f64> {
        Ok(fs::metadata(&self.bootstrap)?.len() as f64 / MIB)
    }
}

/// Starts each function many times.
///
/// # Errors
/// When a binary is missing or does not get to its first poll.
pub(crate) async fn run() -> Result<()> {
    let mut all = packed()?;
    ensure!(all.iter().any(|m| m.name == BARE), "the bare function is not built; run `make bench`");
    let variables = variables();
    for _ in 0..STARTS {
        for measured in &mut all {
            let log = tempfile::tempfile()?;
            let function = Function::start(&measured.bootstrap, variables.clone(), log).await?;
            measured.starts.push(function.first_poll().await?);
            measured.peaks_kib.push(peak_kib(function.pid().context("a process has an id")?)?);
        }
    }
    report(&all)
}

fn report(all: &[Measured]) -> Result<()> {
    let bare = all.iter().find(|m| m.name == BARE).context("the bare function was measured")?.start_ms();
    println!(
        "process start to first poll, median of {STARTS}; memory is the peak resident set at that point\n"
    );
    println!(
        "{:<14}{:>10}{:>15}{:>13}{:>17}  target",
        "function", "start, ms", "÷ bare function", "memory, MiB", "stripped, MiB"
    );
    for measured in all {
        let (start, ratio) = (measured.start_ms(), measured.start_ms() / bare);
        let held = start <= TARGET_MS || ratio <= TARGET_RATIO;
        println!(
            "{:<14}{start:>10.2}{ratio:>15.2}{:>13.1}{:>17.2}  {}",
            measured.name,
            measured.peak_mib(),
            measured.size_mib()?,
            if held { "held" } else { "MISSED" }
        );
    }
    println!();
    for measured in all {
        println!("figure cold_start_ms.{} {:.2} ms", measured.name, measured.start_ms());
    }
    for measured in all {
        println!("figure size_mib.{} {:.2} MiB", measured.name, measured.size_mib()?);
    }
    Ok(())
}

fn packed() -> Result<Vec<Measured>> {
    let measured =
        |(name, bootstrap)| Measured { name, bootstrap, starts: Vec::new(), peaks_kib: Vec::new() };
    Ok(crate::packed::all()?.into_iter().map(measured).collect())
}

/// Every variable that some function reads, and what Lambda sets itself.
fn variables() -> Vec<(String, String)> {
    let config = include_str!("../../../shared/src/config.rs");
    let own = config.split('"').filter(|text| text.starts_with("CROSSDOCK_"));
    let own = own.map(|name| (name.to_string(), "https://localhost/value".to_string()));
    let lambda = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
        ("AWS_SESSION_TOKEN", "none"),
        ("RUST_LOG", "info"),
    ];
    own.chain(lambda.map(|(name, value)| (name.to_string(), value.to_string()))).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
