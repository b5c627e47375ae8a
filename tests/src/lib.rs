//! What whole-flow tests and the demo stand on: the deployed stack, a real SFTP server and a real receiver.

pub mod api;
pub mod claim_costs;
pub mod counting;
pub mod exports;
#[path = "../faults/mod.rs"]
pub mod faults;
pub mod file_uploads;
pub mod flow;
pub mod hooks;
pub mod line;
pub mod proxy;
pub mod pulled_exports;
pub mod puller;
pub mod pusher;
pub mod python;
pub mod receiver;
pub mod report;
pub mod rows;
pub mod rude;
pub mod runtime_api;
pub mod sftp_client;
pub mod sftp_server;
pub mod stack;
pub mod wait;
pub mod webhooks;
