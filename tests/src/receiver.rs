//! A real HTTP receiver that takes batches and keeps a log of what it took.
//!
//! It remembers batches by their Idempotency-Key, as a careful target does: the same batch twice is
//! answered twice, in the same way, and taken once. It fails only where it is told to.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    convert::Infallible,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// How the receiver treats a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Takes the batch and answers 200 without a body.
    Take,
    /// Takes the batch and answers record by record.
    TakeEach,
    /// Answers record by record, leaves these source ids out and does not take them.
    LeaveOut(Vec<String>),
    /// Answers record by record and refuses these source ids.
    Refuse(Vec<String>),
    /// Answers with this status and takes nothing.
    Status(u16),
    /// Answers with this status and this `Retry-After`, and takes nothing.
    RetryAfter(u16, String),
    /// Takes nothing and answers 200 with this body.
    Answer(String),
    /// Takes nothing and points to this URL.
    Redirect(String),
    /// Takes the batch, and hangs up before answering: the sender cannot know.
    TakeAndHangUp,
    /// Takes nothing and never answers.
    Hang,
}

/// One record that was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Idempotency-Key of its batch.
    pub batch: String,
    /// Its run.
    pub run: String,
    /// Key in the source.
    pub source_id: String,
    /// `create`, `update` or `delete`.
    pub action: String,
    /// The record; null for one that is deleted.
    pub data: Value,
}

struct Inner {
    log: PathBuf,
    usual: Manner,
    next: VecDeque<Manner>,
    batches: HashMap<String, Manner>,
    requests: Vec<Value>,
}

/// The receiver: it can be stopped and started again at the same address.
pub struct Receiver {
    inner: Arc<Mutex<Inner>>,
    address: SocketAddr,
    serving: Option<JoinHandle<()>>,
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Receiver {
    /// Starts on a free port; `log` gets a line for each record that is taken.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(log: &Path, usual: Manner) -> Result<Self> {
        let inner = Inner {
            log: log.into(),
            usual,
            next: VecDeque::new(),
            batches: HashMap::new(),
            requests: Vec::new(),
        };
        std::fs::write(log, "").with_context(|| format!("cannot write {}", log.display()))?;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut receiver = Self { inner: Arc::new(Mutex::new(inner)), address: any, serving: None };
        receiver.listen().await?;
        Ok(receiver)
    }

    /// Listens again after [`Receiver::stop`].
    ///
    /// # Errors
    /// When the port has been taken meanwhile.
    pub async fn listen(&mut self) -> Result<()> {
        let listener = TcpListener::bind(self.address).await.context("the receiver cannot listen")?;
        self.address = listener.local_addr()?;
        let inner = self.inner.clone();
        self.serving = Some(tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let inner = inner.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(inner.clone(), request));
                    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A connection that breaks is the sender's business.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }));
        Ok(())
    }

    /// Stops listening and drops every connection: nothing answers at the address any more.
    pub async fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            let _ = serving.await;
        }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/records", self.address)
    }

    /// Treats the next requests like this, one each, and those after them as usual.
    pub fn next(&self, manners: impl IntoIterator<Item = Manner>) {
        lock(&self.inner).next.extend(manners);
    }

    /// Every request that came, with its headers.
    pub fn requests(&self) -> Vec<Value> {
        lock(&self.inner).requests.clone()
    }

    /// Every record that was taken, in order, read from the log.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn taken(&self) -> Result<Vec<Taken>> {
        let text = std::fs::read_to_string(&lock(&self.inner).log)?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// Begins with what another receiver has taken.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn remember(&self, taken: &[Taken]) -> Result<()> {
        let mut inner = lock(&self.inner);
        let mut log = String::new();
        for record in taken {
            inner.batches.insert(record.batch.clone(), Manner::TakeEach);
            log += &(serde_json::to_string(record)? + "\n");
        }
        Ok(std::fs::write(&inner.log, log)?)
    }

    /// What the receiver's system holds now: the last data of each source id.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn holds(&self) -> Result<BTreeMap<String, Value>> {
        let mut holds = BTreeMap::new();
        for taken in self.taken()? {
            match taken.action.as_str() {
                "delete" => holds.remove(&taken.source_id),
                _ => holds.insert(taken.source_id, taken.data),
            };
        }
        Ok(holds)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
    }
}

