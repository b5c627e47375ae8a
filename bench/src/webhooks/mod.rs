//! What a notification costs in the packed `intake` and `deliver`, without what AWS and a target need for theirs.
//!
//! The functions are the release bootstraps of `make package`, each a process under a Runtime API of our own, with
//! events as Lambda hands them over. AWS and the target are stand-ins: processes of their own over loopback, whose
//! answers were written beforehand. So what is measured is reading the event, verifying, signing, the SDK, JSON, HTTP
//! and the runtime's own protocol. What is not: TLS to AWS (the stand-ins speak plain HTTP), the network, DynamoDB's
//! and SQS's own time, and Lambda's share of a processor, which at 256 and 512 MB is a fraction of one.

mod deliver;
pub(crate) mod fixture;
mod intake;
mod measured;
mod rounds;
mod stand_in;

use anyhow::Result;

pub(crate) use stand_in::{STAND_IN, stand_in};

/// Each of the areas is measured so often, from a new process; figures are medians.
const ROUNDS: usize = 3;

/// Prints all figures of the area.
///
/// # Errors
/// When a binary is missing, or a function does anything else than it should.
pub(crate) async fn run() -> Result<()> {
    println!(
        "release binaries against stand-ins over loopback, {ROUNDS} rounds, each from a new process; no TLS, no \
         network, no waiting for AWS\n"
    );
    intake::run().await?;
    println!();
    deliver::run().await
}
