//! How each tool is asked to do the same.

use std::fs;

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{
    client::CLIENT,
    place::{Place, Work},
};

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tool {
    /// The hub's own client.
    Hub,
    /// The same, writing a file by two connections, as a target server may allow.
    HubByTwo,
    /// OpenSSH's.
    Sftp,
    /// rclone.
    Rclone,
    /// lftp.
    Lftp,
}

impl Tool {
    pub(super) const ALL: [Self; 4] = [Self::Hub, Self::Sftp, Self::Rclone, Self::Lftp];

    pub(super) const PUTTING: [Self; 5] = [Self::Hub, Self::HubByTwo, Self::Sftp, Self::Rclone, Self::Lftp];

    /// The command by which it does a work, through a port of this machine. Settings are the tool's own, but for what
    /// it takes to enter.
    ///
    /// # Errors
    /// When what it needs cannot be written.
    pub(super) fn command(self, place: &Place, port: u16, work: Work) -> Result<Command> {
        let (from, to) = place.ends(work);
        let (from, to) = (from.display().to_string(), to.display().to_string());
        let (key, known) = (place.key().display().to_string(), place.known_hosts().display().to_string());
        let user = place.server().user();
        match self {
            Self::Hub | Self::HubByTwo => {
                let mut command = Command::new(std::env::current_exe()?);
                let what = match work {
                    Work::Put(_) if self == Self::HubByTwo => "put-by-two",
                    Work::Get(_) => "get",
                    Work::Put(_) => "put",
                    Work::GetAll(..) => "get-all",
                };
                command.args([
                    CLIENT,
                    what,
                    &port.to_string(),
                    user,
                    &key,
                    place.server().host_key(),
                    &from,
                    &to,
                ]);
                Ok(command)
            }
            Self::Sftp => {
                let orders = match work {
                    Work::Get(_) => format!("get {from} {to}\n"),
                    Work::Put(_) => format!("put {from} {to}\n"),
                    Work::GetAll(..) => format!("get -r {from} {}\n", place.near().display()),
                };
                fs::write(place.batch(), orders)?;
                let mut command = Command::new("sftp");
                command.args(["-q", "-i", &key, "-P", &port.to_string(), "-o", "BatchMode=yes"]);
                command.args(["-o", "IdentitiesOnly=yes", "-o", &format!("UserKnownHostsFile={known}")]);
                command.arg("-b").arg(place.batch()).arg(format!("{user}@127.0.0.1"));
                Ok(command)
            }
            Self::Rclone => {
                let remote = format!(
                    ":sftp,host=127.0.0.1,port={port},user={user},key_file='{key}',known_hosts_file='{known}',\
                     shell_type=none:"
                );
                let mut command = Command::new("rclone");
                command.env("RCLONE_CONFIG", "").args(["--config", ""]);
                match work {
                    Work::Get(_) => command.args(["copyto", &format!("{remote}{from}"), &to]),
                    Work::Put(_) => command.args(["copyto", &from, &format!("{remote}{to}")]),
                    Work::GetAll(..) => command.args(["copy", &format!("{remote}{from}"), &to]),
                };
                Ok(command)
            }
            Self::Lftp => {
                let connect =
                    format!("ssh -a -x -i {key} -o IdentitiesOnly=yes -o UserKnownHostsFile={known}");
                let order = match work {
                    Work::Get(_) => format!("get {from} -o {to}"),
                    Work::Put(_) => format!("put {from} -o {to}"),
                    Work::GetAll(..) => format!("mirror {from} {to}"),
                };
                let script = format!(
                    "set sftp:connect-program '{connect}'; open -u {user},none sftp://127.0.0.1:{port}; {order}"
                );
                let mut command = Command::new("lftp");
                command.args(["--norc", "-c", &script]);
                Ok(command)
            }
        }
    }
}

/// Says what is missing here of what is compared.
///
/// # Errors
/// When something is.
pub(super) fn are_there() -> Result<()> {
    for tool in ["sftp", "rclone", "lftp"] {
        let found = std::process::Command::new("sh").args(["-c", &format!("command -v {tool}")]).output()?;
        found.status.success().then_some(()).with_context(|| format!("{tool} is not here"))?;
    }
    Ok(())
}
