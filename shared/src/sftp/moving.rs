//! Names of files: giving others, moving away, removing, and making folders.

use super::{
    Client, RemoteFile, SftpError,
    subsystem::Doing,
    wire::{Request, extension},
};

impl Client {
    /// Gives a file another name. Where the answer is lost or says no, a look decides: it is done when the file is
    /// there and no longer here.
    ///
    /// # Errors
    /// When it is not done: on most servers also where the other name is taken.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), SftpError> {
        self.rename_by(Request::Rename { from, to }, from, to)
    }

    fn rename_by(&mut self, request: Request<'_>, from: &str, to: &str) -> Result<(), SftpError> {
        match self.sftp.order(Doing("renaming", from), request) {
            Ok(()) => Ok(()),
            Err(error) => match (self.exists(from), self.exists(to)) {
                (Ok(false), Ok(true)) => Ok(()),
                _ => Err(error),
            },
        }
    }

    /// Gives a file the name of another, which it replaces: in one step where the server has OpenSSH's
    /// `posix-rename` or replaces anyway. On others the old file is moved to `aside` first, back again if it still does
    /// not work, and removed in the end, if the server lets it be. Doing it again goes on where it stopped.
    ///
    /// # Errors
    /// When it is not done: the old file has its name then, unless the server lets nothing be moved any more.
    pub fn replace(&mut self, from: &str, to: &str, aside: &str) -> Result<(), SftpError> {
        self.start()?;
        let request = match self.renames_over() {
            true => Request::RenameOver { from, to },
            false => Request::Rename { from, to },
        };
        if let Err(error) = self.rename_by(request, from, to) {
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

    /// Says whether the server renames over what has the name, in one step; known once it has started.
    pub(super) fn renames_over(&self) -> bool {
        self.sftp.has(extension::POSIX_RENAME)
    }

    /// Removes a file; one that is not there is removed.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn unlink(&mut self, path: &str) -> Result<(), SftpError> {
        match self.sftp.order(Doing("removing", path), Request::Remove { path }) {
            Err(SftpError::NotFound(_)) => Ok(()),
            removed => removed,
        }
    }

    /// Looks whether a file is still the one that was listed.
    ///
    /// # Errors
    /// When it is not, or not there.
    pub fn check(&mut self, file: &RemoteFile) -> Result<(), SftpError> {
        match self.stat(&file.path)? == (file.size_bytes, file.mtime) {
            true => Ok(()),
            false => Err(SftpError::Changed(file.path.clone())),
        }
    }

    /// Removes a file if it is still the one that was listed; one that is gone already is removed. A file that
    /// replaces it between the look and the removal, a round trip apart, is lost: SFTP has no conditional removal.
    ///
    /// # Errors
    /// When the file cannot be removed, or is no longer the one that was listed.
    pub fn remove(&mut self, file: &RemoteFile) -> Result<(), SftpError> {
        match self.check(file) {
            Ok(()) => {}
            Err(SftpError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
        self.unlink(&file.path)
    }

    /// Moves a file into a folder, which is made if it is not there. Where the folder already has a file of
    /// that name, the moved one gets `otherwise` for a name: nothing is overwritten. A file that was written
    /// anew since it was listed stays where it is, or is put back.
    ///
    /// # Errors
    /// When the file cannot be moved, or is no longer the one that was listed.
    pub fn move_into(&mut self, file: &RemoteFile, folder: &str, otherwise: &str) -> Result<(), SftpError> {
        self.check(file)?;
        if !self.exists(folder)? {
            self.sftp.order(Doing("making", folder), Request::MakeFolder { path: folder })?;
        }
        let folder = folder.trim_end_matches('/');
        let taken = self.exists(&format!("{folder}/{}", file.name))?;
        let to = format!("{folder}/{}", if taken { otherwise } else { &file.name });
        self.rename(&file.path, &to)?;
        // Some servers give a file a new time when it is renamed, so only its size can tell here.
        if self.stat(&to)?.0 == file.size_bytes {
            return Ok(());
        }
        self.rename(&to, &file.path)?;
        Err(SftpError::Changed(file.path.clone()))
    }

    /// Sets who may do what with a file, as in `0o640`. Servers need not do it.
    ///
    /// # Errors
    /// When the server does not.
    pub fn set_mode(&mut self, path: &str, mode: u32) -> Result<(), SftpError> {
        self.sftp.order(Doing("setting the mode of", path), Request::SetMode { path, mode })
    }

    /// Makes the folder of a file, and those above it.
    pub(super) fn make_folders(&mut self, path: &str) -> Result<(), SftpError> {
        let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) else {
            return Ok(());
        };
        let (doing, order) = (Doing("making", folder), Request::MakeFolder { path: folder });
        match self.sftp.order(doing, order) {
            Ok(()) => Ok(()),
            Err(SftpError::NotFound(_)) => {
                self.make_folders(folder)?;
                self.sftp.order(doing, order)
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
