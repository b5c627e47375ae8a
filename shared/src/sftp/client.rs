//! A session with a server, and what it does with files.

use std::{
    io::Read,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    path::Path,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use ssh2::{HostKeyType, MethodType, Session, Sftp};

use super::{Server, SftpError, auth};

/// A file in a remote folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Name without the folder.
    pub name: String,
    /// Whole path.
    pub path: String,
    /// Bytes.
    pub size_bytes: u64,
    /// Time of change, seconds since 1970.
    pub mtime: i64,
}

/// An authenticated session.
pub struct Client {
    sftp: Sftp,
    // Kept so that a hung call ends when the client is dropped.
    _session: Session,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for any one answer of the server, in milliseconds.
const CALL_TIMEOUT_MS: u32 = 30_000;

/// libssh2 reads ahead by four times the buffer it is given, so large buffers keep a far server busy.
const READ_BUFFER: usize = 2 * 1024 * 1024;

/// Fastest first. What this build of libssh2 or the server lacks is passed over.
const CIPHERS: &str = "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,\
                       aes256-ctr,aes192-ctr,aes128-ctr";

impl Client {
    /// Resolves, checks the address, connects, checks the host key against the pins, and authenticates.
    ///
    /// # Errors
    /// As [`SftpError`] says; nothing is sent to a server whose key is not pinned.
    pub fn connect(server: &Server) -> Result<Self, SftpError> {
        let address = resolve(server)?;
        let broken = |detail: String| SftpError::Connect { address: address.to_string(), detail };
        let tcp = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).map_err(|e| broken(e.to_string()))?;
        tcp.set_nodelay(true).map_err(|e| broken(e.to_string()))?;
        let mut session = Session::new().map_err(|e| broken(e.to_string()))?;
        session.set_timeout(CALL_TIMEOUT_MS);
        let allowed = signature_algorithms(&server.host_keys);
        let prefer = |session: &Session, kind, list: &str| {
            session.method_pref(kind, list).map_err(|e| SftpError::Handshake {
                address: address.to_string(),
                detail: e.to_string(),
                allowed: allowed.clone(),
            })
        };
        prefer(&session, MethodType::HostKey, &allowed)?;
        prefer(&session, MethodType::CryptCs, CIPHERS)?;
        prefer(&session, MethodType::CryptSc, CIPHERS)?;
        session.set_tcp_stream(tcp);
        session.handshake().map_err(|e| SftpError::Handshake {
            address: address.to_string(),
            detail: e.to_string(),
            allowed: allowed.clone(),
        })?;
        check_host_key(&session, server)?;
        auth::authenticate(&session, server)?;
        let sftp = session.sftp().map_err(|e| SftpError::Broken {
            what: "starting SFTP".into(),
            detail: format!("{e}; check that the user may use the sftp subsystem"),
        })?;
        Ok(Self { sftp, _session: session })
    }

    /// Lists the regular files of a folder, in no particular order.
    ///
    /// # Errors
    /// When the folder is not there, or may not be read.
    pub fn list(&self, folder: &str) -> Result<Vec<RemoteFile>, SftpError> {
        let entries =
            self.sftp.readdir(Path::new(folder)).map_err(|e| SftpError::map("listing", folder, &e))?;
        Ok(entries
            .into_iter()
            // A server that tells no permissions does not tell the type either.
            .filter(|(_, stat)| stat.perm.is_none() || stat.is_file())
            .filter_map(|(path, stat)| {
                let name = path.file_name()?.to_str()?.to_string();
                let path = format!("{}/{name}", folder.trim_end_matches('/'));
                Some(RemoteFile {
                    name,
                    path,
                    size_bytes: stat.size?,
                    mtime: i64::try_from(stat.mtime?).ok()?,
                })
            })
            .collect())
    }

    /// Size and time of change of a file now.
    ///
    /// # Errors
    /// When the file is not there, or the server does not tell.
    pub fn stat(&self, path: &str) -> Result<(u64, i64), SftpError> {
        let stat = self.sftp.stat(Path::new(path)).map_err(|e| SftpError::map("looking at", path, &e))?;
        let mtime = stat.mtime.and_then(|t| i64::try_from(t).ok());
        stat.size.zip(mtime).ok_or_else(|| SftpError::Broken {
            what: format!("looking at {path}"),
            detail: "the server tells no size or time of change".into(),
        })
    }

