//! How many connections the hub has to an SFTP server at once, over all functions: a place for each.
//!
//! A server counts by address and user, and one server has many folders: so do the places of an account.

use jiff::Timestamp;

use super::{AwsError, Table, gates::Of};
use crate::target_server::TargetServer;

/// Who wants a connection, and to where.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Account.
    pub account: &'a str,
    /// The server.
    pub target: &'a TargetServer,
    /// What it is for: only who names the same gives the place back.
    pub holder: &'a str,
}

/// A place that was taken.
#[derive(Clone, Debug)]
pub struct ConnectionPlace {
    account: String,
    login: String,
    place: u32,
    holder: String,
}

/// What a server counts its connections by.
fn login(target: &TargetServer) -> String {
    let (host, port) = target.host_port().unwrap_or((&target.address, 0));
    let user = target.auth.user.as_deref().unwrap_or_default();
    format!("{user}@{}:{port}", host.to_ascii_lowercase())
}

impl Table {
    /// Takes a place for a connection, until `until` at most; `None` when all are taken.
    ///
    /// # Errors
    /// When a call fails.
    pub async fn take_connection(
        &self,
        wanted: Wanted<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<ConnectionPlace>, AwsError> {
        let login = login(wanted.target);
        let of = Of { account: wanted.account, target_server: &login };
        let most = wanted.target.sftp.connections();
        let place = self.take_place(of, most, wanted.holder, until, now).await?;
        Ok(place.map(|place| ConnectionPlace {
            account: wanted.account.into(),
            login: login.clone(),
            place,
            holder: wanted.holder.into(),
        }))
    }

    /// Gives a place back; where that fails, it is free again at the end of its time.
    pub async fn leave_connection(&self, place: ConnectionPlace) {
        let of = Of { account: &place.account, target_server: &place.login };
        if let Err(error) = self.give_place_back(of, place.place, &place.holder).await {
            tracing::warn!(%error, "the place of a connection was not given back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn folders_of_one_server_and_user_share_their_connections() {
        let login = |address: &str, path: &str, user: &str| {
            let target = json!({ "name": "n", "kind": "sftp_import", "address": address, "path": path,
                "auth": { "user": user, "password": "p" } });
            login(&serde_json::from_value(target).unwrap())
        };
        assert_eq!(login("Files.Example", "/a", "u"), login("files.example:22", "/b", "u"));
        assert_ne!(login("files.example", "/a", "u"), login("files.example", "/a", "v"));
        assert_ne!(login("files.example", "/a", "u"), login("files.example:2222", "/a", "u"));
    }
}
