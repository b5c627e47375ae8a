//! Adapters to AWS: the table, the bucket, the queues and the key service.
//!
//! Each module maps the SDK's errors once, to [`AwsError`]. Decisions live in the pure modules.

pub mod accounts;
mod announcing;
pub mod batches;
mod claim;
pub mod clients;
pub mod clock;
pub mod connections;
pub mod dead_letters;
pub mod due;
pub mod emf;
mod error;
pub mod file_uploads;
pub mod gates;
#[cfg(feature = "s3")]
mod in_pieces;
mod lazy_http;
pub mod ledger;
pub mod notifications;
#[cfg(feature = "s3")]
pub mod objects;
pub mod owed;
#[cfg(feature = "s3")]
pub mod payloads;
#[cfg(feature = "s3")]
pub mod piecewise;
mod places;
pub mod pushes;
#[cfg(feature = "sqs")]
pub mod queues;
#[cfg(feature = "sqs")]
pub mod requested;
pub mod resources;
pub mod runs;
mod server_tries;
#[cfg(feature = "sqs")]
pub mod sqs_batch;
pub mod table;
pub mod tokens;
#[cfg(feature = "kms")]
pub mod vault;

pub use error::AwsError;
pub use table::Table;
