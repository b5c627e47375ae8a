//! A customer's webhook endpoint: it verifies what comes with the specification's own library, keeps what it takes,
//! once a `webhook-id`, and fails as it is told.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{exports::PUSH_WITHIN, wait::until};

/// How the endpoint treats a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Takes it and answers 204.
    Take,
    /// Takes it after so many milliseconds.
    TakeAfter(u64),
    /// Takes it, and hangs up before it answers.
    TakeAndHangUp,
    /// Takes it, and answers with this status.
    TakeAndAnswer(u16),
    /// Answers with this status and takes nothing.
    Status(u16),
    /// Answers with this status, this `Retry-After`, and takes nothing.
    RetryAfter(u16, String),
    /// Points elsewhere and takes nothing.
    Redirect(String),
    /// Answers 500 with a body of so many bytes.
    LargeBody(usize),
    /// Hangs up and takes nothing.
    HangUp,
    /// Answers 200 with this JSON, and takes nothing.
    Answer(String),
    /// Never answers.
    Hang,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Hook {
    /// When it came.
    pub at: Instant,
    /// Path and query.
    pub path: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Body, byte for byte.
    pub body: Bytes,
    /// What is wrong with its signature, where the endpoint verifies: nothing of it is taken then.
    pub refused: Option<String>,
}

impl Hook {
    /// The id under which it came.
    pub fn id(&self) -> &str {
        self.headers.get("webhook-id").or_else(|| self.headers.get("idempotency-key")).map_or("", |id| id)
    }
}

type Deciding = Box<dyn FnMut(&Hook, usize) -> Manner + Send>;

struct Inner {
    /// One each: what verifies with any of them is taken.
    verifiers: Vec<Webhook>,
    decide: Deciding,
    hooks: Vec<Hook>,
    taken: HashMap<String, Bytes>,
    in_flight: usize,
    most_in_flight: usize,
}

/// A running endpoint.
pub struct Endpoint {
    inner: Arc<Mutex<Inner>>,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Endpoint {
    /// Starts one that takes everything.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start() -> Result<Self> {
        Self::that(|_, _| Manner::Take).await
    }

