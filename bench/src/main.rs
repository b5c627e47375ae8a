//! `make bench AREA=…`: measures, and prints one line a figure: `figure NAME VALUE UNIT`.

mod functions;

use anyhow::{Result, bail};

#[tokio::main]
async fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("functions") => functions::run().await,
        other => bail!("AREA={} is none of: functions", other.unwrap_or_default()),
    }
}
