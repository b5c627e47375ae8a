//! The server of a push: one session, used from blocking threads.

use std::sync::{Arc, Mutex, PoisonError};

use shared::{
    aws::{AwsError, gates::Of},
    sftp::{Client, Server, SftpError},
    target_server::TargetServer,
};

use crate::{Context, error::Stop, limit::Limit};

/// An authenticated session, and the folder that the target server names.
#[derive(Clone)]
pub(crate) struct Remote {
    client: Arc<Mutex<Client>>,
    folder: String,
    /// User and address.
    login: String,
}

impl Remote {
    /// Connects: addresses are checked after DNS, the host key against the pins, before anything is sent.
    pub(crate) async fn connect(
        context: &Context,
        of: Of<'_>,
        target: &TargetServer,
        limit: &Limit,
    ) -> Result<Self, Stop> {
        let account = context.table.account(of.account).await?;
        let account = account.ok_or_else(|| AwsError::damaged("the account", "it has been removed"))?;
        let key = context.vault.open(of.account, &account.data_key).await?;
        let networks = &account.account.allowed_networks;
        let server = match Server::of(of.account, of.target_server, target, networks, key.bytes()) {
            Ok(Some(server)) => server,
            Ok(None) => return Err(Stop::settings("bad_address", "the address is not host or host:port")),
            Err(error) => return Err(Stop::settings("secret_unusable", &error.to_string())),
        };
        let patience = limit.patience();
        let client = blocking(move || Client::connect(&server, patience)).await?;
        let login = format!("{}@{}", target.auth.user.as_deref().unwrap_or_default(), target.address);
        let folder = target.path.clone().unwrap_or_default().trim_end_matches('/').to_string();
        Ok(Self { client: Arc::new(Mutex::new(client)), folder, login })
    }

    /// Runs blocking calls on the session.
    pub(crate) async fn call<T, F>(&self, work: F) -> Result<T, Stop>
    where
        T: Send + 'static,
        F: FnOnce(&mut Client) -> Result<T, SftpError> + Send + 'static,
    {
        let client = self.client.clone();
        blocking(move || work(&mut client.lock().unwrap_or_else(PoisonError::into_inner))).await
    }

    /// The path of a file of the folder.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// Where files go: another server, user or folder is another place.
    pub(crate) fn place(&self) -> String {
        format!("{}{}/", self.login, self.folder)
    }

    /// Removes a file of the hub's own that is in nobody's way. Servers that allow no removal keep it.
    pub(crate) async fn remove_quietly(&self, name: &str) {
        match self.exists(name).await {
            Ok(false) => return,
            Ok(true) => {}
            Err(stop) => return tracing::warn!(%stop, "a temporary file could not be looked for"),
        }
        let path = self.path(name);
        if let Err(stop) = self.call(move |client| client.unlink(&path)).await {
            tracing::warn!(%stop, "a temporary file stays on the server");
        }
    }

    pub(crate) async fn exists(&self, name: &str) -> Result<bool, Stop> {
        let path = self.path(name);
        self.call(move |client| client.exists(&path)).await
    }
}

async fn blocking<T, F>(work: F) -> Result<T, Stop>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, SftpError> + Send + 'static,
{
    Ok(tokio::task::spawn_blocking(work).await.map_err(Stop::task)??)
}
