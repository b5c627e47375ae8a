//! What an administrator may state about how an SFTP server is talked to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::FieldError;

/// How an SFTP server is talked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SftpSettings {
    /// Connections that the hub has at once to this address as this user, over all functions and target servers of the
    /// account, 1 to 20. Four without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u32>,
    /// Connections over which one large file is written at once, 1 or 2. One without it. A second doubles the speed of
    /// uploads to a far server, which must let two sessions write to one file, at any place in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_connections: Option<u32>,
    /// Whether what is sent is compressed on its way, if the server does it too.
    #[serde(default)]
    pub compression: bool,
    /// Whether algorithms are taken that are broken or weak (SHA-1, CBC), for a server that knows no others.
    #[serde(default)]
    pub legacy_algorithms: bool,
}

/// Connections to a server where nothing is stated.
const CONNECTIONS: u32 = 4;

impl SftpSettings {
    /// Says whether nothing is stated.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Connections that the hub may have at once.
    pub fn connections(&self) -> u32 {
        self.connections.unwrap_or(CONNECTIONS)
    }

    pub(super) fn check(&self, errors: &mut Vec<FieldError>) {
        if self.connections.is_some_and(|n| !(1..=20).contains(&n)) {
            errors.push(FieldError::new("sftp.connections", "must be 1 to 20"));
        }
        if self.upload_connections.is_some_and(|n| !(1..=2).contains(&n)) {
            errors.push(FieldError::new("sftp.upload_connections", "must be 1 or 2"));
        } else if self.upload_connections.is_some_and(|n| n > self.connections()) {
            errors.push(FieldError::new("sftp.upload_connections", "must not be more than connections"));
        }
    }
}
