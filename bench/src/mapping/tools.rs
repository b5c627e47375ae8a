//! How each tool is asked to do the same, on one processor or two.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::process::peak_kib;

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    /// `crossdock map`.
    Hub,
    Duckdb,
    Polars,
    Pandas,
    Miller,
}

/// What a run took.
#[derive(Clone, Copy)]
pub(super) struct Took {
    pub secs: f64,
    pub peak_mib: f64,
}

/// Where everything is.
pub(super) struct Places<'p> {
    pub latin_1: &'p Path,
    pub utf_8: &'p Path,
    pub output: &'p Path,
    pub mapping: &'p Path,
    /// Where the peers' programs are.
    pub peers: &'p Path,
    pub python: &'p Path,
}

impl Tool {
    fn command(self, places: &Places<'_>, threads: usize) -> Result<Command> {
        let processors = if threads == 1 { "0" } else { "0,1" };
        let mut command = Command::new("taskset");
        command.args(["-c", processors]);
        let mut python = |script: &str| {
            command.arg(places.python).arg(places.peers.join(script));
            command.args([places.utf_8, places.output]).arg(threads.to_string());
        };
        match self {
            Self::Hub => {
                let hub = std::env::current_exe()?.with_file_name("crossdock");
                command.arg(hub).args(["map", "--mapping"]).arg(places.mapping);
                command.arg("--in").arg(places.latin_1).arg("--out").arg(places.output);
            }
            Self::Duckdb => python("duckdb_peer.py"),
            Self::Polars => python("polars_peer.py"),
            Self::Pandas => python("pandas_peer.py"),
            Self::Miller => {
                command.args(["mlr", "--icsv", "--ifs", ";", "--ojsonl", "put", "-f"]);
                command.arg(places.peers.join("punches.mlr")).arg(places.utf_8);
                command.stdout(std::fs::File::create(places.output)?);
            }
        }
        Ok(command)
    }

    /// Runs it as a process of its own, from its start to its end.
    ///
    /// # Errors
    /// When it fails.
    pub(super) async fn run(self, places: &Places<'_>, threads: usize) -> Result<Took> {
        let mut command = self.command(places, threads)?;
        let begun = Instant::now();
        let mut child = command.stderr(Stdio::piped()).spawn().context("taskset is not here")?;
        let pid = child.id().context("it has just begun")?;
        let mut peak = 0;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                () = tokio::time::sleep(Duration::from_millis(20)) => peak = peak_kib(pid).unwrap_or(peak).max(peak),
            }
        };
        let secs = begun.elapsed().as_secs_f64();
        let mut said = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            tokio::io::AsyncReadExt::read_to_string(&mut stderr, &mut said).await?;
        }
        ensure!(status.success(), "{self:?} failed: {said}");
        Ok(Took { secs, peak_mib: peak as f64 / 1024.0 })
    }
}