async fn answer(
    inner: Arc<Mutex<Inner>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let headers: BTreeMap<_, _> = parts
        .headers
        .iter()
        .map(|(k, v)| (k.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
        .collect();
    let batch: Value = serde_json::from_slice(&body).unwrap_or_default();
    let manner = {
        let mut inner = lock(&inner);
        inner.requests.push(json!({ "headers": headers, "body": batch }));
        match headers.get("idempotency-key").and_then(|key| inner.batches.get(key)) {
            Some(before @ (Manner::LeaveOut(_) | Manner::Refuse(_))) => before.clone(),
            _ => inner.next.pop_front().unwrap_or_else(|| inner.usual.clone()),
        }
    };
    let reply = |status: u16, body: Value| {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        Ok(Response::builder().status(status).body(Full::new(body))?)
    };
    match manner.clone() {
        Manner::Status(status) => reply(status, json!({ "message": "told to fail" })),
        Manner::RetryAfter(status, after) => Ok(Response::builder()
            .status(status)
            .header("retry-after", after)
            .body(Full::new(Bytes::new()))?),
        Manner::Answer(body) => Ok(Response::new(Full::new(body.into()))),
        Manner::Redirect(to) => {
            Ok(Response::builder().status(302).header("location", to).body(Full::new(Bytes::new()))?)
        }
        Manner::Hang => {
            std::future::pending::<Infallible>().await;
            unreachable!("pending never ends")
        }
        Manner::Take => {
            take(&inner, &headers, &batch, &[], manner)?;
            reply(200, Value::Null)
        }
        Manner::TakeAndHangUp => {
            take(&inner, &headers, &batch, &[], manner)?;
            Err("told to hang up".into())
        }
        Manner::TakeEach => {
            take(&inner, &headers, &batch, &[], manner)?;
            reply(200, json!({ "results": results(&batch, &[], &[]) }))
        }
        Manner::LeaveOut(ids) => {
            take(&inner, &headers, &batch, &ids, manner)?;
            reply(200, json!({ "results": results(&batch, &ids, &[]) }))
        }
        Manner::Refuse(ids) => {
            take(&inner, &headers, &batch, &ids, manner)?;
            reply(200, json!({ "results": results(&batch, &[], &ids) }))
        }
    }
}

fn records(batch: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let records = batch["records"].as_array().map(Vec::as_slice).unwrap_or_default();
    records.iter().map(|r| (r["source_id"].as_str().unwrap_or_default(), r))
}

fn results(batch: &Value, left_out: &[String], refused: &[String]) -> Vec<Value> {
    records(batch)
        .filter(|(id, _)| !left_out.iter().any(|l| l == id))
        .map(|(id, record)| match refused.iter().any(|r| r == id) {
            true => json!({ "source_id": id, "result": "error", "error": "no such department" }),
            false => {
                let result = match record["action"].as_str() {
                    Some("update") => "updated",
                    Some("delete") => "deleted",
                    _ => "created",
                };
                match record["target_id"].as_str() {
                    Some(target_id) if id.is_empty() => json!({ "target_id": target_id, "result": result }),
                    _ => json!({ "source_id": id, "result": result, "target_id": format!("t-{id}") }),
                }
            }
        })
        .collect()
}

/// Writes the log before anything is answered.
fn take(
    inner: &Mutex<Inner>,
    headers: &BTreeMap<String, String>,
    batch: &Value,
    but: &[String],
    manner: Manner,
) -> std::io::Result<()> {
    let wanted: Vec<_> = records(batch).filter(|(id, _)| !but.iter().any(|b| b == id)).collect();
    let mut inner = lock(inner);
    let key = headers.get("idempotency-key").cloned().unwrap_or_default();
    if wanted.is_empty() || inner.batches.contains_key(&key) {
        return Ok(());
    }
    inner.batches.insert(key.clone(), manner);
    let mut log = std::fs::OpenOptions::new().append(true).open(&inner.log)?;
    for (id, record) in wanted {
        let taken = Taken {
            batch: key.clone(),
            run: batch["run_id"].as_str().unwrap_or_default().into(),
            source_id: id.into(),
            action: record["action"].as_str().unwrap_or_default().into(),
            data: record["data"].clone(),
        };
        writeln!(log, "{}", serde_json::to_string(&taken)?)?;
    }
    log.sync_data()
}
