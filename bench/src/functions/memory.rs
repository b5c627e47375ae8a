//! The most memory that a process has had at once, as the kernel counts it.

use anyhow::{Context, Result};

/// The peak of a process's resident set (`VmHWM`), in KiB.
///
/// # Errors
/// When the process is gone.
pub(crate) fn peak_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("a process has a peak")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
