//! A session with a server, and what it tells about files.

use std::net::TcpStream;

use bytes::Bytes;

use super::{
    Server, SftpError,
    connect::{connect, hang_up},
    patience::Patience,
    subsystem::{Doing, Subsystem, broken, refused},
    wire::{Answer, Attributes, Name, Request, open, status},
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
    pub(super) sftp: Subsystem,
    session: ssh2::Session,
    socket: TcpStream,
}

/// Most names of a folder: they are held in memory.
const MOST_NAMES: usize = 100_000;

/// Requests for the next names of a folder that are on their way at once.
const LISTING: usize = 8;

impl Drop for Client {
    fn drop(&mut self) {
        hang_up(&self.socket);
    }
}

impl Client {
    /// Resolves, checks the addresses, connects to the first that answers, checks the host key against the pins,
    /// authenticates, and asks for SFTP. Whether the server speaks it turns out at the first call, or in [`Self::start`].
    ///
    /// # Errors
    /// As [`SftpError`] says; nothing is sent to a server whose key is not pinned.
    pub fn connect(server: &Server, patience: Patience) -> Result<Self, SftpError> {
        let (session, socket) = connect(server, patience)?;
        Self::on(session, socket, patience)
    }

    /// Has SFTP on a session that is authenticated.
    pub(super) fn on(
        session: ssh2::Session,
        socket: TcpStream,
        patience: Patience,
    ) -> Result<Self, SftpError> {
        let sftp = Subsystem::begin(&session, &socket, patience).inspect_err(|_| hang_up(&socket))?;
        Ok(Self { sftp, session, socket })
    }

    /// Waits until the server has said that it speaks SFTP.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(&mut self) -> Result<(), SftpError> {
        self.sftp.start()
    }

    /// Asks the server something small, so that it sees that somebody is there.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn keep_alive(&mut self) -> Result<(), SftpError> {
        self.sftp.ask(Doing("asking for", "."), Request::RealPath { path: "." }).map(|_| ())
    }

    /// What the server says it is, for example `SSH-2.0-OpenSSH_9.2p1`.
    pub fn software(&self) -> String {
        self.session.banner().unwrap_or_default().chars().take(100).collect()
    }

    /// The cipher that what the hub sends is under, for example `aes128-gcm@openssh.com`.
    pub fn cipher(&self) -> String {
        self.session.methods(ssh2::MethodType::CryptCs).unwrap_or_default().to_string()
    }

    /// Lists the files of a folder.
    ///
    /// # Errors
    /// When the folder is not there, may not be read, or has over 100,000 names.
    pub fn list(&mut self, folder: &str) -> Result<Listing, SftpError> {
        let doing = Doing("listing", folder);
        let handle = self.handle(doing, Request::OpenFolder { path: folder })?;
        let mut asked: std::collections::VecDeque<u32> = Default::default();
        let mut names = 0;
        let mut listing = Listing::default();
        let ended = loop {
            while asked.len() < LISTING {
                asked.push_back(self.sftp.send(Request::ReadFolder { handle: &handle }));
            }
            let Some(id) = asked.pop_front() else { break Ok(()) };
            match self.sftp.answer(doing, id) {
                Ok(Answer::Names(found)) => {
                    names += found.len();
                    found.into_iter().for_each(|name| listing.add(folder, name));
                }
                Ok(Answer::Status { code: status::EOF, .. }) => break Ok(()),
                Ok(answer) => break Err(refused(doing, answer)),
                Err(error) => break Err(error),
            }
            if names > MOST_NAMES {
                break Err(SftpError::FolderTooLarge { folder: folder.into(), most: MOST_NAMES });
            }
        };
        asked.into_iter().for_each(|id| self.sftp.abandon(id));
        self.sftp.close(&handle);
        ended.map(|()| listing)
    }

    /// Size and time of change of a file now.
    ///
    /// # Errors
    /// When the file is not there, or the server does not tell.
    pub fn stat(&mut self, path: &str) -> Result<(u64, i64), SftpError> {
        let doing = Doing("looking at", path);
        let answer = self.sftp.ask(doing, Request::Stat { path })?;
        told(doing, answer)
    }

    /// Looks for a file beside another, by the suffix to its name.
    ///
    /// # Errors
    /// When the server does not tell; not when there is none.
    pub fn beside(&mut self, file: &RemoteFile, suffix: &str) -> Result<Option<RemoteFile>, SftpError> {
        let path = format!("{}{suffix}", file.path);
        match self.stat(&path) {
            Ok((size_bytes, mtime)) => {
                Ok(Some(RemoteFile { name: format!("{}{suffix}", file.name), path, size_bytes, mtime }))
            }
            Err(SftpError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says whether something has this name.
    ///
    /// # Errors
    /// When the server does not tell.
    pub fn exists(&mut self, path: &str) -> Result<bool, SftpError> {
        let doing = Doing("looking at", path);
        match self.sftp.ask(doing, Request::Stat { path })? {
            Answer::Attributes(_) => Ok(true),
            answer => match refused(doing, answer) {
                SftpError::NotFound(_) => Ok(false),
                error => Err(error),
            },
        }
    }

    /// Opens a file that is there, to be read.
    pub(super) fn open(&mut self, doing: Doing<'_>) -> Result<Bytes, SftpError> {
        self.handle(doing, Request::Open { path: doing.1, flags: open::READ })
    }

    /// Makes a request that is answered with a handle.
    pub(super) fn handle(&mut self, doing: Doing<'_>, request: Request<'_>) -> Result<Bytes, SftpError> {
        match self.sftp.ask(doing, request)? {
            Answer::Handle(handle) => Ok(handle),
            answer => Err(refused(doing, answer)),
        }
    }
}

/// Size and time of change, as a server tells them.
pub(super) fn told(doing: Doing<'_>, answer: Answer) -> Result<(u64, i64), SftpError> {
    match answer {
        Answer::Attributes(Attributes { size_bytes: Some(size), mtime: Some(mtime), .. }) => {
            Ok((size, mtime.into()))
        }
        Answer::Attributes(_) => Err(broken(doing, "the server tells no size or time of change".into())),
        answer => Err(refused(doing, answer)),
    }
}

impl Listing {
    fn add(&mut self, folder: &str, Name { name, attributes }: Name) {
        if !attributes.may_be_a_file() || matches!(&name[..], b"." | b"..") {
            return;
        }
        let Ok(name) = std::str::from_utf8(&name) else {
            return self.unreadable.push(String::from_utf8_lossy(&name).into_owned());
        };
        let Some((size_bytes, mtime)) = attributes.size_bytes.zip(attributes.mtime) else { return };
        let path = format!("{}/{name}", folder.trim_end_matches('/'));
        self.files.push(RemoteFile { name: name.into(), path, size_bytes, mtime: mtime.into() });
    }
}
