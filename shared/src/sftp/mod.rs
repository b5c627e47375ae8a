//! The SFTP client: libssh2 with pinned host keys, checked addresses and deadlines.
//!
//! Calls block: run them inside `spawn_blocking`, one session a thread. Resuming and parallel
//! files are not here yet.

mod auth;
mod client;
mod connect;
mod error;
mod moving;
mod patience;
mod putting;
mod server;

pub use client::{Client, Listing, RemoteFile};
pub use error::SftpError;
pub use patience::Patience;
pub use server::Server;
