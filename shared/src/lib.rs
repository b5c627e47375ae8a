//! What Crossdock's functions share.
//!
//! Pure modules do no I/O and read no clock, random number or environment; adapters (`aws`, `sftp`,
//! `config`, `clock`) sit behind features, and pure modules never import them.

pub mod account;
pub mod announcement;
pub mod change;
pub mod compression;
pub mod connection;
pub mod counts;
pub mod delivery;
pub mod diagnosis;
pub mod dial;
pub mod event;
pub mod export;
pub mod failed_files;
pub mod file_upload;
pub mod gate;
pub mod http_api;
pub mod id;
pub mod keys;
pub mod mapping;
pub mod message;
pub mod metrics;
pub mod notification;
pub mod preview;
pub mod problem;
pub mod reasons;
pub mod record;
pub mod resource;
pub mod resumable_hash;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod signature;
pub mod source;
pub mod target_server;
pub mod wire;
#[cfg(feature = "yaml")]
pub mod yaml;

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "aws")]
pub mod clock;
#[cfg(feature = "aws")]
pub mod config;
#[cfg(feature = "sftp")]
pub mod sftp;

/// Writes an error with its causes, for one line of a log.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
