//! What Crossdock's functions share.
//!
//! Pure modules do no I/O and read no clock, random number or environment; adapters (`aws`, `sftp`,
//! `http`, `config`) sit behind features of the same name, and pure modules never import them.

pub mod account;
pub mod change;
pub mod connection;
pub mod counts;
pub mod delivery;
pub mod dial;
pub mod id;
pub mod keys;
#[cfg(any())]
pub mod mapping;
pub mod message;
pub mod problem;
pub mod record;
pub mod resource;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod target_server;
pub mod wire;
