//! ProFTPD with mod_sftp, on users of its own.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::{Result, ensure};

use super::{Prepared, Starting, key, needs, own};

const USER: &str = "crossdock";
const PROFTPD: &str = "/usr/sbin/proftpd";
const MODULES: &str = "/usr/lib/proftpd";

pub(super) fn prepare(folder: &Path, port: u16) -> Result<Prepared> {
    needs(PROFTPD, "proftpd-core proftpd-mod-crypto")?;
    needs(&format!("{MODULES}/mod_sftp.so"), "proftpd-core proftpd-mod-crypto")?;
    key(folder, "host_key")?;
    let client_key = key(folder, "client_key")?;
    // It knows no other form of public keys.
    let other_form = Command::new("ssh-keygen")
        .args(["-e", "-m", "RFC4716", "-f"])
        .arg(client_key.with_extension("pub"))
        .output()?;
    ensure!(other_form.status.success(), "{}", String::from_utf8_lossy(&other_form.stderr));
    fs::write(folder.join("authorized_keys.rfc4716"), other_form.stdout)?;
    let (user, group) = (own("-u")?, own("-g")?);
    for (name, line) in [
        ("passwd", format!("{USER}:*:{user}:{group}::/:/bin/sh\n")),
        ("group", format!("{USER}:x:{group}:\n")),
    ] {
        fs::write(folder.join(name), line)?;
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600))?;
    }
    fs::create_dir_all(folder.join("run"))?;
    let config = folder.join("proftpd.conf");
    fs::write(&config, configuration(&folder.display().to_string(), port)?)?;
    let starting = Starting::new(PROFTPD).args(["-n", "-q", "-c"]).arg(config);
    Ok(Prepared { starting, user: USER.into(), made_user: false, password: None })
}

fn configuration(folder: &str, port: u16) -> Result<String> {
    let (user, group) = (own("-un")?, own("-gn")?);
    Ok(format!(
        "ModulePath {MODULES}
LoadModule mod_sftp.c
ServerName crossdock
ServerType standalone
DefaultServer on
DefaultAddress 127.0.0.1
Port {port}
SocketBindTight on
UseIPv6 off
UseReverseDNS off
WtmpLog off
User {user}
Group {group}
PidFile {folder}/run/pid
ScoreboardFile {folder}/run/scoreboard
DelayTable none
TransferLog none
SystemLog {folder}/run/system.log
MaxInstances 100
Umask 022
AllowOverwrite on
AllowStoreRestart on
AllowRetrieveRestart on
TimesGMT on
RequireValidShell off
RootLogin on
AuthOrder mod_auth_file.c
AuthUserFile {folder}/passwd
AuthGroupFile {folder}/group
<IfModule mod_ctrls.c>
  ControlsEngine off
</IfModule>
<IfModule mod_sftp.c>
  SFTPEngine on
  SFTPLog {folder}/run/sftp.log
  SFTPHostKey {folder}/host_key
  SFTPAuthMethods publickey
  SFTPAuthorizedUserKeys file:{folder}/authorized_keys.rfc4716
</IfModule>
"
    ))
}
