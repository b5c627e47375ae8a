//! A TCP proxy before a real SFTP server, which makes the connection misbehave at a chosen byte.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinHandle,
};

use crate::wait::until;

/// What becomes of the server's bytes, counted in each connection by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// They pass.
    Open,
    /// After so many bytes nothing comes any more, and the connection stays open.
    Silent(u64),
    /// After so many bytes the connection is cut.
    Cut(u64),
    /// So many bytes pass in a second.
    Slow(u64),
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
    passed: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

/// Bytes that pass at once.
const PIECE: usize = 16 * 1024;

impl Proxy {
    /// Starts a proxy before a server.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(server: String, line: Line) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (line, seen) = watch::channel(line);
        let passed = Arc::new(AtomicU64::new(0));
        let count = passed.clone();
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let (server, seen, count) = (server.clone(), seen.clone(), count.clone());
                connections.spawn(async move {
                    // A connection that breaks is what this is for.
                    let _ = join(near, &server, seen, count).await;
                });
            }
        });
        Ok(Self { address, line, passed, serving })
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Changes what becomes of the server's bytes, in connections that there are too.
    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// Waits until so many bytes of the server have passed, over all connections.
    ///
    /// # Errors
    /// When they don't.
    pub async fn has_passed(&self, bytes: u64) -> Result<()> {
        until(&format!("{bytes} bytes through the proxy"), Duration::from_secs(60), async || {
            Ok((self.passed.load(Ordering::Relaxed) >= bytes).then_some(()))
        })
        .await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn join(
    near: TcpStream,
    server: &str,
    line: watch::Receiver<Line>,
    count: Arc<AtomicU64>,
) -> std::io::Result<()> {
    let far = TcpStream::connect(server).await?;
    let (mut near_read, near_write) = near.into_split();
    let (far_read, mut far_write) = far.into_split();
    tokio::select! {
        upwards = tokio::io::copy(&mut near_read, &mut far_write) => upwards.map(|_| ()),
        downwards = pass(far_read, near_write, line, count) => downwards,
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
    count: Arc<AtomicU64>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut passed: u64 = 0;
    loop {
        let now = *line.borrow_and_update();
        let room = match now {
            Line::Silent(after) | Line::Cut(after) => after.saturating_sub(passed),
            Line::Open | Line::Slow(_) => u64::MAX,
        };
        if room == 0 {
            if matches!(now, Line::Cut(_)) || line.changed().await.is_err() {
                return Ok(());
            }
            continue;
        }
        let most = usize::try_from(room).unwrap_or(usize::MAX).min(PIECE);
        let read = from.read(&mut buffer[..most]).await?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read]).await?;
        passed += read as u64;
        count.fetch_add(read as u64, Ordering::Relaxed);
        if let Line::Slow(bytes) = now {
            tokio::time::sleep(Duration::from_secs_f64(read as f64 / bytes as f64)).await;
        }
    }
}