    /// Starts one that treats each request as `decide` says: it is told the request, and how many came before under
    /// the same id.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn that(decide: impl FnMut(&Hook, usize) -> Manner + Send + 'static) -> Result<Self> {
        let inner = Inner {
            verifiers: Vec::new(),
            decide: Box::new(decide),
            hooks: Vec::new(),
            taken: HashMap::new(),
            in_flight: 0,
            most_in_flight: 0,
        };
        let inner = Arc::new(Mutex::new(inner));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("the endpoint cannot listen")?;
        let address = listener.local_addr()?;
        let shared = inner.clone();
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let inner = shared.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| serve(inner.clone(), request));
                    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A connection that breaks is the sender's business.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { inner, address, serving })
    }

    /// Takes only what verifies with one of these `whsec_` secrets.
    ///
    /// # Errors
    /// When one is no secret.
    pub fn verify_with(&self, secrets: &[&str]) -> Result<()> {
        let verifiers = secrets.iter().map(|s| Webhook::new(s)).collect::<Result<_, _>>();
        lock(&self.inner).verifiers = verifiers.map_err(|e| anyhow::anyhow!("{e}"))?;
        Ok(())
    }

    /// From now on treats each request so.
    pub fn decide(&self, decide: impl FnMut(&Hook, usize) -> Manner + Send + 'static) {
        lock(&self.inner).decide = Box::new(decide);
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Every request that came.
    pub fn hooks(&self) -> Vec<Hook> {
        lock(&self.inner).hooks.clone()
    }

    /// Waits until it has got an event of this type: its body.
    ///
    /// # Errors
    /// When none comes in a while, or something that is no JSON.
    pub async fn told(&self, event_type: &str) -> Result<Value> {
        until(&format!("{event_type} told"), PUSH_WITHIN, async || {
            let bodies = self.hooks().into_iter().map(|h| serde_json::from_slice::<Value>(&h.body));
            let bodies: Vec<Value> = bodies.collect::<Result<_, _>>()?;
            Ok(bodies.into_iter().find(|body| body["type"] == event_type))
        })
        .await
    }

    /// What it took: the body by id.
    pub fn taken(&self) -> HashMap<String, Bytes> {
        lock(&self.inner).taken.clone()
    }

    /// The bodies that it took.
    pub fn bodies(&self) -> BTreeSet<Vec<u8>> {
        lock(&self.inner).taken.values().map(|b| b.to_vec()).collect()
    }

    /// The most requests that were in flight at once.
    pub fn most_in_flight(&self) -> usize {
        lock(&self.inner).most_in_flight
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Counts a request as in flight until it is dropped, also where its connection breaks.
struct InFlight(Arc<Mutex<Inner>>);

impl InFlight {
    fn begin(inner: &Arc<Mutex<Inner>>) -> Self {
        let mut held = lock(inner);
        held.in_flight += 1;
        held.most_in_flight = held.most_in_flight.max(held.in_flight);
        Self(inner.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.0).in_flight -= 1;
    }
}

type Answer = Result<Response<BoxBody<Bytes, Infallible>>, Box<dyn std::error::Error + Send + Sync>>;

async fn serve(inner: Arc<Mutex<Inner>>, request: Request<Incoming>) -> Answer {
    let _in_flight = InFlight::begin(&inner);
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let headers = parts.headers.iter();
    let headers = headers.map(|(k, v)| (k.to_string(), String::from_utf8_lossy(v.as_bytes()).into_owned()));
    let path = parts.uri.to_string();
    let mut hook = Hook { at: Instant::now(), path, headers: headers.collect(), body, refused: None };
    let manner = {
        let mut inner = lock(&inner);
        if !inner.verifiers.is_empty() {
            let verified = inner.verifiers.iter().map(|v| v.verify(&hook.body, &parts.headers));
            let errors: Vec<_> = verified.filter_map(|v| v.err().map(|e| e.to_string())).collect();
            hook.refused = (errors.len() == inner.verifiers.len()).then(|| errors.join(", "));
        }
        let before = inner.hooks.iter().filter(|h| h.id() == hook.id()).count();
        inner.hooks.push(hook.clone());
        match hook.refused {
            Some(_) => Manner::Status(401),
            None => (inner.decide)(&hook, before),
        }
    };
    let take = || _ = lock(&inner).taken.insert(hook.id().to_string(), hook.body.clone());
    let reply = |status: u16, header: Option<(&str, String)>, body: Bytes| {
        let mut response = Response::builder().status(status);
        if let Some((name, value)) = header {
            response = response.header(name, value);
        }
        Ok(response.body(Full::new(body).boxed())?)
    };
    match manner {
        Manner::Take => {
            take();
            reply(204, None, Bytes::new())
        }
        Manner::TakeAfter(ms) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            take();
            reply(204, None, Bytes::new())
        }
        Manner::TakeAndHangUp => {
            take();
            Err("told to hang up".into())
        }
        Manner::TakeAndAnswer(status) => {
            take();
            reply(status, None, Bytes::new())
        }
        Manner::Status(status) => reply(status, None, "told to fail".into()),
        Manner::RetryAfter(status, after) => reply(status, Some(("retry-after", after)), Bytes::new()),
        Manner::Redirect(to) => reply(302, Some(("location", to)), Bytes::new()),
        Manner::LargeBody(bytes) => reply(500, None, vec![b'x'; bytes].into()),
        Manner::Answer(body) => reply(200, Some(("content-type", "application/json".into())), body.into()),
        Manner::HangUp => Err("told to hang up".into()),
        Manner::Hang => {
            std::future::pending::<Infallible>().await;
            unreachable!("pending never ends")
        }
    }
}
