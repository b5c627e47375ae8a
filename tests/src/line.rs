//! A line to a server on this machine that is as long as one wishes.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// Bytes that are on their way in one direction at most: enough for a gigabyte a second over 80 ms.
const ON_THE_WAY: usize = 80 * 1024 * 1024;

const PIECE: usize = 64 * 1024;

/// A line; with no round trip at all it is the server's own port.
pub struct Line {
    port: u16,
    serving: Option<JoinHandle<()>>,
}

impl Line {
    /// Opens a line to a server, `host:port`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(server: String, round_trip_ms: u64) -> Result<Self> {
        if round_trip_ms == 0 {
            let (_, port) = server.rsplit_once(':').context("an address has a port")?;
            return Ok(Self { port: port.parse()?, serving: None });
        }
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let port = listener.local_addr()?.port();
        let one_way = Duration::from_millis(round_trip_ms) / 2;
        let serving = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move {
                    // A connection that ends is no failure of the line's.
                    let Ok(far) = TcpStream::connect(server).await else { return };
                    let _ = (near.set_nodelay(true), far.set_nodelay(true));
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    tokio::join!(carry(near_in, far_out, one_way), carry(far_in, near_out, one_way));
                });
            }
        });
        Ok(Self { port, serving: Some(serving) })
    }

    /// The port on this machine where it begins.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

/// Carries bytes one way, each after the same time.
async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    takes: Duration,
) {
    let room = Arc::new(Semaphore::new(ON_THE_WAY));
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let releasing = room.clone();
    let arriving = async move {
        while let Some((at, bytes)) = receiver.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
            releasing.add_permits(bytes.len());
        }
        let _ = to.shutdown().await;
    };
    let leaving = async move {
        let mut buffer = vec![0; PIECE];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let at = Instant::now() + takes;
            let Ok(permits) = room.acquire_many(u32::try_from(read).unwrap_or(u32::MAX)).await else {
                return;
            };
            permits.forget();
            if sender.send((at, buffer[..read].to_vec())).is_err() {
                return;
            }
        }
    };
    tokio::join!(arriving, leaving);
}
