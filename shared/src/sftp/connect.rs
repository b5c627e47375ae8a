//! From an address to an authenticated session: resolve, check, dial, host key, credentials.

use std::{
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use sha2::{Digest, Sha256};
use ssh2::{HostKeyType, Session};

use super::{
    Server, SftpError,
    algorithms::Algorithms,
    auth,
    patience::{Patience, millis},
};
use crate::target_server::{HOST_KEY_TYPES, SftpSettings};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// libssh2's `LIBSSH2_ERROR_TIMEOUT`.
const TIMEOUT: ssh2::ErrorCode = ssh2::ErrorCode::Session(-9);

/// libssh2's `LIBSSH2_ERROR_KEX_FAILURE`.
const NO_AGREEMENT: ssh2::ErrorCode = ssh2::ErrorCode::Session(-5);

/// Says whether a call ended because no answer came.
pub(super) fn is_timeout(error: &ssh2::Error) -> bool {
    error.code() == TIMEOUT
}

/// Lets an error pass that is an answer of the server; the others are its silence or the loss of the connection.
pub(super) fn heard(error: &ssh2::Error, patience: Patience, what: &str) -> Result<(), SftpError> {
    if is_timeout(error) {
        return Err(patience.no_answer(what.into()));
    }
    match SftpError::map(what.into(), error) {
        lost @ SftpError::Lost { .. } => Err(lost),
        _ => Ok(()),
    }
}

/// Resolves, checks the addresses, connects, checks the host key against the pins, and authenticates. Answers the
/// socket too: shutting it down ends whatever hangs.
pub(super) fn connect(server: &Server, patience: Patience) -> Result<(Session, TcpStream), SftpError> {
    let addresses = resolve(server)?;
    let tcp = dial(&addresses, patience)?;
    let (session, socket) = handshake(server, tcp, &addresses, &pinned_types(server), patience)?;
    let entered =
        check_host_key(&session, server).and_then(|()| auth::authenticate(&session, server, patience));
    entered.inspect_err(|_| hang_up(&socket))?;
    Ok((session, socket))
}

/// Types of the keys that are pinned; without any the server may show what it has, and is refused then.
fn pinned_types(server: &Server) -> Vec<&'static str> {
    match server.host_keys.is_empty() {
        true => HOST_KEY_TYPES.to_vec(),
        false => server.host_keys.iter().map(|(key_type, _)| *key_type).collect(),
    }
}

/// Agrees on keys with a server that shows a key of one of these types. Who it is, is not checked here.
pub(super) fn handshake(
    server: &Server,
    tcp: TcpStream,
    addresses: &[SocketAddr],
    key_types: &[&str],
    patience: Patience,
) -> Result<(Session, TcpStream), SftpError> {
    let address = tcp.peer_addr().map(|a| a.to_string()).unwrap_or_else(|_| server.host.clone());
    let broken = |detail: String| SftpError::Connect { address: address.clone(), detail };
    tcp.set_nodelay(true).map_err(|e| broken(e.to_string()))?;
    let socket = tcp.try_clone().map_err(|e| broken(e.to_string()))?;
    let what = || format!("the SSH handshake with {address}");
    let failed = |e: ssh2::Error| match is_timeout(&e) {
        true => patience.no_answer(what()),
        false => SftpError::Handshake { address: address.clone(), detail: e.to_string() },
    };
    let SftpSettings { legacy_algorithms, compression, .. } = server.settings;
    let hub = Algorithms::of_hub(key_types, legacy_algorithms, compression);
    let mut session = Session::new().map_err(failed)?;
    session.set_compress(compression);
    let hub = hub.set(&session).map_err(failed)?;
    session.set_tcp_stream(tcp);
    session.set_timeout(millis(patience.next_call(what)?));
    let shaken = session.handshake().map_err(|error| {
        let missing = match error.code() {
            // Only a connection of its own tells what the server offers: libssh2 does not.
            NO_AGREEMENT => {
                offers(addresses, patience).map(|server| server.nothing_in_common(&hub)).unwrap_or_default()
            }
            _ => Vec::new(),
        };
        match missing.is_empty() {
            true => failed(error),
            false => SftpError::NothingInCommon { address: address.clone(), missing: missing.join("; ") },
        }
    });
    shaken.inspect_err(|_| hang_up(&socket))?;
    Ok((session, socket))
}

