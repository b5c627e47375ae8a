//! The hub's SFTP client by itself, on a server of a test.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use shared::{
    dial::Dialling,
    sftp::{Client, Patience, Server, SftpError},
    target_server::{SftpSettings, parse_host_key},
};

use crate::sftp_server::SftpServer;

/// How long one answer is waited for where a server is silent on purpose.
pub const SHORT: Duration = Duration::from_secs(2);

/// What the client needs to enter a server.
///
/// # Errors
/// When the server's key or address is none.
pub fn access(server: &SftpServer) -> Result<Server> {
    let (host, port) =
        server.address().rsplit_once(':').map(|(h, p)| (h.to_string(), p.to_string())).context("a port")?;
    Ok(Server {
        host,
        port: port.parse()?,
        dialling: Dialling::new(&["127.0.0.0/8".into()]),
        user: server.user().into(),
        password: None,
        private_key: Some(server.private_key().into()),
        passphrase: None,
        host_keys: vec![parse_host_key(server.host_key()).context("a key")?],
        settings: SftpSettings::default(),
    })
}

/// Waits so long for one answer, and a minute for all.
pub fn patience(call: Duration) -> Patience {
    Patience { call, until: Instant::now() + Duration::from_secs(60) }
}

/// Enters a server.
///
/// # Errors
/// As the client's.
pub fn enter(server: &SftpServer) -> Result<Client> {
    Ok(Client::connect(&access(server)?, patience(Duration::from_secs(20)))?)
}

/// Bytes that look like nothing, the same each time.
pub fn noise(size_bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size_bytes + 8);
    while bytes.len() < size_bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(size_bytes);
    bytes
}

/// Writes a file in pieces of uneven sizes.
///
/// # Errors
/// As the client's.
pub fn write(client: &mut Client, path: &str, content: &[u8]) -> Result<u64, SftpError> {
    let mut rest = Bytes::copy_from_slice(content);
    client.write(path, || {
        let piece = rest.split_to(rest.len().min(100_003));
        (!piece.is_empty()).then_some(piece)
    })
}

/// Reads a file whole.
///
/// # Errors
/// As the client's.
pub fn read(client: &mut Client, path: &str, size_bytes: usize) -> Result<Vec<u8>, SftpError> {
    let mut content = Vec::new();
    client.read(path, size_bytes as u64, |piece| {
        content.extend_from_slice(&piece);
        true
    })?;
    Ok(content)
}
