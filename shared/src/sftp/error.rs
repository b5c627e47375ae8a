//! What can go wrong with an SFTP server, with a stable code and what to do.

/// A failure of the other side, or of what the hub knows about it.
#[derive(Debug, thiserror::Error)]
pub enum SftpError {
    /// The name has no address.
    #[error("{host} cannot be resolved: {detail}; check the address")]
    Resolve {
        /// Name.
        host: String,
        /// What the resolver said.
        detail: String,
    },
    /// The address may not be dialled.
    #[error(transparent)]
    Refused(#[from] crate::dial::Refused),
    /// No connection.
    #[error("{address} does not answer: {detail}; check that the server is up and lets this address in")]
    Connect {
        /// Address and port.
        address: String,
        /// What the system said.
        detail: String,
    },
    /// No common algorithms, or the server hung up.
    #[error("the SSH handshake with {address} failed: {detail}; the pinned host keys allow {allowed} only")]
    Handshake {
        /// Address and port.
        address: String,
        /// What libssh2 said.
        detail: String,
        /// Host key algorithms that the pins allow.
        allowed: String,
    },
    /// The server showed another key than the pinned ones.
    #[error(
        "the server's host key is {kind} {fingerprint}, which is not pinned; if the server really has a new key, \
         add it to host_keys, otherwise someone stands between"
    )]
    HostKey {
        /// Type of the key.
        kind: String,
        /// `SHA256:…` as OpenSSH prints it.
        fingerprint: String,
    },
    /// The server refused the credentials.
    #[error("the server refused {tried} for user {user} (it offers {offered}); check the credentials")]
    Auth {
        /// User.
        user: String,
        /// Methods that were tried.
        tried: String,
        /// Methods that the server offers.
        offered: String,
    },
    /// A private key that cannot be read.
    #[error(
        "the private key cannot be used: {0}; it must be in PEM or OpenSSH form, with its passphrase if it has one"
    )]
    PrivateKey(String),
    /// A path that is not there.
    #[error("{0} is not on the server; check the path")]
    NotFound(String),
    /// A path that this user may not use.
    #[error("the server denies access to {0}; check the user's permissions")]
    Denied(String),
    /// A file that is no longer the one that was taken.
    #[error("{0} was written anew after it was taken; it stays where it is, and the next run takes it")]
    Changed(String),
    /// Anything else, in the middle of work.
    #[error("{what} failed: {detail}")]
    Broken {
        /// What was done.
        what: String,
        /// What libssh2 said.
        detail: String,
    },
}

impl SftpError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Resolve { .. } => "unknown_host",
            Self::Refused(_) => "address_refused",
            Self::Connect { .. } => "server_down",
            Self::Handshake { .. } => "handshake_failed",
            Self::HostKey { .. } => "host_key_mismatch",
            Self::Auth { .. } => "authentication_failed",
            Self::PrivateKey(_) => "private_key_unusable",
            Self::NotFound(_) => "not_found",
            Self::Denied(_) => "permission_denied",
            Self::Changed(_) => "file_changed",
            Self::Broken { .. } => "transfer_failed",
        }
    }

    /// Whether the same call may go through later with nothing changed.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Resolve { .. }
                | Self::Connect { .. }
                | Self::Handshake { .. }
                | Self::Changed(_)
                | Self::Broken { .. }
        )
    }

    /// Maps an error of libssh2 while `what` was done to `path`.
    pub(super) fn map(what: &str, path: &str, error: &ssh2::Error) -> Self {
        // Source: the SFTP draft, version 3, section 7: 2 is "no such file", 3 "permission denied".
        match error.code() {
            ssh2::ErrorCode::SFTP(2) => Self::NotFound(path.into()),
            ssh2::ErrorCode::SFTP(3) => Self::Denied(path.into()),
            _ => Self::Broken { what: format!("{what} {path}"), detail: error.to_string() },
        }
    }
}
