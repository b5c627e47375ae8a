//! A file of 2 GB through the packed `sftp-push`: its peak memory.
//!
//! The file is frozen in the local S3 already, as an earlier push left it; what the kernel says of the function's
//! process is read while it carries the file to a real SFTP server.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{pusher::Frozen, sftp_client::noise, sftp_server::Software, stack::function_name, wait::until};

use crate::process::peak_kib;

const PIECE_BYTES: usize = 8_000_000;
const PIECES: u64 = 250;
const TARGET_MIB: u64 = 128;
const WITHIN: Duration = Duration::from_secs(1000);

/// Pushes the file and prints the peak.
///
/// # Errors
/// When it does not get through, or is not whole.
pub(crate) async fn run() -> Result<()> {
    let function = function_name("sftp-push")?;
    println!("\nfreezing a file of {} bytes …", PIECES * PIECE_BYTES as u64);
    let pieces = (0..PIECES).map(|n| noise(PIECE_BYTES, n + 1));
    let frozen = Frozen::new(Software::preferred(), pieces, json!({})).await?;
    let started = Instant::now();
    frozen.let_go().await?;
    let (mut peak, file) = (0, frozen.flow.folder.join("large.ndjson"));
    until("the file on the server", WITHIN, async || {
        for pid in frozen.flow.stack.processes(&function)? {
            peak = peak.max(peak_kib(pid).unwrap_or_default()); // it may have ended just now
        }
        Ok(file.exists().then_some(()))
    })
    .await?;
    let size_bytes = std::fs::metadata(&file)?.len();
    ensure!(size_bytes == PIECES * PIECE_BYTES as u64 && peak > 0, "{size_bytes} bytes, {peak} KiB");
    let peak_mib = peak.div_ceil(1024);
    println!(
        "pushed in {:.0} s; target {TARGET_MIB} MiB: {}",
        started.elapsed().as_secs_f64(),
        if peak_mib <= TARGET_MIB { "held" } else { "MISSED" }
    );
    println!("figure push_2gb_peak_rss_mib {peak_mib} MiB");
    Ok(())
}
