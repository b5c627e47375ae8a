//! What a function costs before it does anything, and what the heaviest one needs at most.
//!
//! Runs the packed release binaries, as `make package` leaves them; a development build says nothing here.

mod pull;
mod push;
mod start;

use anyhow::Result;

/// Prints all figures of the area.
///
/// # Errors
/// When a binary is missing, does not start, or a file does not go through.
pub(crate) async fn run() -> Result<()> {
    start::run().await?;
    pull::run().await?;
    push::run().await
}