/// What the server at these addresses offers, by a connection of its own.
pub(super) fn offers(addresses: &[SocketAddr], patience: Patience) -> Result<Algorithms, SftpError> {
    let what = || "asking what the server offers".to_string();
    let tcp = dial(addresses, patience)?;
    let until = std::time::Instant::now() + patience.next_call(what)?;
    Algorithms::of_server(tcp, until).map_err(|e| match e.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => patience.no_answer(what()),
        _ => SftpError::Broken { what: what(), detail: e.to_string() },
    })
}

/// Shuts a socket down: every call on it ends at once.
pub(super) fn hang_up(socket: &TcpStream) {
    // It may be closed already.
    let _ = socket.shutdown(std::net::Shutdown::Both);
}

/// Says whether the server has hung up. libssh2 tells that by many codes, some of which mean other things too. The
/// handshake has made the socket one that does not block.
pub(super) fn is_hung_up(socket: &TcpStream) -> bool {
    match socket.peek(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

/// The addresses of a server that may be dialled.
pub(super) fn resolve(server: &Server) -> Result<Vec<SocketAddr>, SftpError> {
    let unknown = |detail: String| SftpError::Resolve { host: server.host.clone(), detail };
    let found: Vec<_> =
        (server.host.as_str(), server.port).to_socket_addrs().map_err(|e| unknown(e.to_string()))?.collect();
    let mut refused = None;
    let allowed: Vec<_> = found
        .into_iter()
        .filter(|a| server.dialling.check(a.ip()).map_err(|e| refused = Some(e)).is_ok())
        .collect();
    match refused {
        _ if !allowed.is_empty() => Ok(allowed),
        Some(refused) => Err(refused.into()),
        None => Err(unknown("it has no address".into())),
    }
}

/// Connects to the first of a name's addresses that answers.
pub(super) fn dial(addresses: &[SocketAddr], patience: Patience) -> Result<TcpStream, SftpError> {
    let mut silent = Vec::new();
    for address in addresses {
        let wait = patience.next_call(|| format!("connecting to {address}"))?.min(CONNECT_TIMEOUT);
        match TcpStream::connect_timeout(address, wait) {
            Ok(tcp) => return Ok(tcp),
            Err(e) => silent.push((address.to_string(), e.to_string())),
        }
    }
    let (address, detail): (Vec<_>, Vec<_>) = silent.into_iter().unzip();
    Err(SftpError::Connect { address: address.join(", "), detail: detail.join(", ") })
}

/// Holds the key that the server has shown against the pins.
pub(super) fn check_host_key(session: &Session, server: &Server) -> Result<(), SftpError> {
    let (key, kind) = session.host_key().unwrap_or((&[], HostKeyType::Unknown));
    if server.host_keys.iter().any(|(_, pinned)| pinned == key) {
        return Ok(());
    }
    let fingerprint = fingerprint(key);
    Err(SftpError::HostKey { kind: format!("{kind:?}").to_lowercase(), fingerprint })
}

/// A key as OpenSSH prints it in short.
pub(super) fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, time::Instant};

    use super::*;

    fn patience(secs: u64) -> Patience {
        Patience { call: Duration::from_secs(secs), until: Instant::now() + Duration::from_secs(secs) }
    }

    #[test]
    fn every_address_of_a_name_is_tried() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let found = dial(&[closed, open.local_addr().unwrap()], patience(5)).unwrap();
        assert_eq!(found.peer_addr().unwrap(), open.local_addr().unwrap());
        let error = dial(&[closed, closed], patience(5)).unwrap_err();
        assert_eq!(error.code(), "server_down");
        assert_eq!(error.to_string().matches(&closed.to_string()).count(), 2, "{error}");
    }

    #[test]
    fn a_server_that_accepts_and_says_nothing_is_left_in_time() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            host: "127.0.0.1".into(),
            port: silent.local_addr().unwrap().port(),
            dialling: crate::dial::Dialling::new(&["127.0.0.0/8".into()]),
            user: "u".into(),
            password: None,
            private_key: None,
            passphrase: None,
            host_keys: vec![("ssh-ed25519", vec![1])],
            settings: SftpSettings::default(),
        };
        let started = Instant::now();
        let calls = Patience { call: Duration::from_secs(1), until: started + Duration::from_secs(60) };
        let error = connect(&server, calls).map(|_| ()).unwrap_err();
        assert_eq!((error.code(), error.is_retryable()), ("timed_out", true), "{error}");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        let error = connect(&server, patience(2)).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "out_of_time", "{error}");
    }
}
