//! A Lambda Runtime API of our own: it runs a function's real binary as a process and hands it events.
//!
//! The local cloud does the same with what is deployed, but takes about 100 ms an invocation and decides itself when
//! a process lives and dies. Here the caller decides both, and gets each answer the moment it comes. One process has
//! one invocation at a time, as in Lambda. It is not a Lambda in anything else: no memory limit, no freezing between
//! invocations, and a process that is past its deadline goes on until the caller kills it.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use shared::clock;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::{Mutex, mpsc, watch},
    task::JoinHandle,
};

use crate::rows::now;

/// What became of an invocation.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The function answered.
    Answered(Bytes),
    /// The function reported an error: `errorType` and `errorMessage`.
    Failed(Bytes),
    /// The process ended without an answer.
    Died(ExitStatus),
}

impl Outcome {
    /// The answer, as JSON.
    ///
    /// # Errors
    /// When the function failed, died, or answered something else.
    pub fn answer(&self) -> Result<Value> {
        match self {
            Self::Answered(body) => Ok(serde_json::from_slice(body)?),
            Self::Failed(error) => bail!("the function failed: {}", String::from_utf8_lossy(error)),
            Self::Died(status) => bail!("the function died: {status}"),
        }
    }
}

/// A function's process. It is killed when this is dropped.
pub struct Function {
    name: String,
    pid: Option<u32>,
    invocations: mpsc::Sender<Invocation>,
    outcomes: mpsc::UnboundedReceiver<(u64, Outcome)>,
    polled: watch::Receiver<Option<Duration>>,
    killer: Killer,
    invoked: u64,
    /// By how much its clock is moved.
    clock_offset_ms: i64,
    serving: JoinHandle<()>,
}

/// Kills a function's process, from wherever it is held.
#[derive(Clone)]
pub struct Killer {
    wanted: mpsc::UnboundedSender<()>,
    ended: watch::Receiver<Option<ExitStatus>>,
}

/// The development build of a function, beside the program that asks: what `make up` has deployed.
///
/// # Errors
/// When it is not there.
pub fn development_build(function: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.ancestors().skip(1).map(|folder| folder.join(function)).find(|path| path.is_file());
    found.with_context(|| format!("{function} is not built; run `make up`"))
}

struct Invocation {
    id: u64,
    deadline_ms: i64,
    event: Bytes,
}

/// What the API's side of a process knows.
struct Api {
    name: String,
    started: Instant,
    next: Mutex<mpsc::Receiver<Invocation>>,
    outcomes: mpsc::UnboundedSender<(u64, Outcome)>,
    polled: watch::Sender<Option<Duration>>,
}

