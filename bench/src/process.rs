//! What a process has used, as the kernel counts it.

use std::fs;

use anyhow::{Context, Result};

/// The peak of a process's resident set (`VmHWM`), in KiB.
///
/// # Errors
/// When the process is gone.
pub(crate) fn peak_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("a process has a peak")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Ticks of `/proc/…/stat` in a second. Source: proc(5), `sysconf(_SC_CLK_TCK)`, which is 100 on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds that a process has had a processor, in user and system mode, all its threads that are or were.
///
/// # Errors
/// When the process is gone.
pub(crate) fn processor_secs(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold anything: fields are counted behind it. Source: proc(5), fields 14 and 15.
    let (_, fields) = stat.rsplit_once(')').context("a process has a name")?;
    let ticks = |n: usize| -> Result<f64> {
        Ok(fields.split_whitespace().nth(n - 3).context("proc(5) lists 52 fields")?.parse()?)
    };
    Ok((ticks(14)? + ticks(15)?) / TICKS_PER_SECOND)
}
