//! The server of a push: one session, used from blocking threads.

use std::sync::{Arc, Mutex, PoisonError};

use shared::{
    aws::{
        AwsError,
        connections::{ConnectionPlace, Wanted},
        gates::Of,
    },
    sftp::{Client, Server, SftpError},
    target_server::TargetServer,
};

use crate::{Context, error::Stop, limit::Limit};

/// An authenticated session, another beside it where large files are written by two, and the folder that the target
/// server names.
#[derive(Clone)]
pub(crate) struct Remote {
    client: Arc<Mutex<Client>>,
    second: Option<Arc<Mutex<Client>>>,
    connections: Vec<ConnectionPlace>,
    folder: String,
    /// User and address.
    login: String,
    software: String,
    cipher: String,
}

/// From which size on a file is written by two sessions.
const LARGE_BYTES: u64 = 8 * 1024 * 1024;

impl Remote {
    /// Connects: addresses are checked after DNS, the host key against the pins, before anything is sent.
    pub(crate) async fn connect(
        context: &Context,
        of: Of<'_>,
        target: &TargetServer,
        run: &str,
        limit: &Limit,
    ) -> Result<Self, Stop> {
        let server = server(context, of, target).await?;
        let wanted = Wanted { account: of.account, target, holder: run };
        let now = (context.clock)();
        let Some(place) = context.table.take_connection(wanted, now, limit.held_until()).await? else {
            let most = target.sftp.connections();
            return Err(Stop::Busy(format!(
                "all {most} connections that the hub may have to {} are in use; raise sftp.connections, or spread the \
                 schedules",
                target.address
            )));
        };
        let mut connections = vec![place];
        if target.sftp.upload_connections == Some(2) {
            // Where there is no place for it, one does.
            let second = context.table.take_connection(wanted, now, limit.held_until()).await;
            connections.extend(second.unwrap_or_else(|error| {
                tracing::warn!(%error, "no place for a second connection could be taken");
                None
            }));
        }
        let (patience, has_second) = (limit.patience(), connections.len() > 1);
        let connected = blocking(move || {
            std::thread::scope(|scope| {
                let beside = has_second.then(|| scope.spawn(|| Client::connect(&server, patience)));
                let mut client = Client::connect(&server, patience)?;
                client.start()?;
                let second = beside.and_then(|beside| match beside.join() {
                    Ok(Ok(second)) => Some(second),
                    Ok(Err(error)) => {
                        tracing::warn!(%error, "large files are written by one session: there is no second");
                        None
                    }
                    Err(_) => None,
                });
                Ok((client, second))
            })
        });
        let (client, second) = match connected.await {
            Ok(connected) => connected,
            Err(stop) => {
                leave(context, connections).await;
                return Err(stop);
            }
        };
        Ok(Self {
            software: client.software(),
            cipher: client.cipher(),
            client: Arc::new(Mutex::new(client)),
            second: second.map(|second| Arc::new(Mutex::new(second))),
            connections,
            folder: target.path.clone().unwrap_or_default().trim_end_matches('/').to_string(),
            login: format!("{}@{}", target.auth.user.as_deref().unwrap_or_default(), target.address),
        })
    }

    /// Lets the next one have the connections' places.
    pub(crate) async fn leave(self, context: &Context) {
        // The sessions end before.
        let Self { client, second, connections, .. } = self;
        drop((client, second));
        leave(context, connections).await;
    }

    /// What the server says it is.
    pub(crate) fn software(&self) -> &str {
        &self.software
    }

    /// What is sent is encrypted by this.
    pub(crate) fn cipher(&self) -> &str {
        &self.cipher
    }

    /// Runs blocking calls on both sessions, where there is a second and the file is large enough for it.
    pub(crate) async fn call_both<T, F>(&self, size_bytes: u64, work: F) -> Result<T, Stop>
    where
        T: Send + 'static,
        F: FnOnce(&mut Client, Option<&mut Client>) -> Result<T, SftpError> + Send + 'static,
    {
        let (client, second) = (self.client.clone(), self.second.clone());
        blocking(move || {
            let mut client = client.lock().unwrap_or_else(PoisonError::into_inner);
            let second = second.as_ref().filter(|_| size_bytes >= LARGE_BYTES);
            let mut second = second.map(|second| second.lock().unwrap_or_else(PoisonError::into_inner));
            work(&mut client, second.as_deref_mut())
        })
        .await
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

/// What it takes to enter a target server, with its secrets opened.
pub(crate) async fn server(context: &Context, of: Of<'_>, target: &TargetServer) -> Result<Server, Stop> {
    let account = context.table.account(of.account).await?;
    let account = account.ok_or_else(|| AwsError::damaged("the account", "it has been removed"))?;
    let key = context.vault.open(of.account, &account.data_key).await?;
    let networks = &account.account.allowed_networks;
    match Server::of(of.account, of.target_server, target, networks, key.bytes()) {
        Ok(Some(server)) => Ok(server),
        Ok(None) => Err(Stop::settings("bad_address", "the address is not host or host:port")),
        Err(error) => Err(Stop::settings("secret_unusable", &error.to_string())),
    }
}

async fn leave(context: &Context, connections: Vec<ConnectionPlace>) {
    for place in connections {
        context.table.leave_connection(place).await;
    }
}

async fn blocking<T, F>(work: F) -> Result<T, Stop>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, SftpError> + Send + 'static,
{
    Ok(tokio::task::spawn_blocking(work).await.map_err(Stop::task)??)
}
