//! A proxy between one function and the local cloud, which counts what AWS would bill of the function's calls.
//!
//! It asks DynamoDB what each call consumes by changing the body after it was signed: the local cloud checks no
//! signatures, AWS would refuse it. A further attempt at a call is counted as a call, since it is billed as one.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use ::tests::{
    faults::proxy::{call_name, forward},
    stack::http_client,
};
use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

/// Bytes of a request to a queue that are billed as one.
const SQS_CHUNK: usize = 64 * 1024;

/// What each write of a transaction has in its request.
const ITEM_OF_A_TRANSACTION: &[u8] = br#""TableName""#;

/// What was counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    /// Calls by name, as `dynamodb:UpdateItem`.
    pub(super) calls: BTreeMap<String, u64>,
    /// Write units, indexes included.
    pub(super) write_units: f64,
    /// Read units.
    pub(super) read_units: f64,
    /// Requests to queues, by what they are billed as.
    pub(super) sqs_requests: u64,
}

/// The proxy; it ends when this is dropped.
pub(super) struct Meter {
    /// Where it listens, as `http://host:port`.
    pub(super) url: String,
    counted: Arc<Mutex<Counted>>,
    serving: JoinHandle<()>,
}

impl Meter {
    /// Forwards to the local cloud.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(super) async fn start(cloud: &str) -> Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let counted: Arc<Mutex<Counted>> = Arc::default();
        let (cloud, http, into) = (Arc::<str>::from(cloud), http_client(), counted.clone());
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (cloud, http, counted) = (cloud.clone(), http.clone(), into.clone());
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let (cloud, http, counted) = (cloud.clone(), http.clone(), counted.clone());
                        async move { handle(&cloud, &http, &counted, request).await }
                    });
                    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A connection that breaks is tried again by the SDK, and counted.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(Self { url, counted, serving })
    }

    /// What was counted so far.
    pub(super) fn counted(&self) -> Counted {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins anew.
    pub(super) fn forget(&self) {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = Counted::default();
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn handle(
    cloud: &str,
    http: &reqwest::Client,
    counted: &Mutex<Counted>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let mut body = body.collect().await?.to_bytes();
    let call = call_name(&parts);
    let is_table = call.starts_with("dynamodb:");
    let writes = body.windows(ITEM_OF_A_TRANSACTION.len()).filter(|w| w == &ITEM_OF_A_TRANSACTION).count();
    let chunks = body.len().div_ceil(SQS_CHUNK).max(1) as u64;
    if is_table && let Some(rest) = body.strip_prefix(b"{") {
        body = [br#"{"ReturnConsumedCapacity":"TOTAL","#, rest].concat().into();
    }
    let (answer, units) = match forward(http, cloud, parts, body).await? {
        answer if is_table => {
            let (parts, body) = answer.into_parts();
            let body = body.collect().await?.to_bytes();
            let units = if parts.status.is_success() { consumed(&body) } else { refused(&body, writes) };
            (Response::from_parts(parts, Full::new(body)), units)
        }
        answer => (answer, 0.0),
    };
    let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
    *counted.calls.entry(call.clone()).or_default() += 1;
    match call.as_str() {
        "dynamodb:GetItem" | "dynamodb:BatchGetItem" | "dynamodb:Query" => counted.read_units += units,
        _ => counted.write_units += units,
    }
    if call.starts_with("sqs:") {
        counted.sqs_requests += chunks;
    }
    Ok(answer)
}

/// Units of a write whose condition did not hold: the local cloud states none, AWS takes as many as for a write that
/// goes through. Rows of conditions are taken for small here: a unit each, two in a transaction.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html>.
fn refused(answer: &[u8], writes: usize) -> f64 {
    let answer = String::from_utf8_lossy(answer);
    if answer.contains("TransactionCanceledException") {
        return 2.0 * writes as f64;
    }
    f64::from(u8::from(answer.contains("ConditionalCheckFailedException")))
}

fn consumed(answer: &[u8]) -> f64 {
    let json: Value = serde_json::from_slice(answer).unwrap_or_default();
    let units = |of: &Value| of["CapacityUnits"].as_f64().unwrap_or_default();
    let consumed = &json["ConsumedCapacity"];
    consumed.as_array().map_or_else(|| units(consumed), |each| each.iter().map(units).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_one_table_and_of_several_are_read() {
        assert_eq!(consumed(br#"{"ConsumedCapacity":{"CapacityUnits":0.5}}"#), 0.5);
        assert_eq!(consumed(br#"{"ConsumedCapacity":[{"CapacityUnits":2},{"CapacityUnits":3}]}"#), 5.0);
        assert_eq!(consumed(b"{}"), 0.0);
    }

    #[test]
    fn a_condition_that_fails_is_billed() {
        assert_eq!(refused(br#"{"__type":"x#ConditionalCheckFailedException"}"#, 1), 1.0);
        assert_eq!(refused(br#"{"__type":"x#TransactionCanceledException"}"#, 3), 6.0);
        assert_eq!(refused(br#"{"__type":"x#ValidationException"}"#, 1), 0.0);
    }
}
