//! `rclone serve sftp`: its rename replaces what has the name.

use std::path::Path;

use anyhow::Result;

use super::{Prepared, Starting, key, needs};

const RCLONE: &str = "/usr/bin/rclone";

pub(super) fn prepare(folder: &Path, port: u16) -> Result<Prepared> {
    needs(RCLONE, "rclone")?;
    let host_key = key(folder, "host_key")?;
    let client_key = key(folder, "client_key")?;
    let starting = Starting::new(RCLONE)
        .args(["serve", "sftp", "/", "--addr"])
        .arg(format!("127.0.0.1:{port}"))
        .arg("--key")
        .arg(host_key)
        .arg("--authorized-keys")
        .arg(client_key.with_extension("pub"))
        .args(["--config", "/dev/null", "--dir-cache-time", "0", "--vfs-cache-mode", "off"]);
    Ok(Prepared { starting, user: "crossdock".into(), made_user: false, password: None })
}
