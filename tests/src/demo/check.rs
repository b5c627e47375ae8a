//! Holds the hub's reports against the receiver's own log, record by record.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::{
    api::{Api, id},
    flow::count,
    receiver::Receiver,
};

/// Sums over runs whose reports agree with the receiver's log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) read: u64,
    pub(crate) written: u64,
    pub(crate) delivered: u64,
}

/// Compares, for each run, what the report says was written with what the receiver's log has.
pub(crate) async fn agree(api: &Api, runs: &[Value], receiver: &Receiver) -> Result<Sums> {
    let log = receiver.taken()?;
    let mut sums = Sums { delivered: log.len() as u64, ..Sums::default() };
    for run in runs {
        let run_id = id(run);
        let records = api.all(&format!("/v1/runs/{run_id}/records")).await?;
        let n = |name| count(run, name);
        ensure!(
            n("read") == n("filtered") + n("unchanged") + n("written") + n("errors") && n("owed") == 0,
            "the counts of {run_id} do not add up: {}",
            run["counts"]
        );
        ensure!(
            records.len() as u64 == n("read"),
            "{run_id} read {} and reports {}",
            n("read"),
            records.len()
        );
        let reported: BTreeSet<_> = records
            .iter()
            .filter(|r| matches!(r["writer"].as_str(), Some("created" | "updated")))
            .map(|r| (text(&r["source_id"]), text(&r["processor"])))
            .collect();
        let of_run: Vec<_> = log.iter().filter(|t| t.run == run_id).collect();
        let taken: BTreeSet<_> = of_run.iter().map(|t| (t.source_id.clone(), t.action.clone())).collect();
        ensure!(taken.len() == of_run.len(), "the receiver took a record of {run_id} twice");
        ensure!(
            reported == taken,
            "{run_id} reports {} records written, the receiver took {}",
            reported.len(),
            taken.len()
        );
        ensure!(
            n("written") == taken.len() as u64,
            "{run_id} counts {} written, not {}",
            n("written"),
            taken.len()
        );
        sums.read += n("read");
        sums.written += n("written");
    }
    let known: BTreeSet<_> = runs.iter().map(id).collect();
    let strangers = log.iter().filter(|t| !known.contains(&t.run)).count();
    ensure!(strangers == 0, "the receiver took {strangers} records of no run that is reported");
    ensure!(sums.written == sums.delivered, "{} written, {} delivered", sums.written, sums.delivered);
    Ok(sums)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}
