//! Waiting for a condition, with a deadline and a reason.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks again and again until there is an answer; fails after `within` with what was waited for.
///
/// # Errors
/// When asking fails, or when time is up.
pub async fn until<T>(
    what: &str,
    within: Duration,
    mut ask: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await? {
            return Ok(answer);
        }
        if started.elapsed() > within {
            bail!("waited {} s in vain: {what}", within.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}
