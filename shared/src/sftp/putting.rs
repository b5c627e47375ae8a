//! Writing files, and giving them their names.

use std::{io::Write, path::Path};

use bytes::Bytes;
use ssh2::{OpenFlags, OpenType};

use super::{Client, SftpError, client::session_error};

/// Bytes that are on their way at most: more gains nothing at a distance, where OpenSSH takes 2 MiB a channel.
const WINDOW: usize = 2 * 1024 * 1024;

impl Client {
    /// Writes a file from its beginning, over whatever has its name; the folder is made if it is not there. `next`
    /// gives its bytes piece by piece. Answers how many they were.
    ///
    /// libssh2 keeps the requests of a whole slice on their way and says how many bytes at its beginning the server has
    /// acknowledged. Each call therefore gets what is not acknowledged yet, and fresh bytes behind it, so that the
    /// window never runs empty.
    ///
    /// # Errors
    /// When the file cannot be made, or a write fails or takes no byte in time; part of it may be there then.
    pub fn write(&self, path: &str, mut next: impl FnMut() -> Option<Bytes>) -> Result<u64, SftpError> {
        let open = || {
            self.call("making", path, |sftp| {
                let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE;
                sftp.open_mode(Path::new(path), flags, 0o644, OpenType::File)
            })
        };
        let mut file = match open() {
            Err(SftpError::NotFound(_)) => {
                self.make_folders(path)?;
                open()?
            }
            opened => opened?,
        };
        let (mut window, mut acknowledged, mut total) = (Vec::with_capacity(2 * WINDOW), 0, 0);
        let (mut is_all, mut idle_since) = (false, self.patience.now());
        loop {
            while !is_all && window.len() - acknowledged < WINDOW {
                match next() {
                    Some(piece) => {
                        window.drain(..std::mem::take(&mut acknowledged));
                        window.extend_from_slice(&piece);
                    }
                    None => is_all = true,
                }
            }
            if window.len() == acknowledged {
                break;
            }
            let written = self.call("writing", path, |_| {
                file.write(&window[acknowledged..]).map_err(|e| session_error(&self.session, &e))
            })?;
            acknowledged += written;
            total += written as u64;
            // A server with a small window may take nothing for a moment.
            match written {
                0 => self.patience.check_idle(idle_since, || format!("writing {path}"))?,
                _ => idle_since = self.patience.now(),
            }
        }
        self.call("closing", path, |_| file.close())?;
        Ok(total)
    }

    /// Says whether something has this name.
    ///
    /// # Errors
    /// When the server does not tell.
    pub fn exists(&self, path: &str) -> Result<bool, SftpError> {
        match self.call("looking at", path, |sftp| sftp.stat(Path::new(path))) {
            Ok(_) => Ok(true),
            Err(SftpError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives a file another name. Where the answer is lost or says no, a look decides: it is done when the file is
    /// there and no longer here.
    ///
    /// # Errors
    /// When it is not done: on most servers also where the other name is taken.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), SftpError> {
        match self.call("renaming", from, |sftp| sftp.rename(Path::new(from), Path::new(to), None)) {
            Ok(()) => Ok(()),
            Err(error) => match (self.exists(from), self.exists(to)) {
                (Ok(false), Ok(true)) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Gives a file the name of another, which it replaces. Servers that refuse that get the old file moved to `aside`
    /// first, back again if it still does not work, and removed in the end, if the server lets it be. Doing it again goes
    /// on where it stopped.
    ///
    /// # Errors
    /// When it is not done: the old file has its name then, unless the server lets nothing be moved any more.
    pub fn replace(&self, from: &str, to: &str, aside: &str) -> Result<(), SftpError> {
        if let Err(error) = self.rename(from, to) {
            match (self.exists(to)?, self.exists(aside)?) {
                (true, _) => {
                    self.unlink(aside)?;
                    self.rename(to, aside)?;
                    if let Err(error) = self.rename(from, to) {
                        self.rename(aside, to)?;
                        return Err(error);
                    }
                }
                // An attempt before this one moved it aside, and died.
                (false, true) => {
                    self.rename(aside, to)?;
                    return Err(error);
                }
                (false, false) => return Err(error),
            }
        }
        if !self.exists(aside)? {
            return Ok(());
        }
        match self.unlink(aside).or_else(|_| self.unlink(aside)) {
            // The next attempt finds the file renamed, and removes the old one.
            Err(
                error @ (SftpError::Lost { .. } | SftpError::TimedOut { .. } | SftpError::OutOfTime { .. }),
            ) => Err(error),
            Err(error) => {
                tracing::warn!(%error, "the file that was replaced stays on the server under its other name");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Removes a file; one that is not there is removed.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn unlink(&self, path: &str) -> Result<(), SftpError> {
        match self.call("removing", path, |sftp| sftp.unlink(Path::new(path))) {
            Err(SftpError::NotFound(_)) => Ok(()),
            removed => removed,
        }
    }

    /// What the server says it is, for example `SSH-2.0-OpenSSH_9.2p1`.
    pub fn software(&self) -> String {
        self.session.banner().unwrap_or_default().chars().take(100).collect()
    }

    fn make_folders(&self, path: &str) -> Result<(), SftpError> {
        let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) else {
            return Ok(());
        };
        match self.call("making", folder, |sftp| sftp.mkdir(Path::new(folder), 0o755)) {
            Ok(()) => Ok(()),
            Err(SftpError::NotFound(_)) => {
                self.make_folders(folder)?;
                self.call("making", folder, |sftp| sftp.mkdir(Path::new(folder), 0o755))
            }
            // Somebody may have made it meanwhile.
            Err(error) => {
                if self.exists(folder)? {
                    Ok(())
                } else {
                    Err(error)
                }
            }
        }
    }
}
