//! OpenSSH with its internal SFTP server.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::{Entry, Prepared, Starting, key, new_password, own, run};

pub(super) const CONFIG: &str = "sshd_config";
const SSHD: &str = "/usr/sbin/sshd";

pub(super) fn is_there() -> bool {
    Path::new(SSHD).exists()
}

pub(super) fn prepare(folder: &Path, port: u16, entry: &Entry) -> Result<Prepared> {
    let host_key = key(folder, "host_key")?;
    let client_key = key(folder, "client_key")?;
    let (user, password) = match entry {
        Entry::Key => (own("-un")?, None),
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
    // As root sshd wants its privilege separation folder, which a service manager would have made.
    let _ = fs::create_dir_all("/run/sshd");
    let starting = Starting::new(SSHD).args(["-D", "-e", "-f"]).arg(folder.join(CONFIG));
    Ok(Prepared { starting, user, made_user: *entry != Entry::Key, password })
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
