//! Moving files away and removing them, and only those that were taken.

use std::path::Path;

use super::{Client, RemoteFile, SftpError};

impl Client {
    /// Looks whether a file is still the one that was listed.
    ///
    /// # Errors
    /// When it is not, or not there.
    pub fn check(&self, file: &RemoteFile) -> Result<(), SftpError> {
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
    pub fn remove(&self, file: &RemoteFile) -> Result<(), SftpError> {
        match self.check(file) {
            Ok(()) => {}
            Err(SftpError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
        match self.call("removing", &file.path, |sftp| sftp.unlink(Path::new(&file.path))) {
            Err(SftpError::NotFound(_)) => Ok(()),
            removed => removed,
        }
    }

    /// Moves a file into a folder, which is made if it is not there. Where the folder already has a file of
    /// that name, the moved one gets `otherwise` for a name: nothing is overwritten. A file that was written
    /// anew since it was listed stays where it is, or is put back.
    ///
    /// # Errors
    /// When the file cannot be moved, or is no longer the one that was listed.
    pub fn move_into(&self, file: &RemoteFile, folder: &str, otherwise: &str) -> Result<(), SftpError> {
        self.check(file)?;
        if !self.exists(folder)? {
            self.call("making", folder, |sftp| sftp.mkdir(Path::new(folder), 0o755))?;
        }
        let folder = folder.trim_end_matches('/');
        let taken = self.exists(&format!("{folder}/{}", file.name))?;
        let to = format!("{folder}/{}", if taken { otherwise } else { &file.name });
        let rename = |what, from: &str, to: &str| {
            self.call(what, from, |sftp| sftp.rename(Path::new(from), Path::new(to), None))
        };
        match rename("moving", &file.path, &to) {
            Ok(()) => {}
            // The answer may have been lost: it is moved when it is there and no longer here.
            Err(error) => match (self.exists(&file.path), self.exists(&to)) {
                (Ok(false), Ok(true)) => {}
                _ => return Err(error),
            },
        }
        // Some servers give a file a new time when it is renamed, so only its size can tell here.
        if self.stat(&to)?.0 == file.size_bytes {
            return Ok(());
        }
        rename("moving back", &to, &file.path)?;
        Err(SftpError::Changed(file.path.clone()))
    }
}
