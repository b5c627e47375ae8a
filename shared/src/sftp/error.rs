//! What can go wrong with an SFTP server, with a stable code and what to do.

use super::wire::status;

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
    /// No keys were agreed on.
    #[error("the SSH handshake with {address} failed: {detail}; check that the server is up and speaks SSH")]
    Handshake {
        /// Address and port.
        address: String,
        /// What libssh2 said.
        detail: String,
    },
    /// The server offers nothing that the hub takes.
    #[error(
        "{address} and the hub have no algorithms in common: {missing}; pin a key of a type that the server has, have \
         it take newer algorithms, or allow the old ones with sftp.legacy_algorithms"
    )]
    NothingInCommon {
        /// Address and port.
        address: String,
        /// What the server offers, and what is taken instead.
        missing: String,
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
    /// The server has no room for it.
    #[error("{path} has no room on the server: {detail}; free its disk, or raise the user's quota")]
    NoRoom {
        /// Path.
        path: String,
        /// What the server said.
        detail: String,
    },
    /// A file that was written in part, and of which the server has other bytes now.
    #[error(
        "{0} cannot be gone on with: what the server has of it is not what it was sent; it is written anew"
    )]
    NotResumable(String),
    /// A file that is no longer the one that was taken.
    #[error("{0} was written anew after it was taken; it stays where it is, and the next run takes it")]
    Changed(String),
    /// A folder with more names than can be listed.
    #[error(
        "{folder} has more than {most} names; move away what was taken, for example with post_action move"
    )]
    FolderTooLarge {
        /// The folder.
        folder: String,
        /// Most names.
        most: usize,
    },
    /// The server is silent.
    #[error("{what} got no answer within {secs} s; check that the server is not stuck or overloaded")]
    TimedOut {
        /// What was done.
        what: String,
        /// How long was waited.
        secs: u64,
    },
    /// The caller has no more time; the server may be in order.
    #[error("{what} did not get done in the time that was left")]
    OutOfTime {
        /// What was done.
        what: String,
    },
    /// The connection broke.
    #[error(
        "{what} failed: the connection was lost ({detail}); check the server and the network if it happens again"
    )]
    Lost {
        /// What was done.
        what: String,
        /// What libssh2 or the server said.
        detail: String,
    },
    /// Anything else, in the middle of work.
    #[error("{what} failed: {detail}")]
    Broken {
        /// What was done.
        what: String,
        /// What libssh2 or the server said.
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
            Self::NothingInCommon { .. } => "no_common_algorithms",
            Self::HostKey { .. } => "host_key_mismatch",
            Self::Auth { .. } => "authentication_failed",
            Self::PrivateKey(_) => "private_key_unusable",
            Self::NotFound(_) => "not_found",
            Self::Denied(_) => "permission_denied",
            Self::NoRoom { .. } => "no_room",
            Self::NotResumable(_) => "not_resumable",
            Self::Changed(_) => "file_changed",
            Self::FolderTooLarge { .. } => "folder_too_large",
            Self::TimedOut { .. } => "timed_out",
            Self::OutOfTime { .. } => "out_of_time",
            Self::Lost { .. } => "connection_lost",
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
                | Self::NoRoom { .. }
                | Self::NotResumable(_)
                | Self::Changed(_)
                | Self::TimedOut { .. }
                | Self::OutOfTime { .. }
                | Self::Lost { .. }
                | Self::Broken { .. }
        )
    }

    /// Says whether the server has said no; otherwise it said nothing, or nothing any more.
    pub fn is_an_answer(&self) -> bool {
        !matches!(
            self,
            Self::Resolve { .. }
                | Self::Connect { .. }
                | Self::TimedOut { .. }
                | Self::OutOfTime { .. }
                | Self::Lost { .. }
        )
    }

    /// Maps an error of libssh2 while `what` was done.
    pub(super) fn map(what: String, error: &ssh2::Error) -> Self {
        let detail = error.to_string();
        match error.code() {
            // Sending failed, the socket is closed, it timed out or cannot be used, receiving failed.
            ssh2::ErrorCode::Session(-7 | -13 | -30 | -43 | -45) => Self::Lost { what, detail },
            _ => Self::Broken { what, detail },
        }
    }

    /// Maps what an SFTP server answered while `what` was done to `path`.
    pub(super) fn of_status(what: String, path: &str, code: u32, message: &str) -> Self {
        let said: String = message.chars().filter(|c| !c.is_control()).take(200).collect();
        let detail = match said.as_str() {
            "" => format!("the server says no (status {code})"),
            said => format!("the server says '{said}' (status {code})"),
        };
        match code {
            status::NO_SUCH_FILE | status::NO_SUCH_PATH => Self::NotFound(path.into()),
            status::PERMISSION_DENIED | status::WRITE_PROTECT => Self::Denied(path.into()),
            status::NO_SPACE | status::QUOTA => Self::NoRoom { path: path.into(), detail },
            status::NO_CONNECTION | status::CONNECTION_LOST => Self::Lost { what, detail },
            _ => Self::Broken { what, detail },
        }
    }
}
