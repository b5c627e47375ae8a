//! A server, and what the hub needs to enter it.

use secrecy::SecretString;

use crate::dial::Dialling;

/// A server, and what the hub needs to enter it.
#[derive(Debug)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Addresses that may be dialled.
    pub dialling: Dialling,
    /// User.
    pub user: String,
    /// Password.
    pub password: Option<SecretString>,
    /// Private key, PEM or OpenSSH form.
    pub private_key: Option<SecretString>,
    /// Passphrase of the private key.
    pub passphrase: Option<SecretString>,
    /// Pinned keys: type and bytes.
    pub host_keys: Vec<(&'static str, Vec<u8>)>,
}
