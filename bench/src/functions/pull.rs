//! A file of 2 GB through the packed `sftp-pull`, without change detection: its peak memory.
//!
//! The function runs as the local cloud's Lambda, with a real SFTP server and the local S3; what the kernel
//! says of its process is read while it works. The file's two million records are all filtered but for each
//! ten thousandth, so that the time goes into reading, staging and mapping, not into the receiver.

use std::{
    fs,
    io::{BufWriter, Write},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::json;
use tests::{
    flow::{Flow, count, simple_mapping},
    stack::function_name,
    wait::until,
};

use crate::process::peak_kib;

const FILE_BYTES: u64 = 2_000_000_000;
const RECORDS: u64 = 2_000_000;
const SENT_EACH: u64 = 10_000;
const TARGET_MIB: u64 = 128;

/// As long as the function may take, and some time to deliver and close.
const WITHIN: Duration = Duration::from_secs(1000);

/// Pulls the file and prints the peak.
///
/// # Errors
/// When the run does not go through, or its counts are not the file's.
pub(crate) async fn run() -> Result<()> {
    let mut mapping = simple_mapping();
    mapping["filters"] = json!([{ "column": "keep", "equals": "no", "reason": "not_kept" }]);
    let flow = Flow::uncompared(mapping).await?;
    let function = function_name("sftp-pull")?;
    println!("\nwriting {RECORDS} records, {FILE_BYTES} bytes …");
    write_file(&flow.folder.join("large.csv"))?;
    let started = Instant::now();
    let run = flow.start().await?;
    let mut peak = 0;
    let report = until(&format!("the end of run {run}"), WITHIN, async || {
        for pid in flow.stack.processes(&function)? {
            peak = peak.max(peak_kib(pid).unwrap_or_default()); // it may have ended just now
        }
        let answer = flow.api.call("GET", &format!("/v1/runs/{run}"), &[], None).await?;
        if answer.status == 503 {
            return Ok(None); // the local cloud is one process, and busy with the file; the API says to ask again
        }
        ensure!(answer.status == 200, "the API answered {}: {}", answer.status, answer.body);
        let open = matches!(answer.body["status"].as_str(), Some("QUEUED" | "RUNNING" | "DELIVERING"));
        Ok((!open).then_some(answer.body))
    })
    .await?;
    ensure!(peak > 0, "no process of sftp-pull was seen");
    ensure!(report["status"] == "COMPLETE", "the run ended otherwise: {report}");
    let written = RECORDS / SENT_EACH;
    ensure!(count(&report, "read") == RECORDS && count(&report, "written") == written, "counts: {report}");
    let peak_mib = peak.div_ceil(1024);
    println!(
        "pulled in {:.0} s: {RECORDS} records read, {written} sent; target {TARGET_MIB} MiB: {}",
        started.elapsed().as_secs_f64(),
        if peak_mib <= TARGET_MIB { "held" } else { "MISSED" }
    );
    println!("figure pull_2gb_peak_rss_mib {peak_mib} MiB");
    Ok(())
}

/// `id;value;keep`, every line as long as the others.
fn write_file(path: &Path) -> Result<()> {
    let temporary = path.with_extension("part");
    let mut file = BufWriter::with_capacity(1 << 20, fs::File::create(&temporary)?);
    file.write_all(b"id;value;keep\r\n")?;
    let width = usize::try_from(FILE_BYTES / RECORDS)?;
    for record in 0..RECORDS {
        let keep = if record % SENT_EACH == 0 { "yes" } else { "no" };
        let head = format!("{record:010};");
        let tail = format!(";{keep}\r\n");
        let value = "0123456789abcdef".repeat(width / 16 + 1);
        write!(file, "{head}{}{tail}", &value[..width - head.len() - tail.len()])?;
    }
    file.flush()?;
    Ok(fs::rename(temporary, path)?)
}
