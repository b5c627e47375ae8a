//! The SFTP side: real sshd and real sftp-server, with the harness between them.
//!
//! sshd runs `relay.py` in the place of its subsystem, which joins the session to the harness. The harness runs
//! OpenSSH's sftp-server, hands packets on, counts requests, and interrupts the one that is planned.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
    sync,
    task::JoinHandle,
};

use super::{
    Plan,
    plan::{Mode, Way},
};
use crate::sftp_server::SftpServer;

const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";
const INIT: u8 = 1;
const WRITE: u8 = 6;
const STATUS: u8 = 101;
const DATA: u8 = 103;
const FAILURE: u32 = 4;

/// How long a client gets to read what was answered before its session is broken off.
const UNTIL_READ: Duration = Duration::from_millis(200);

/// Says whether this machine has what it takes: OpenSSH's server and its sftp-server.
pub fn is_there(server: &SftpServer) -> bool {
    server.software() == "OpenSSH" && Path::new(SFTP_SERVER).exists()
}

/// The harness's side of the relays: plans by the port that sessions come to.
pub struct Gate {
    plans: Arc<Mutex<HashMap<u16, Arc<Plan>>>>,
    /// Where the relays come.
    pub port: u16,
    serving: JoinHandle<()>,
}

impl Gate {
    /// Listens for relays.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn open() -> Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let port = listener.local_addr()?.port();
        let plans = Arc::new(Mutex::new(HashMap::new()));
        let of_ports = plans.clone();
        let serving = tokio::spawn(async move {
            let mut sessions = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let plans = of_ports.clone();
                // A session that ends with an error is one that was cut.
                sessions.spawn(async move {
                    let _ = session(stream, &plans).await;
                });
            }
        });
        Ok(Self { plans, port, serving })
    }

    /// What sshd runs in the place of its SFTP subsystem.
    pub fn relay(&self) -> String {
        let relay = Path::new(env!("CARGO_MANIFEST_DIR")).join("faults/relay.py");
        format!("python3 -SE {} {}", relay.display(), self.port)
    }

    /// Sessions that come to this port of sshd go by this plan.
    pub fn plan(&self, port: u16, plan: Arc<Plan>) {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).insert(port, plan);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn session(stream: TcpStream, plans: &Mutex<HashMap<u16, Arc<Plan>>>) -> Result<()> {
    stream.set_nodelay(true)?;
    let (requests, answers) = stream.into_split();
    let mut requests = BufReader::new(requests);
    let mut port = String::new();
    requests.read_line(&mut port).await?;
    let port: u16 = port.trim().parse()?;
    let plan = plans.lock().unwrap_or_else(PoisonError::into_inner).get(&port).cloned();
    // The server's own port is no world's, and counts nothing.
    let plan = plan.unwrap_or_else(|| Plan::new(None));
    let mut server = Command::new(SFTP_SERVER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let (to, from) = server.stdin.take().zip(server.stdout.take()).context("its streams are piped")?;
    let session =
        Session { plan: &plan, to_client: sync::Mutex::new(answers), interrupts_answer: Mutex::new(None) };
    tokio::select! {
        ended = session.requests(requests, to) => ended,
        ended = session.answers(BufReader::new(from)) => ended,
    }
}

struct Session<'a, W> {
    plan: &'a Plan,
    to_client: sync::Mutex<W>,
    /// The request whose answer is not to arrive.
    interrupts_answer: Mutex<Option<(u32, Mode)>>,
}

impl<W: AsyncWrite + Unpin> Session<'_, W> {
    async fn requests(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> Result<()> {
        let mut written_bytes = 0;
        while let Some(packet) = packet(&mut from).await? {
            let kind = packet.first().copied().unwrap_or_default();
            let mode = match kind {
                INIT => None,
                kind => self.plan.meet(&format!("sftp:{}", name(kind)), None),
            };
            match (mode, id(&packet)) {
                (Some(Mode::KilledBefore), _) => {
                    self.plan.kill().await?;
                    bail!("killed")
                }
                (Some(Mode::CutBefore), _) => bail!("cut"),
                (Some(Mode::Fails), Some(id)) => self.answer(&status(id)).await?,
                (Some(mode @ (Mode::KilledAfter | Mode::AnswerLostOnce)), Some(id)) => {
                    *self.interrupts_answer.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, mode));
                    send(&mut to, &packet).await?;
                }
                _ => send(&mut to, &packet).await?,
            }
            if kind == WRITE {
                written_bytes += packet.len();
                self.break_off(Way::Up, written_bytes).await?;
            }
        }
        Ok(())
    }

    /// Ends the session, where it is to be broken off after so many bytes, once the client has read what is on its way:
    /// how far it got is then the same each time.
    async fn break_off(&self, way: Way, carried_bytes: usize) -> Result<()> {
        if self.plan.breaks_off(way, carried_bytes) {
            tokio::time::sleep(UNTIL_READ).await;
            bail!("broken off");
        }
        Ok(())
    }

    async fn answers(&self, mut from: impl AsyncRead + Unpin) -> Result<()> {
        let mut read_bytes = 0;
        while let Some(packet) = packet(&mut from).await? {
            let interrupted = *self.interrupts_answer.lock().unwrap_or_else(PoisonError::into_inner);
            match interrupted {
                Some((of, mode)) if id(&packet) == Some(of) => {
                    if matches!(mode, Mode::KilledAfter) {
                        self.plan.kill().await?;
                    }
                    bail!("interrupted")
                }
                _ => self.answer(&packet).await?,
            }
            if packet.first() == Some(&DATA) {
                read_bytes += packet.len();
                self.break_off(Way::Down, read_bytes).await?;
            }
        }
        Ok(())
    }

    async fn answer(&self, packet: &[u8]) -> Result<()> {
        send(&mut *self.to_client.lock().await, packet).await
    }
}

async fn packet(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<Vec<u8>>> {
    let Ok(length) = from.read_u32().await else { return Ok(None) };
    let mut packet = vec![0; usize::try_from(length)?];
    from.read_exact(&mut packet).await?;
    Ok(Some(packet))
}

async fn send(to: &mut (impl AsyncWrite + Unpin), packet: &[u8]) -> Result<()> {
    let mut framed = u32::try_from(packet.len())?.to_be_bytes().to_vec();
    framed.extend_from_slice(packet);
    to.write_all(&framed).await?;
    Ok(to.flush().await?)
}

fn id(packet: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(packet.get(1..5)?.try_into().ok()?))
}

/// An answer that only says that the request failed.
fn status(id: u32) -> Vec<u8> {
    let mut packet = vec![STATUS];
    packet.extend(id.to_be_bytes());
    packet.extend(FAILURE.to_be_bytes());
    for text in ["injected", ""] {
        packet.extend((text.len() as u32).to_be_bytes());
        packet.extend(text.as_bytes());
    }
    packet
}

/// Source: draft-ietf-secsh-filexfer-02, section 3.
fn name(kind: u8) -> &'static str {
    match kind {
        3 => "Open",
        4 => "Close",
        5 => "Read",
        6 => "Write",
        7 => "Lstat",
        8 => "Fstat",
        11 => "Opendir",
        12 => "Readdir",
        13 => "Remove",
        14 => "Mkdir",
        16 => "Realpath",
        17 => "Stat",
        18 => "Rename",
        200 => "Extended",
        _ => "Other",
    }
}
