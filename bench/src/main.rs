//! `make bench AREA=…` and `make cost`: measure, and print one line a figure: `figure NAME VALUE UNIT`.

mod cost;
mod dispatch_simulation;
mod functions;
mod mapping;
mod packed;
mod process;
mod sftp;
mod webhooks;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // What a bench starts as a process of its own, beside the one under measurement.
    if let [stand_in, which @ ..] = arguments.as_slice()
        && stand_in == webhooks::STAND_IN
    {
        return webhooks::stand_in(which);
    }
    if let [client, rest @ ..] = arguments.as_slice()
        && client == sftp::CLIENT
    {
        return sftp::run_client(rest);
    }
    if let [child, rest @ ..] = arguments.as_slice()
        && child == mapping::compare::CHILD
    {
        return mapping::compare::child(rest);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match arguments.first().map(String::as_str) {
            Some("compare") => mapping::compare::run(),
            Some("cost") => cost::run().await,
            Some("dispatch") => dispatch_simulation::run().await,
            Some("functions") => functions::run().await,
            Some("mapping") => mapping::run().await,
            Some("sftp") => sftp::run().await,
            Some("webhooks") => webhooks::run().await,
            other => {
                bail!(
                    "AREA={} is none of: compare, dispatch, functions, mapping, sftp, webhooks",
                    other.unwrap_or_default()
                )
            }
        }
    })
}
