//! The SFTP client: pinned host keys, checked addresses, deadlines, and as much on its way as the distance asks for.
//!
//! libssh2 makes the session: key exchange, ciphers, who the hub is. The SFTP on it is the hub's own (`wire`,
//! `subsystem`; ADR 13), and so are the loops that read and write (`getting`, `putting`).
//!
//! Calls block: run them inside `spawn_blocking`, one session a thread.

mod algorithms;
mod auth;
mod client;
mod connect;
mod diagnosing;
mod error;
mod getting;
mod getting_many;
mod moving;
mod patience;
mod putting;
mod putting_many;
mod server;
mod subsystem;
mod wire;

pub use algorithms::Algorithms;
pub use client::{Client, Listing, RemoteFile};
pub use diagnosing::{Trial, diagnose};
pub use error::SftpError;
pub use getting_many::{SMALL_BYTES, WholeFile};
pub use patience::Patience;
pub use putting::{Unfinished, Writing};
pub use server::Server;
