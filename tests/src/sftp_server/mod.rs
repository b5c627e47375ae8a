//! Real SFTP servers on the loopback interface, of five makes, and one that fails on purpose.

mod asyncssh;
mod dropbear;
mod openssh;
mod proftpd;
mod rclone;

use std::{
    ffi::OsString,
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

const LOG: &str = "server.log";

/// Makes a test of each of these functions for each of the servers: `name: software, …; [function, …]`.
#[macro_export]
macro_rules! on_each_server {
    ($($server:ident: $software:expr),+; $tests:tt) => {
        $(mod $server {
            $crate::on_each_server!(@tests $software, $tests);
        })+
    };
    (@tests $software:expr, [$($test:ident),* $(,)?]) => {
        $(#[tokio::test]
        async fn $test() -> anyhow::Result<()> {
            super::$test($software).await
        })*
    };
}

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Software {
    /// OpenSSH with its internal SFTP server.
    OpenSsh,
    /// asyncssh, from `.venv`.
    AsyncSsh,
    /// asyncssh with faults, as `infra/local/sftp_server.py` lists them, separated by spaces.
    Faulty(&'static str),
    /// ProFTPD with mod_sftp.
    ProFtpd,
    /// dropbear, with OpenSSH's SFTP server behind it.
    Dropbear,
    /// `rclone serve sftp`, whose library many servers written in Go have.
    Rclone,
}

impl Software {
    /// OpenSSH where it is, otherwise asyncssh.
    pub fn preferred() -> Self {
        if openssh::is_there() { Self::OpenSsh } else { Self::AsyncSsh }
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenSsh => "OpenSSH",
            Self::AsyncSsh | Self::Faulty(_) => "asyncssh",
            Self::ProFtpd => "ProFTPD",
            Self::Dropbear => "dropbear",
            Self::Rclone => "rclone",
        }
    }
}

/// Who may enter the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The generated key.
    Key,
    /// A password. On OpenSSH an ordinary user's, which needs root: the user is made for the server's life.
    Password,
    /// The key, then the password. Needs OpenSSH and root.
    KeyThenPassword,
}

/// How a server's process is started.
struct Starting {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
}

impl Starting {
    fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), environment: Vec::new() }
    }

    fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    fn start(&self, folder: &Path) -> Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join(LOG))?)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))
    }
}

/// What a make of server has prepared in a folder before it starts.
struct Prepared {
    starting: Starting,
    user: String,
    made_user: bool,
    password: Option<String>,
}

/// A running server. It ends, and so does its user, when this is dropped.
pub struct SftpServer {
    process: Child,
    starting: Starting,
    folder: PathBuf,
    software: Software,
    port: u16,
    host_key: String,
    user: String,
    made_user: bool,
    private_key: String,
    password: Option<String>,
    entry: Entry,
}

impl SftpServer {
    /// Starts a server whose own files are under `folder`.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(folder: &Path, entry: Entry) -> Result<Self> {
        Self::start_as(Software::preferred(), folder, entry)
    }

    /// Starts a server of this kind.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_as(software: Software, folder: &Path, entry: Entry) -> Result<Self> {
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        Self::start_at(software, folder, entry, port)
    }

    /// Starts a server of this kind at a port.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_at(software: Software, folder: &Path, entry: Entry, port: u16) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let prepared = match software {
            Software::OpenSsh => openssh::prepare(&folder, port, &entry),
            Software::AsyncSsh => asyncssh::prepare("", &folder, port, &entry),
            Software::Faulty(faults) => asyncssh::prepare(faults, &folder, port, &entry),
            _ if entry != Entry::Key => bail!("{software:?} is started with a key only"),
            Software::ProFtpd => proftpd::prepare(&folder, port),
            Software::Dropbear => dropbear::prepare(&folder, port),
            Software::Rclone => rclone::prepare(&folder, port),
        }?;
        let mut server = Self {
            process: prepared.starting.start(&folder)?,
            starting: prepared.starting,
            folder,
            software,
            port,
            host_key: String::new(),
            user: prepared.user,
            made_user: prepared.made_user,
            private_key: String::new(),
            password: prepared.password,
            entry,
        };
        server.comes_up()?;
        Ok(server)
    }

    /// What runs, for people.
    pub fn software(&self) -> &'static str {
        self.software.name()
    }

    /// Starts the server again at the same address, with the same user; asyncssh makes itself new keys.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_again(&mut self) -> Result<()> {
        self.stop();
        self.process = self.starting.start(&self.folder)?;
        self.comes_up()
    }

    /// Waits until the server listens, and reads its keys, which it may have made itself.
    fn comes_up(&mut self) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if self.process.try_wait()?.is_some() || started.elapsed() > Duration::from_secs(20) {
                bail!("the SFTP server did not come up: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let host_key = fs::read_to_string(self.folder.join("host_key.pub"))?;
        self.host_key = host_key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        self.private_key = fs::read_to_string(self.folder.join("client_key"))?;
        Ok(())
    }

    /// What the server has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join(LOG)).unwrap_or_default()
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The server's key, as `ssh-keyscan` prints it without the host's name.
    pub fn host_key(&self) -> &str {
        &self.host_key
    }

    /// Who may enter.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The key by which the user enters, in OpenSSH's form.
    pub fn private_key(&self) -> &str {
        &self.private_key
    }

    /// A target server that reads `path` on this server.
    pub fn target_server(&self, path: &Path) -> Value {
        let mut auth = json!({ "user": self.user });
        if self.entry != Entry::Password {
            auth["private_key"] = self.private_key.clone().into();
        }
        if let Some(password) = &self.password {
            auth["password"] = password.clone().into();
        }
        json!({
            "name": "files", "kind": "sftp_import", "address": self.address(), "path": path,
            "auth": auth, "host_keys": [self.host_key],
        })
    }

    /// Starts OpenSSH again so that `command` serves in the place of its SFTP subsystem, at these ports beside its own.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn serve_by(&mut self, command: &str, ports: &[u16]) -> Result<()> {
        self.configure(|config| {
            let config = config.replace("sftp internal-sftp", &format!("sftp {command}"));
            let config = config.replace("ForceCommand internal-sftp", &format!("ForceCommand {command}"));
            let ports: String = ports.iter().map(|port| format!("Port {port}\n")).collect();
            ports + &config
        })
    }

    /// Starts OpenSSH again with another configuration.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn configure(&mut self, change: impl FnOnce(String) -> String) -> Result<()> {
        let path = self.folder.join(openssh::CONFIG);
        fs::write(&path, change(fs::read_to_string(&path)?))?;
        self.start_again()
    }

    /// Stops the server; what it served stays.
    pub fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for SftpServer {
    fn drop(&mut self) {
        self.stop();
        if self.made_user {
            // Sessions of the user have ended with their server, or do so now.
            let _ = run(Command::new("pkill").args(["-KILL", "-u", &self.user]));
            let _ = run(Command::new("userdel").arg(&self.user));
        }
    }
}

/// Makes a pair of keys in a folder, where there is none yet.
fn key(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    if !path.exists() {
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path))?;
    }
    Ok(path)
}

fn new_password() -> Result<String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    Ok(shared::id::hex(&bytes))
}

/// What `id` says of whoever runs this: `-un`, `-gn`, `-u` or `-g`.
fn own(what: &str) -> Result<String> {
    let output = Command::new("id").arg(what).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

/// Says how to install what is not there.
fn needs(path: &str, packages: &str) -> Result<()> {
    ensure!(Path::new(path).exists(), "{path} is missing: apt-get install {packages}");
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
