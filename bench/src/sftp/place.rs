//! A server, and the files on both sides of it.

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tests::sftp_server::{Entry, SftpServer, Software};

/// What is transferred.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    /// One file of so many bytes, from the server.
    Get(u64),
    /// One to the server.
    Put(u64),
    /// So many files of so many bytes, from a folder of the server.
    GetAll(usize, usize),
}

/// A server with files.
pub(super) struct Place {
    home: TempDir,
    server: SftpServer,
}

impl Place {
    /// Starts the server.
    ///
    /// # Errors
    /// When it does not come up.
    pub(super) fn new() -> Result<Self> {
        let home = tempfile::tempdir()?;
        let server = SftpServer::start_as(Software::OpenSsh, &home.path().join("server"), Entry::Key)
            .context("this takes OpenSSH's server: apt-get install openssh-server")?;
        let place = Self { home, server };
        fs::create_dir(place.far())?;
        fs::create_dir(place.near())?;
        Ok(place)
    }

    /// Has the tools know the server's key at a port of this machine.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(super) fn is_known_at(&self, port: u16) -> Result<()> {
        let known = format!("[127.0.0.1]:{port} {}\n", self.server.host_key());
        Ok(fs::write(self.known_hosts(), known)?)
    }

    pub(super) fn software(&self) -> String {
        let said = Command::new("ssh").arg("-V").output().map(|o| o.stderr).unwrap_or_default();
        String::from_utf8_lossy(&said).trim().to_string()
    }

    pub(super) fn address(&self) -> String {
        self.server.address()
    }

    pub(super) fn server(&self) -> &SftpServer {
        &self.server
    }

    pub(super) fn key(&self) -> PathBuf {
        self.home.path().join("server/client_key")
    }

    pub(super) fn known_hosts(&self) -> PathBuf {
        self.home.path().join("known_hosts")
    }

    pub(super) fn batch(&self) -> PathBuf {
        self.home.path().join("batch")
    }

    /// The folder of the server.
    pub(super) fn far(&self) -> PathBuf {
        self.home.path().join("far")
    }

    /// The folder of the client.
    pub(super) fn near(&self) -> PathBuf {
        self.home.path().join("near")
    }

    /// Where the bytes come from, and where they go.
    pub(super) fn ends(&self, work: Work) -> (PathBuf, PathBuf) {
        match work {
            Work::Get(_) => (self.far().join("file"), self.near().join("file")),
            Work::Put(_) => (self.near().join("file"), self.far().join("file")),
            Work::GetAll(..) => (self.far().join("small"), self.near().join("small")),
        }
    }

    /// Makes what is transferred.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn prepare(&self, work: Work) -> Result<()> {
        for folder in [self.far(), self.near()] {
            fs::remove_dir_all(&folder)?;
            fs::create_dir(&folder)?;
        }
        let (from, _) = self.ends(work);
        match work {
            Work::Get(size_bytes) | Work::Put(size_bytes) => noise(&from, size_bytes, 1),
            Work::GetAll(files, size_bytes) => {
                fs::create_dir(&from)?;
                (0..files)
                    .try_for_each(|n| noise(&from.join(format!("{n:06}")), size_bytes as u64, n as u64 + 1))
            }
        }
    }

    /// Removes what the round before left.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn clear(&self, work: Work) -> Result<()> {
        let (_, to) = self.ends(work);
        if to.is_dir() {
            fs::remove_dir_all(&to)?;
        } else if to.exists() {
            fs::remove_file(&to)?;
        }
        if matches!(work, Work::GetAll(..)) {
            fs::create_dir(&to)?;
        }
        Ok(())
    }

    /// Holds what arrived against what was sent, byte for byte.
    ///
    /// # Errors
    /// When it is not the same.
    pub(super) fn check(&self, work: Work) -> Result<()> {
        let (from, to) = self.ends(work);
        let same = Command::new("diff").args(["-r", "-q"]).arg(&from).arg(&to).output()?;
        ensure!(same.status.success(), "other bytes arrived: {}", String::from_utf8_lossy(&same.stdout));
        Ok(())
    }
}

/// Writes bytes that no compression makes smaller, always the same for a seed.
fn noise(path: &Path, size_bytes: u64, seed: u64) -> Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut left = usize::try_from(size_bytes)?;
    while left > 0 {
        // xorshift64. Source: Marsaglia, "Xorshift RNGs", 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bytes = state.to_le_bytes();
        let taken = left.min(bytes.len());
        file.write_all(&bytes[..taken])?;
        left -= taken;
    }
    Ok(file.flush()?)
}
