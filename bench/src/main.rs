//! `make bench AREA=…`: measures, and prints one line a figure: `figure NAME VALUE UNIT`.

mod dispatch_simulation;
mod functions;

use anyhow::{Result, bail};

#[tokio::main]
async fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("dispatch") => dispatch_simulation::run().await,
        Some("functions") => functions::run().await,
        other => bail!("AREA={} is none of: dispatch, functions", other.unwrap_or_default()),
    }
}