    /// Reads a file from beginning to end in pieces of at most 2 MiB; `take` says whether to go on.
    ///
    /// # Errors
    /// When the file cannot be opened or a read fails or times out.
    pub fn read(&self, path: &str, mut take: impl FnMut(Bytes) -> bool) -> Result<(), SftpError> {
        let mut file = self.sftp.open(Path::new(path)).map_err(|e| SftpError::map("opening", path, &e))?;
        let mut buffer = vec![0; READ_BUFFER];
        loop {
            let read = file
                .read(&mut buffer)
                .map_err(|e| SftpError::Broken { what: format!("reading {path}"), detail: e.to_string() })?;
            if read == 0 || !take(Bytes::copy_from_slice(&buffer[..read])) {
                return Ok(());
            }
        }
    }

    /// Moves a file into a folder, which is made if it is not there. Where the folder already has a file of
    /// that name, the moved one gets `otherwise` for a name: nothing is overwritten. A file that was written
    /// anew since it was listed stays where it is, or is put back.
    ///
    /// # Errors
    /// When the file cannot be moved, or is no longer the one that was listed.
    pub fn move_into(&self, file: &RemoteFile, folder: &str, otherwise: &str) -> Result<(), SftpError> {
        let listed = (file.size_bytes, file.mtime);
        if self.stat(&file.path)? != listed {
            return Err(SftpError::Changed(file.path.clone()));
        }
        if self.sftp.stat(Path::new(folder)).is_err() {
            self.sftp.mkdir(Path::new(folder), 0o755).map_err(|e| SftpError::map("making", folder, &e))?;
        }
        let folder = folder.trim_end_matches('/');
        let taken = self.exists(&format!("{folder}/{}", file.name));
        let to = format!("{folder}/{}", if taken { otherwise } else { &file.name });
        match self.sftp.rename(Path::new(&file.path), Path::new(&to), None) {
            Ok(()) => {}
            // The answer may have been lost: it is moved when it is there and no longer here.
            Err(_) if !self.exists(&file.path) && self.exists(&to) => {}
            Err(e) => return Err(SftpError::map("moving", &file.path, &e)),
        }
        // Some servers give a file a new time when it is renamed, so only its size can tell here.
        if self.stat(&to)?.0 == file.size_bytes {
            return Ok(());
        }
        let back = self.sftp.rename(Path::new(&to), Path::new(&file.path), None);
        back.map_err(|e| SftpError::map("moving back", &to, &e))?;
        Err(SftpError::Changed(file.path.clone()))
    }

    fn exists(&self, path: &str) -> bool {
        self.sftp.stat(Path::new(path)).is_ok()
    }
}

fn resolve(server: &Server) -> Result<SocketAddr, SftpError> {
    let unknown = |detail: String| SftpError::Resolve { host: server.host.clone(), detail };
    let addresses: Vec<_> =
        (server.host.as_str(), server.port).to_socket_addrs().map_err(|e| unknown(e.to_string()))?.collect();
    let mut refused = None;
    for address in addresses {
        match server.dialling.check(address.ip()) {
            Ok(_) => return Ok(address),
            Err(e) => refused = Some(e),
        }
    }
    Err(refused.map_or_else(|| unknown("it has no address".into()), Into::into))
}

/// What a server with these keys may sign with: pins allow nothing else.
fn signature_algorithms(host_keys: &[(&'static str, Vec<u8>)]) -> String {
    let mut algorithms: Vec<&str> = Vec::new();
    for (kind, _) in host_keys {
        let of_kind: &[&str] = if *kind == "ssh-rsa" { &["rsa-sha2-512", "rsa-sha2-256"] } else { &[kind] };
        algorithms.extend(of_kind.iter().filter(|a| !algorithms.contains(a)).copied().collect::<Vec<_>>());
    }
    algorithms.join(",")
}

fn check_host_key(session: &Session, server: &Server) -> Result<(), SftpError> {
    let (key, kind) = session.host_key().unwrap_or((&[], HostKeyType::Unknown));
    if server.host_keys.iter().any(|(_, pinned)| pinned == key) {
        return Ok(());
    }
    let fingerprint = format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)));
    Err(SftpError::HostKey { kind: format!("{kind:?}").to_lowercase(), fingerprint })
}
