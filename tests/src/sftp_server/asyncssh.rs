//! asyncssh, from `.venv`: a second make of server everywhere, and one that fails on purpose.

use std::path::Path;

use anyhow::{Result, bail};

use super::{Entry, Prepared, Starting, new_password};

pub(super) fn prepare(faults: &str, folder: &Path, port: u16, entry: &Entry) -> Result<Prepared> {
    let password = match entry {
        Entry::Key => None,
        Entry::Password => Some(new_password()?),
        Entry::KeyThenPassword => bail!("{entry:?} needs OpenSSH: apt-get install openssh-server"),
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut starting = Starting::new(root.join(".venv/bin/python"))
        .arg(root.join("infra/local/sftp_server.py"))
        .arg(folder)
        .arg(port.to_string());
    if let Some(password) = &password {
        starting = starting.args(["--password", password]);
    }
    for fault in faults.split_whitespace() {
        starting = match fault {
            "once" => starting.arg("--once"),
            fault => starting.args(["--fault", fault]),
        };
    }
    Ok(Prepared { starting, user: "crossdock".into(), made_user: false, password })
}
