//! dropbear, with OpenSSH's SFTP server behind it. Its channels have small windows.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::Result;

use super::{Prepared, Starting, key, needs, own, run};

const DROPBEAR: &str = "/usr/sbin/dropbear";

pub(super) fn prepare(folder: &Path, port: u16) -> Result<Prepared> {
    needs(DROPBEAR, "dropbear-bin")?;
    needs("/usr/lib/sftp-server", "openssh-sftp-server")?;
    let host_key = key(folder, "host_key")?;
    let client_key = key(folder, "client_key")?;
    let own_form = folder.join("host_key.dropbear");
    if !own_form.exists() {
        run(Command::new("dropbearconvert").args(["openssh", "dropbear"]).args([&host_key, &own_form]))?;
    }
    // It reads who may enter from the home folder, so the user gets another one.
    let home = folder.join("home");
    fs::create_dir_all(home.join(".ssh"))?;
    let authorized = home.join(".ssh/authorized_keys");
    fs::copy(client_key.with_extension("pub"), &authorized)?;
    for (path, mode) in [(&home, 0o700), (&home.join(".ssh"), 0o700), (&authorized, 0o600)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    let (user, group) = (own("-un")?, own("-gn")?);
    let (user_id, group_id) = (own("-u")?, own("-g")?);
    fs::write(folder.join("passwd"), format!("{user}:x:{user_id}:{group_id}::{}:/bin/sh\n", home.display()))?;
    fs::write(folder.join("group"), format!("{group}:x:{group_id}:\n"))?;
    let starting = Starting::new(DROPBEAR)
        .args(["-F", "-E", "-m", "-s", "-j", "-k", "-r"])
        .arg(own_form)
        .args(["-P", "", "-p"])
        .arg(format!("127.0.0.1:{port}"))
        .env("LD_PRELOAD", "libnss_wrapper.so")
        .env("NSS_WRAPPER_PASSWD", folder.join("passwd"))
        .env("NSS_WRAPPER_GROUP", folder.join("group"));
    Ok(Prepared { starting, user, made_user: false, password: None })
}
