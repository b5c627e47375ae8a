//! Files that are packed: written piece by piece, and read in bounded memory, to a bounded length.
//!
//! What is written depends on the content alone: no time, no name of a system, so that the same content gives the same bytes.

mod read;
mod write;
mod zip_directory;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use read::{Unpackable, Unpacked};
pub use write::Packer;
pub use zip_directory::{Member, TAIL_BYTES, only_member};

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// gzip.
    Gzip,
    /// A zip archive of one member.
    Zip,
}
