//! A target that answers as no HTTP server should: each way hurts a careless client.

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What is wrong with the answer. Nothing is ever taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rudeness {
    /// No HTTP at all.
    Garbage,
    /// 200, and then a byte of the body a second.
    SlowBody,
    /// 200, and a byte of its head a second.
    SlowHead,
    /// 200 and a body without an end.
    EndlessBody,
    /// 200 and headers without an end.
    EndlessHeaders,
    /// A connection that is reset within the head.
    ResetInHead,
    /// A connection that is reset within the body.
    ResetInBody,
    /// A body that ends before its Content-Length.
    ShortBody,
    /// A Content-Length that is no number.
    BadLength,
    /// 429 and a Retry-After that means nothing.
    BadRetryAfter,
}

/// A running target.
pub struct Rude {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Rude {
    /// Starts it.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(rudeness: Rudeness) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // The client hangs up on most of this.
                connections.spawn(async move { answer(stream, rudeness).await.unwrap_or_default() });
            }
        });
        Ok(Self { address, serving })
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Rude {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

async fn answer(mut stream: TcpStream, rudeness: Rudeness) -> std::io::Result<()> {
    // The requests of these tests come in one or two pieces; what is unread when a socket closes resets it.
    let mut request = vec![0; 64 * 1024];
    let _ = stream.read(&mut request).await?;
    let _ = tokio::time::timeout(Duration::from_millis(100), stream.read(&mut request)).await;
    match rudeness {
        Rudeness::Garbage => stream.write_all(&[0xFF; 4096]).await?,
        Rudeness::SlowBody => {
            stream.write_all(OK).await?;
            stream.write_all(b"content-length: 1000\r\n\r\n").await?;
            return drip(stream, b" ").await;
        }
        Rudeness::SlowHead => return drip(stream, OK).await,
        Rudeness::EndlessBody => {
            stream.write_all(OK).await?;
            stream.write_all(b"transfer-encoding: chunked\r\n\r\n").await?;
            let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Rudeness::EndlessHeaders => {
            stream.write_all(OK).await?;
            loop {
                stream.write_all(b"x-more: and more\r\n").await?;
            }
        }
        Rudeness::ResetInHead => {
            stream.write_all(b"HTTP/1.1 200").await?;
            stream.set_zero_linger()?;
        }
        Rudeness::ResetInBody => {
            stream.write_all(OK).await?;
            stream.write_all(b"content-length: 1000\r\n\r\n{\"results\": [").await?;
            stream.flush().await?;
            tokio::time::sleep(Duration::from_millis(200)).await;
            stream.set_zero_linger()?;
        }
        Rudeness::ShortBody => {
            stream.write_all(OK).await?;
            stream.write_all(b"content-length: 1000\r\n\r\n{}").await?;
        }
        Rudeness::BadLength => {
            stream.write_all(OK).await?;
            stream.write_all(b"content-length: many\r\n\r\n{}").await?;
        }
        Rudeness::BadRetryAfter => {
            stream.write_all(b"HTTP/1.1 429 Slow Down\r\nretry-after: when \xFF you -1 like\r\n").await?;
            stream.write_all(b"content-length: 0\r\n\r\n").await?;
        }
    }
    stream.shutdown().await
}

async fn drip(mut stream: TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    loop {
        for byte in bytes {
            stream.write_all(&[*byte]).await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
