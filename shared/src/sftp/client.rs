//! A session with a server, and what it does with files.

use std::{io::Read, net::TcpStream, path::Path};

use bytes::Bytes;
use ssh2::{Session, Sftp};

use super::{
    Server, SftpError,
    connect::{connect, hang_up, heard, is_hung_up, is_timeout},
    patience::{Patience, millis},
};

/// A file in a remote folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// What a folder lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Regular files, in no particular order.
    pub files: Vec<RemoteFile>,
    /// Names of files that are not UTF-8, with U+FFFD for what cannot be shown: no path of text leads to them.
    pub unreadable: Vec<String>,
}

/// An authenticated session. Dropping it hangs up first, so that a hung server cannot hold the caller.
pub struct Client {
    sftp: Sftp,
    pub(super) session: Session,
    socket: TcpStream,
    pub(super) patience: Patience,
}

/// libssh2 reads ahead by four times the buffer it is given, so large buffers keep a far server busy.
const READ_BUFFER: usize = 2 * 1024 * 1024;

/// Most names of a folder: they are held in memory.
const MOST_NAMES: usize = 100_000;

/// libssh2's `LIBSSH2_ERROR_FILE`, with which reading a folder ends.
const END_OF_FOLDER: ssh2::ErrorCode = ssh2::ErrorCode::Session(-16);

impl Drop for Client {
    fn drop(&mut self) {
        hang_up(&self.socket);
    }
}

impl Client {
    /// Resolves, checks the addresses, connects to the first that answers, checks the host key against the pins,
    /// and authenticates.
    ///
    /// # Errors
    /// As [`SftpError`] says; nothing is sent to a server whose key is not pinned.
    pub fn connect(server: &Server, patience: Patience) -> Result<Self, SftpError> {
        let (session, socket) = connect(server, patience)?;
        let what = || "starting SFTP".to_string();
        let sftp = patience.next_call(what).and_then(|wait| {
            session.set_timeout(millis(wait));
            session.sftp().map_err(|e| {
                heard(&e, patience, &what()).err().unwrap_or_else(|| match is_hung_up(&socket) {
                    true => SftpError::Lost { what: what(), detail: e.to_string() },
                    false => SftpError::Broken {
                        what: what(),
                        detail: format!("{e}; check that the user may use the sftp subsystem"),
                    },
                })
            })
        });
        let sftp = sftp.inspect_err(|_| hang_up(&socket))?;
        Ok(Self { sftp, session, socket, patience })
    }

    /// Lists the files of a folder.
    ///
    /// # Errors
    /// When the folder is not there, may not be read, or has over 100,000 names.
    pub fn list(&self, folder: &str) -> Result<Listing, SftpError> {
        let mut opened = self.call("listing", folder, |sftp| sftp.opendir(Path::new(folder)))?;
        let mut listing = Listing::default();
        for _ in 0..MOST_NAMES {
            let entry = self.call("listing", folder, |_| match opened.readdir() {
                Err(e) if e.code() == END_OF_FOLDER => Ok(None),
                entry => entry.map(Some),
            })?;
            let Some((path, stat)) = entry else { return Ok(listing) };
            // A server that tells no permissions does not tell the type either.
            if stat.perm.is_some() && !stat.is_file() {
                continue;
            }
            let Some(name) = path.file_name() else { continue };
            let Some(name) = name.to_str() else {
                listing.unreadable.push(name.to_string_lossy().into_owned());
                continue;
            };
            let mtime = stat.mtime.and_then(|t| i64::try_from(t).ok());
            let Some((size_bytes, mtime)) = stat.size.zip(mtime) else { continue };
            let path = format!("{}/{name}", folder.trim_end_matches('/'));
            listing.files.push(RemoteFile { name: name.into(), path, size_bytes, mtime });
        }
        Err(SftpError::FolderTooLarge { folder: folder.into(), most: MOST_NAMES })
    }

    /// Size and time of change of a file now.
    ///
    /// # Errors
    /// When the file is not there, or the server does not tell.
    pub fn stat(&self, path: &str) -> Result<(u64, i64), SftpError> {
        let stat = self.call("looking at", path, |sftp| sftp.stat(Path::new(path)))?;
        let mtime = stat.mtime.and_then(|t| i64::try_from(t).ok());
        stat.size.zip(mtime).ok_or_else(|| SftpError::Broken {
            what: format!("looking at {path}"),
            detail: "the server tells no size or time of change".into(),
        })
    }

    /// Looks for a file beside another, by the suffix to its name.
    ///
    /// # Errors
    /// When the server does not tell; not when there is none.
    pub fn beside(&self, file: &RemoteFile, suffix: &str) -> Result<Option<RemoteFile>, SftpError> {
        let path = format!("{}{suffix}", file.path);
        match self.stat(&path) {
            Ok((size_bytes, mtime)) => {
                Ok(Some(RemoteFile { name: format!("{}{suffix}", file.name), path, size_bytes, mtime }))
            }
            Err(SftpError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a file from its beginning in pieces of at most 2 MiB, to its end or until more than `most_bytes` were
    /// read; `take` says whether to go on.
    ///
    /// # Errors
    /// When the file cannot be opened or a read fails or times out.
    pub fn read(
        &self,
        path: &str,
        most_bytes: u64,
        mut take: impl FnMut(Bytes) -> bool,
    ) -> Result<(), SftpError> {
        let mut file = self.call("opening", path, |sftp| sftp.open(Path::new(path)))?;
        let mut buffer = vec![0; READ_BUFFER];
        let mut total: u64 = 0;
        while total <= most_bytes {
            let read = self.call("reading", path, |_| {
                file.read(&mut buffer).map_err(|e| session_error(&self.session, &e))
            })?;
            if read == 0 || !take(Bytes::copy_from_slice(&buffer[..read])) {
                break;
            }
            total += read as u64;
        }
        Ok(())
    }

    /// Makes one call within its time. A session in which a call got no answer cannot be used any more, and closing
    /// its files would wait again: it is hung up.
    pub(super) fn call<T>(
        &self,
        what: &str,
        path: &str,
        work: impl FnOnce(&Sftp) -> Result<T, ssh2::Error>,
    ) -> Result<T, SftpError> {
        let what = || format!("{what} {path}");
        let wait = self.patience.next_call(what).inspect_err(|_| hang_up(&self.socket))?;
        self.session.set_timeout(millis(wait));
        work(&self.sftp).map_err(|error| {
            if is_timeout(&error) {
                hang_up(&self.socket);
                return self.patience.no_answer(what());
            }
            match SftpError::map(what(), path, &error) {
                SftpError::Broken { what, detail } if is_hung_up(&self.socket) => {
                    SftpError::Lost { what, detail }
                }
                error => error,
            }
        })
    }
}

/// libssh2's own words are lost on the way through `Read` and `Write`.
pub(super) fn session_error(session: &Session, error: &std::io::Error) -> ssh2::Error {
    let last = ssh2::Error::last_session_error(session);
    last.unwrap_or_else(|| ssh2::Error::new(ssh2::ErrorCode::Session(-1), kind_text(error)))
}

fn kind_text(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "the file ended in the middle of a read",
        _ => "it failed without a reason",
    }
}
