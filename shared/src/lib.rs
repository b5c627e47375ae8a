//! What Crossdock's functions share.
//!
//! Pure modules do no I/O and read no clock, random number or environment; adapters (`aws`, `sftp`,
//! `http`) sit behind features of the same name, and pure modules never import them.

pub mod problem;
