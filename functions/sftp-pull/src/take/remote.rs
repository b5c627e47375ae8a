//! The server of a run: one session, used from blocking threads.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use shared::{
    aws::{
        AwsError,
        connections::{ConnectionPlace, Wanted},
    },
    connection::FilesSide,
    run::{Run, Transfer},
    sftp::{Client, Listing, RemoteFile, Server, SftpError},
    target_server::TargetServer,
};

use crate::{Context, error::Stop, limit::Limit};

/// An authenticated session and the folder that the target server names.
#[derive(Clone)]
pub(super) struct Remote {
    client: Arc<Mutex<Client>>,
    pub(super) folder: String,
    place: ConnectionPlace,
    software: String,
    cipher: String,
}

/// How often a server hears from the hub while it waits for something.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

impl Remote {
    pub(super) async fn connect(
        context: &Context,
        run: &Run,
        source: &FilesSide,
        limit: &Limit,
    ) -> Result<Self, Stop> {
        let id = &source.target_server;
        let found = context.table.find::<TargetServer>(&run.account, id).await?;
        let Some(target) = found.map(|f| f.resource.settings) else {
            return Err(Stop::settings("no_target_server", "the source's target server has been removed"));
        };
        let server = server(context, run, id, &target).await?;
        let wanted = Wanted { account: &run.account, target: &target, holder: &run.id };
        let place = context.table.take_connection(wanted, (context.clock)(), limit.held_until()).await?;
        let place = place.ok_or_else(|| {
            let most = target.sftp.connections();
            Stop::Busy(format!(
                "all {most} connections that the hub may have to {} are in use; raise sftp.connections, or spread the \
                 schedules",
                target.address
            ))
        })?;
        let patience = limit.patience();
        let connected = blocking(move || {
            let client = Client::connect(&server, patience)?;
            Ok((client.software(), client.cipher(), client))
        });
        match connected.await {
            Ok((software, cipher, client)) => Ok(Self {
                client: Arc::new(Mutex::new(client)),
                folder: target.path.unwrap_or_default(),
                place,
                software,
                cipher,
            }),
            Err(stop) => {
                context.table.leave_connection(place).await;
                Err(stop)
            }
        }
    }

    /// Another session beside one that is there, if there is a place for it.
    pub(super) async fn beside(
        context: &Context,
        run: &Run,
        source: &FilesSide,
        limit: &Limit,
    ) -> Option<Self> {
        match Self::connect(context, run, source, limit).await {
            Ok(remote) => Some(remote),
            Err(stop) => {
                tracing::info!("large files are taken one after another: {stop}");
                None
            }
        }
    }

    /// Lets the next one have the connection's place.
    pub(super) async fn leave(self, context: &Context) {
        // Its own session ends before.
        let Self { client, place, .. } = self;
        drop(client);
        context.table.leave_connection(place).await;
    }

    /// Waits, and has the server hear meanwhile that somebody is there.
    pub(super) async fn wait(&self, time: Duration) -> Result<(), Stop> {
        let mut left = time;
        while left > KEEP_ALIVE {
            tokio::time::sleep(KEEP_ALIVE).await;
            left -= KEEP_ALIVE;
            self.call(Client::keep_alive).await?;
        }
        tokio::time::sleep(left).await;
        Ok(())
    }

    /// How a file was carried that came in this time.
    pub(super) fn transfer(&self, started: Timestamp, now: Timestamp) -> Transfer {
        Transfer {
            duration_ms: now.duration_since(started).as_millis().try_into().unwrap_or(0),
            attempts: 1,
            server: self.software.clone(),
            cipher: self.cipher.clone(),
        }
    }

    /// Runs blocking calls on the session.
    pub(super) async fn call<T, F>(&self, work: F) -> Result<T, Stop>
    where
        T: Send + 'static,
        F: FnOnce(&mut Client) -> Result<T, SftpError> + Send + 'static,
    {
        let client = self.client.clone();
        blocking(move || work(&mut lock(&client))).await
    }

    pub(super) async fn list(&self) -> Result<Listing, Stop> {
        let folder = self.folder.clone();
        self.call(move |client| client.list(&folder)).await
    }

    pub(super) async fn is_gone(&self, file: &RemoteFile) -> Result<bool, Stop> {
        let path = file.path.clone();
        self.call(move |client| match client.stat(&path) {
            Ok(_) => Ok(false),
            Err(SftpError::NotFound(_)) => Ok(true),
            Err(e) => Err(e),
        })
        .await
    }

    /// A folder as the settings name it: absolute, or within the server's folder.
    pub(super) fn folder_for(&self, folder: &str) -> String {
        match folder.starts_with('/') {
            true => folder.to_string(),
            false => format!("{}/{folder}", self.folder.trim_end_matches('/')),
        }
    }
}

fn lock(client: &Mutex<Client>) -> MutexGuard<'_, Client> {
    client.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn blocking<T, F>(work: F) -> Result<T, Stop>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, SftpError> + Send + 'static,
{
    Ok(tokio::task::spawn_blocking(work).await.map_err(Stop::task)??)
}

async fn server(context: &Context, run: &Run, id: &str, target: &TargetServer) -> Result<Server, Stop> {
    let account = context.table.account(&run.account).await?;
    let account = account.ok_or_else(|| AwsError::damaged("the account", "it has been removed"))?;
    let key = context.vault.open(&run.account, &account.data_key).await?;
    match Server::of(&run.account, id, target, &account.account.allowed_networks, key.bytes()) {
        Ok(Some(server)) => Ok(server),
        Ok(None) => Err(Stop::settings("bad_address", "the source's address is not host or host:port")),
        Err(error) => Err(Stop::settings("secret_unusable", &error.to_string())),
    }
}
