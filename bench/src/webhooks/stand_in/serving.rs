//! HTTP/1.1 on one thread, with as little beside the answers as can be.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io::{Read, Write},
    rc::Rc,
    time::Instant,
};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, header::HeaderMap, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use super::COUNTS;

/// A stand-in's answer.
pub(super) struct Answer {
    /// What was asked for, for the count.
    pub(super) operation: &'static str,
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// Something that answers.
pub(super) trait Answers {
    /// The content type of all its answers.
    const CONTENT_TYPE: &'static str;

    /// Answers a request.
    fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Answer;
}

struct Serving<A> {
    answers: A,
    calls: RefCell<BTreeMap<&'static str, u64>>,
    busy_ns: Cell<u64>,
}

/// Listens, says where, and answers until standard input ends.
///
/// # Errors
/// When it cannot listen.
pub(super) async fn serve<A: Answers + 'static>(answers: A) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let serving = Rc::new(Serving { answers, calls: RefCell::default(), busy_ns: Cell::new(0) });
    std::thread::spawn(|| {
        // Whatever comes of it, whoever started this is gone, or wants it gone.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0)
    });
    tokio::task::LocalSet::new()
        .run_until(async {
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let serving = serving.clone();
                tokio::task::spawn_local(async move {
                    let service = service_fn(move |request| handle(serving.clone(), request));
                    // A connection that breaks is a function that ended.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        })
        .await
}

async fn handle<A: Answers>(
    serving: Rc<Serving<A>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>> {
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    if parts.uri.path() == COUNTS {
        let done = json!({ "calls": *serving.calls.borrow(), "busy_ns": serving.busy_ns.get() });
        return Ok(Response::new(Full::new(done.to_string().into())));
    }
    let body = body.collect().await?.to_bytes();
    let answer = serving.answers.answer(&parts.headers, &body);
    *serving.calls.borrow_mut().entry(answer.operation).or_default() += 1;
    let response = Response::builder()
        .status(answer.status)
        .header("content-type", A::CONTENT_TYPE)
        .body(Full::new(answer.body))?;
    let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    serving.busy_ns.set(serving.busy_ns.get().saturating_add(took));
    Ok(response)
}
