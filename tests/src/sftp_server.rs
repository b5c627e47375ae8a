//! Real SFTP servers on the loopback interface: OpenSSH, and asyncssh from `.venv`.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

const SSHD: &str = "/usr/sbin/sshd";
const CONFIG: &str = "sshd_config";
const LOG: &str = "server.log";

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Software {
    /// OpenSSH with its internal SFTP server.
    OpenSsh,
    /// asyncssh.
    AsyncSsh,
    /// asyncssh, answering every write as a full disk does.
    FullAsyncSsh,
}

impl Software {
    /// OpenSSH where it is, otherwise asyncssh.
    pub fn preferred() -> Self {
        if Path::new(SSHD).exists() { Self::OpenSsh } else { Self::AsyncSsh }
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenSsh => "OpenSSH",
            Self::AsyncSsh | Self::FullAsyncSsh => "asyncssh",
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

/// A running server. It ends, and so does its user, when this is dropped.
pub struct SftpServer {
    process: Child,
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
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        match software {
            Software::OpenSsh => openssh(&folder, port, entry),
            other => asyncssh(other, &folder, port, entry),
        }
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
        if self.software == Software::OpenSsh {
            self.process = run_sshd(&self.folder)?;
            return self.wait_until_it_listens();
        }
        self.process = run_asyncssh(self.software, &self.folder, self.port, self.password.as_deref())?;
        self.wait_until_it_listens()?;
        self.read_own_keys()
    }

    /// Reads the keys that asyncssh made.
    fn read_own_keys(&mut self) -> Result<()> {
        self.host_key = fs::read_to_string(self.folder.join("host_key.pub"))?.trim().into();
        self.private_key = fs::read_to_string(self.folder.join("client_key"))?;
        Ok(())
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if self.process.try_wait()?.is_some() || started.elapsed() > Duration::from_secs(20) {
                let log = fs::read_to_string(self.folder.join(LOG)).unwrap_or_default();
                bail!("the SFTP server did not come up: {log}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
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
        let config = fs::read_to_string(self.folder.join(CONFIG))?;
        let config = config.replace("sftp internal-sftp", &format!("sftp {command}"));
        let mut config = config.replace("ForceCommand internal-sftp", &format!("ForceCommand {command}"));
        for port in ports {
            config.insert_str(0, &format!("Port {port}\n"));
        }
        fs::write(self.folder.join(CONFIG), config)?;
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

fn openssh(folder: &Path, port: u16, entry: Entry) -> Result<SftpServer> {
    let host_key = key(folder, "host_key")?;
    let client_key = key(folder, "client_key")?;
    let (user, password) = match entry {
        Entry::Key => (current_user()?, None),
        _ => {
            let (user, password) = make_user(port)?;
            (user, Some(password))
        }
    };
    let authorized = folder.join("authorized_keys");
    fs::copy(client_key.with_extension("pub"), &authorized)?;
    fs::set_permissions(&authorized, fs::Permissions::from_mode(0o644))?;
    let methods = match entry {
        Entry::Key => "publickey",
        Entry::Password => "password",
        Entry::KeyThenPassword => "publickey,password",
    };
    fs::write(
        folder.join(CONFIG),
        format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {host}\nPidFile none\nUsePAM no\nStrictModes no\n\
             AllowUsers {user}\nPermitRootLogin yes\nAuthorizedKeysFile {keys}\nAuthenticationMethods {methods}\n\
             KbdInteractiveAuthentication no\nX11Forwarding no\nAllowTcpForwarding no\n\
             Subsystem sftp internal-sftp\nForceCommand internal-sftp\nMaxStartups 100\n",
            host = host_key.display(),
            keys = authorized.display(),
        ),
    )?;
    let mut server = SftpServer {
        process: run_sshd(folder)?,
        folder: folder.into(),
        software: Software::OpenSsh,
        port,
        host_key: fs::read_to_string(host_key.with_extension("pub"))?.trim().into(),
        made_user: entry != Entry::Key,
        user,
        private_key: fs::read_to_string(&client_key)?,
        password,
        entry,
    };
    server.wait_until_it_listens()?;
    Ok(server)
}

fn run_sshd(folder: &Path) -> Result<Child> {
    // As root sshd wants its privilege separation folder, which a service manager would have made.
    let _ = fs::create_dir_all("/run/sshd");
    Command::new(SSHD)
        .args(["-D", "-e", "-f"])
        .arg(folder.join(CONFIG))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join(LOG))?)
        .spawn()
        .with_context(|| format!("cannot start {SSHD}"))
}

fn asyncssh(software: Software, folder: &Path, port: u16, entry: Entry) -> Result<SftpServer> {
    let password = match entry {
        Entry::Key => None,
        Entry::Password => Some(new_password()?),
        Entry::KeyThenPassword => bail!("{entry:?} needs OpenSSH: apt-get install openssh-server"),
    };
    let mut server = SftpServer {
        process: run_asyncssh(software, folder, port, password.as_deref())?,
        folder: folder.into(),
        software,
        port,
        host_key: String::new(),
        user: "crossdock".into(),
        made_user: false,
        private_key: String::new(),
        password,
        entry,
    };
    server.wait_until_it_listens()?;
    server.read_own_keys()?;
    Ok(server)
}

fn run_asyncssh(software: Software, folder: &Path, port: u16, password: Option<&str>) -> Result<Child> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(root.join(".venv/bin/python"));
    command.arg(root.join("infra/local/sftp_server.py")).arg(folder).arg(port.to_string());
    if let Some(password) = password {
        command.args(["--password", password]);
    }
    if software == Software::FullAsyncSsh {
        command.arg("--full");
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join(LOG))?)
        .spawn()
        .context("cannot start the SFTP server of .venv; run `make up`")
}

fn new_password() -> Result<String> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes)?;
    Ok(shared::id::hex(&bytes))
}

fn key(folder: &Path, name: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    if !path.exists() {
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path))?;
    }
    Ok(path)
}

fn make_user(port: u16) -> Result<(String, String)> {
    let user = format!("xdock{port}");
    let password = new_password()?;
    run(Command::new("useradd").args([
        "--no-create-home",
        "--home-dir",
        "/",
        "--shell",
        "/usr/sbin/nologin",
        &user,
    ]))
    .context("a password needs an ordinary user on this machine: run as root")?;
    let mut chpasswd = Command::new("chpasswd").stdin(Stdio::piped()).spawn()?;
    if let Some(mut input) = chpasswd.stdin.take() {
        std::io::Write::write_all(&mut input, format!("{user}:{password}\n").as_bytes())?;
    }
    ensure!(chpasswd.wait()?.success(), "chpasswd failed");
    Ok((user, password))
}

fn current_user() -> Result<String> {
    let output = Command::new("id").arg("-un").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().into())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