impl Function {
    /// Starts a function's binary with these variables and no others; what it prints goes to `log`. Where they move its
    /// clock, its deadlines are moved as far.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start<K: AsRef<str>, V: AsRef<str>>(
        binary: &Path,
        variables: impl IntoIterator<Item = (K, V)>,
        log: std::fs::File,
    ) -> Result<Self> {
        let name = binary.file_name().and_then(|n| n.to_str()).context("a binary has a name")?.to_string();
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr()?;
        let mut command = Command::new(binary);
        command.env_clear().kill_on_drop(true).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.envs([
            ("AWS_LAMBDA_RUNTIME_API", address.to_string().as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", &name),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/local"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
        ]);
        let mut clock_offset_ms = 0;
        for (key, value) in variables {
            if key.as_ref() == clock::OFFSET {
                clock_offset_ms = value.as_ref().parse::<i64>()? * 1000;
            }
            command.env(key.as_ref(), value.as_ref());
        }
        let (invocations, next) = mpsc::channel(1);
        let (told, outcomes) = mpsc::unbounded_channel();
        let (polling, polled) = watch::channel(None);
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let api =
            Api { name: name.clone(), started, next: Mutex::new(next), outcomes: told, polled: polling };
        let serving = tokio::spawn(serve(listener, Arc::new(api)));
        let pid = child.id();
        let killer = watch_over(child);
        Ok(Self { name, pid, invocations, outcomes, polled, killer, invoked: 0, clock_offset_ms, serving })
    }

    /// Name of the binary.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The most memory that the process has had so far, in MiB, without the pages of the program itself: those of a
    /// development build say nothing of what Lambda gets, which `make bench AREA=functions` measures.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn peak_mib(&self) -> Result<u64> {
        let pid = self.pid().context("a process")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let kib = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).context("it is told")?;
            Ok(line.trim().trim_end_matches(" kB").parse()?)
        };
        Ok((kib("VmHWM:")? - kib("RssFile:")?) / 1024)
    }

    /// Id of the process.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// A handle that kills the process.
    pub fn killer(&self) -> Killer {
        self.killer.clone()
    }

    /// Says whether the process lives.
    pub fn is_alive(&self) -> bool {
        self.killer.ended.borrow().is_none()
    }

    /// Waits until the process asks for its first event; the time from its start until then.
    ///
    /// # Errors
    /// When it ends before that.
    pub async fn first_poll(&self) -> Result<Duration> {
        let mut polled = self.polled.clone();
        let first = async { polled.wait_for(Option::is_some).await.ok().and_then(|p| *p) };
        tokio::select! {
            polled = first => polled.context("the runtime API is gone"),
            status = self.killer.ended() => bail!("{} ended before its first poll: {:?}", self.name, status?),
        }
    }

    /// Hands the process an event with a deadline `time_left` from now, and waits for what becomes of it: at most
    /// twice that long, then the process is killed as one that hangs.
    ///
    /// # Errors
    /// When the API's side breaks; whatever the function does is an [`Outcome`].
    pub async fn invoke(&mut self, event: impl Into<Bytes>, time_left: Duration) -> Result<Outcome> {
        self.invoked += 1;
        let id = self.invoked;
        let deadline_ms =
            now().as_millisecond() + self.clock_offset_ms + i64::try_from(time_left.as_millis())?;
        let killer = self.killer.clone();
        let invocation = Invocation { id, deadline_ms, event: event.into() };
        let answered = async {
            self.invocations.send(invocation).await.context("the runtime API is gone")?;
            loop {
                let (of, outcome) = self.outcomes.recv().await.context("the runtime API is gone")?;
                if of == id {
                    return Ok(outcome);
                }
            }
        };
        let hangs = tokio::time::sleep(time_left * 2);
        tokio::select! {
            biased;
            outcome = answered => outcome,
            status = killer.ended() => Ok(Outcome::Died(status?)),
            () = hangs => Ok(Outcome::Died(killer.kill().await?)),
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // If it is gone already there is no one to tell.
        let _ = self.killer.wanted.send(());
        self.serving.abort();
    }
}

impl Killer {
    /// Kills the process (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// When no one watches over it any more.
    pub async fn kill(&self) -> Result<ExitStatus> {
        let _ = self.wanted.send(()); // without a receiver it has ended already
        self.ended().await
    }

    /// Waits until the process has ended.
    async fn ended(&self) -> Result<ExitStatus> {
        let mut ended = self.ended.clone();
        let status = ended.wait_for(Option::is_some).await.map(|status| *status)?;
        status.context("a process that ended has a status")
    }
}

fn watch_over(mut child: Child) -> Killer {
    let (wanted, mut kills) = mpsc::unbounded_channel();
    let (ending, ended) = watch::channel(None);
    tokio::spawn(async move {
        let status = tokio::select! {
            status = child.wait() => status,
            _ = kills.recv() => {
                let _ = child.start_kill(); // it may have ended by itself just now
                child.wait().await
            }
        };
        ending.send_replace(status.ok());
    });
    Killer { wanted, ended }
}

async fn serve(listener: TcpListener, api: Arc<Api>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let api = api.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| answer(api.clone(), request));
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            // A connection that breaks is a process that ended.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(api: Arc<Api>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let path = request.uri().path().trim_start_matches("/2018-06-01/runtime/").to_string();
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["invocation", "next"] => {
            api.polled.send_if_modified(|polled| {
                let first = polled.is_none();
                *polled = polled.or_else(|| Some(api.started.elapsed()));
                first
            });
            let next = api.next.lock().await.recv().await.context("the function is being dropped")?;
            let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{}", api.name);
            Ok(Response::builder()
                .header("lambda-runtime-aws-request-id", next.id)
                .header("lambda-runtime-deadline-ms", next.deadline_ms)
                .header("lambda-runtime-invoked-function-arn", arn)
                .header("content-type", "application/json")
                .body(Full::new(next.event))?)
        }
        ["invocation", id, what @ ("response" | "error")] => {
            let id: u64 = id.parse().context("an id that was handed out")?;
            let body = request.into_body().collect().await?.to_bytes();
            let outcome = if *what == "response" { Outcome::Answered(body) } else { Outcome::Failed(body) };
            let _ = api.outcomes.send((id, outcome)); // no one waits for an answer that came too late
            Ok(Response::builder().status(202).body(Full::new(Bytes::new()))?)
        }
        ["init", "error"] => Ok(Response::builder().status(202).body(Full::new(Bytes::new()))?),
        _ => Ok(Response::builder().status(404).body(Full::new(Bytes::new()))?),
    }
}
