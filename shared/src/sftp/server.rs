//! A server, and what the hub needs to enter it.

use secrecy::SecretString;

use crate::{
    dial::Dialling,
    secret::{Owner, SecretError, SecretField},
    target_server::{SftpSettings, TargetServer, parse_host_key},
};

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
    /// Pinned keys: type and bytes. Nobody is let in without one.
    pub host_keys: Vec<(&'static str, Vec<u8>)>,
    /// How it is talked to.
    pub settings: SftpSettings,
}

impl Server {
    /// What the hub needs to enter a target server of an account, with its secrets opened by the account's data key;
    /// `None` where its address is none.
    ///
    /// # Errors
    /// When a secret does not open.
    pub fn of(
        account: &str,
        id: &str,
        target: &TargetServer,
        networks: &[String],
        key: &[u8; 32],
    ) -> Result<Option<Self>, SecretError> {
        let Some((host, port)) = target.host_port() else { return Ok(None) };
        let open = |field, secret: &Option<SecretField>| {
            secret.as_ref().map(|s| s.open(key, Owner { account, id, field })).transpose()
        };
        Ok(Some(Self {
            host: host.into(),
            port,
            dialling: Dialling::new(networks),
            user: target.auth.user.clone().unwrap_or_default(),
            password: open("auth.password", &target.auth.password)?,
            private_key: open("auth.private_key", &target.auth.private_key)?,
            passphrase: open("auth.passphrase", &target.auth.passphrase)?,
            host_keys: target.host_keys.iter().filter_map(|k| parse_host_key(k)).collect(),
            settings: target.sftp,
        }))
    }
}
