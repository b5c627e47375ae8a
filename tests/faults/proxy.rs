//! A proxy for plain HTTP: it counts a function's calls, forwards them, and interrupts the one that is planned.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    Plan,
    plan::{Boundary, Mode},
};

/// The proxy; it ends when this is dropped.
pub struct Proxy {
    /// Where it listens, as `http://host:port`.
    pub url: String,
    serving: JoinHandle<()>,
}

struct Inner {
    upstream: String,
    boundary: Boundary,
    plan: Arc<Plan>,
    http: reqwest::Client,
}

impl Proxy {
    /// Forwards to `upstream` (`http://host:port`).
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(
        upstream: &str,
        boundary: Boundary,
        plan: Arc<Plan>,
        http: reqwest::Client,
    ) -> Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let inner = Arc::new(Inner { upstream: upstream.into(), boundary, plan, http });
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let inner = inner.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| handle(inner.clone(), request));
                    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // An error of the service is how a connection is cut.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { url, serving })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn handle(inner: Arc<Inner>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (call, id) = match inner.boundary {
        Boundary::Aws => (call_name(&parts), text(&parts.headers, "amz-sdk-invocation-id")),
        _ => (format!("http:{}", parts.method), None),
    };
    let Some(mode) = inner.plan.meet(&call, id) else {
        return forward(&inner.http, &inner.upstream, parts, body).await;
    };
    match mode {
        Mode::KilledBefore => {
            inner.plan.kill().await?;
            bail!("killed before {call}")
        }
        Mode::KilledAfter => {
            forward(&inner.http, &inner.upstream, parts, body).await?;
            inner.plan.kill().await?;
            bail!("killed after {call}")
        }
        Mode::CutBefore => bail!("cut before {call}"),
        Mode::AnswerLostOnce | Mode::AnswerLost => {
            forward(&inner.http, &inner.upstream, parts, body).await?;
            bail!("the answer to {call} is lost")
        }
        Mode::Fails => refusal(&call, &parts.method, false),
        Mode::ThrottledOnce | Mode::Throttled => refusal(&call, &parts.method, true),
        Mode::AnsweredWith(make) => {
            let answer = make(&serde_json::from_slice(&body)?);
            Ok(Response::builder()
                .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
                .body(Full::new(answer.to_string().into()))?)
        }
    }
}

/// Forwards a request to `upstream` (`http://host:port`), and gives its answer back.
///
/// # Errors
/// When there is no answer.
pub async fn forward(
    http: &reqwest::Client,
    upstream: &str,
    parts: http::request::Parts,
    body: Bytes,
) -> Result<Response<Full<Bytes>>> {
    let path = parts.uri.path_and_query().context("a request has a path")?;
    let mut headers = parts.headers;
    for own in [header::CONNECTION, header::TRANSFER_ENCODING, header::EXPECT, header::CONTENT_LENGTH] {
        headers.remove(own);
    }
    let url = format!("{upstream}{path}");
    let is_head = parts.method == Method::HEAD;
    let answer = http.request(parts.method, url).headers(headers).body(body).send().await?;
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        let own = name == header::CONNECTION || name == header::TRANSFER_ENCODING;
        if !own && (is_head || name != header::CONTENT_LENGTH) {
            response = response.header(name, value);
        }
    }
    Ok(response.body(Full::new(answer.bytes().await?))?)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What a call to AWS is, as `dynamodb:UpdateItem`: its target header, or, of S3, what method and query say.
pub fn call_name(request: &http::request::Parts) -> String {
    let http::request::Parts { method, uri, headers, .. } = request;
    if let Some((service, operation)) = text(headers, "x-amz-target").and_then(|t| t.split_once('.')) {
        let service = match service {
            "AmazonSQS" => "sqs",
            "TrentService" => "kms",
            _ => "dynamodb",
        };
        return format!("{service}:{operation}");
    }
    let query = uri.query().unwrap_or_default();
    let operation = match method.as_str() {
        "PUT" if query.contains("partNumber=") => "UploadPart",
        "PUT" => "PutObject",
        "HEAD" => "HeadObject",
        "GET" => "GetObject",
        "POST" if query.contains("uploadId=") => "CompleteMultipartUpload",
        "POST" => "CreateMultipartUpload",
        "DELETE" if query.contains("uploadId=") => "AbortMultipartUpload",
        other => other,
    };
    format!("s3:{operation}")
}

/// An error as the service itself would answer it.
fn refusal(call: &str, method: &Method, throttles: bool) -> Result<Response<Full<Bytes>>> {
    let (status, code) = match (call.split(':').next().unwrap_or_default(), throttles) {
        ("s3", true) => (503, "SlowDown"),
        ("s3", false) => (500, "InternalError"),
        ("dynamodb", true) => (400, "ProvisionedThroughputExceededException"),
        ("dynamodb", false) => (500, "InternalServerError"),
        (_, true) => (400, "ThrottlingException"),
        (_, false) => (500, "InternalFailure"),
    };
    let (kind, body) = match call.split(':').next() {
        Some("s3") if method == Method::HEAD => ("application/xml", String::new()),
        Some("s3") => (
            "application/xml",
            format!("<Error><Code>{code}</Code><Message>injected</Message><RequestId>0</RequestId></Error>"),
        ),
        _ => ("application/x-amz-json-1.0", json!({ "__type": code, "message": "injected" }).to_string()),
    };
    Ok(Response::builder()
        .status(StatusCode::from_u16(status)?)
        .header(header::CONTENT_TYPE, kind)
        .body(Full::new(body.into()))?)
}
