//! Interruptions: the real functions, stopped at any call to the outside.
//!
//! Each function runs as a process of its own under [`crate::runtime_api`], unchanged. Between it and the local cloud,
//! the target and the SFTP server the harness counts its calls, and interrupts one of them ([`plan`]). Each point of
//! a sweep has a world of its own ([`world`]): a table, a bucket, queues, a folder and a receiver, in which the
//! harness plays the event sources and the minute rule until nothing is left to do. Then the promises of the design
//! are held against what is there ([`promises`]).
//!
//! Time passes in a world by moving leases and due times into the past, or, where it is days, by moving the functions'
//! clock ([`days`]). What it does not do: interrupt twice in one
//! run, lose writes that were acknowledged, or let a process live on past its lease.
//!
//! Six kinds of path are walked: those of runs ([`promises`]), those of notifications ([`notifications`]), those of
//! pushes ([`pushes`]), those of runs into files ([`batches`]), that of what failed ([`reruns`]), and that of a file that
//! a person uploads ([`uploads`]).

pub mod batches;
mod clockwork;
pub mod cloud;
pub mod days;
mod deletes;
pub mod notifications;
pub mod plan;
pub mod promises;
pub mod proxy;
pub mod pushes;
mod queues;
pub mod reruns;
pub mod setting;
pub mod sftp;
pub mod snapshot;
pub mod sweep;
pub mod uploads;
pub mod world;

pub use plan::Plan;
