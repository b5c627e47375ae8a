//! An HTTP client for the SDK that counts calls, and asks DynamoDB what each of them consumes.
//!
//! It stands between the SDK and its connections, so it sees every attempt as it is sent. It asks for consumed
//! capacity by changing the body after it was signed: the local cloud checks no signatures, AWS would refuse it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use serde_json::Value;
use shared::aws::clients::SdkConfig;

/// What was counted of one operation, for example `TransactWriteItems`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Calls; further attempts at one are not in it.
    pub calls: u64,
    /// Further attempts.
    pub retries: u64,
    /// Capacity units that DynamoDB says it consumed, indexes included.
    pub units: f64,
}

/// Counts by operation.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<Mutex<BTreeMap<String, Count>>>);

impl Counts {
    /// Gives back what was counted, and begins anew.
    pub fn take(&self) -> BTreeMap<String, Count> {
        self.0.lock().map(|mut counts| std::mem::take(&mut *counts)).unwrap_or_default()
    }

    fn add(&self, operation: &str, change: impl FnOnce(&mut Count)) {
        if let Ok(mut counts) = self.0.lock() {
            change(counts.entry(operation.to_string()).or_default());
        }
    }
}

/// Puts a counter into an SDK configuration.
pub fn counted(sdk: SdkConfig) -> (SdkConfig, Counts) {
    let counts = Counts::default();
    let inner = sdk.http_client().expect("the configuration has an HTTP client");
    let client = Counting { inner, counts: counts.clone() };
    (sdk.into_builder().http_client(SharedHttpClient::new(client)).build(), counts)
}

#[derive(Debug)]
struct Counting {
    inner: SharedHttpClient,
    counts: Counts,
}

impl HttpClient for Counting {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(CountingConnector { inner, counts: self.counts.clone() })
    }
}

#[derive(Debug)]
struct CountingConnector {
    inner: SharedHttpConnector,
    counts: Counts,
}

impl HttpConnector for CountingConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_string();
        let (service, operation) = target.split_once('.').unwrap_or(("", "unknown"));
        let (operation, is_table) = (operation.to_string(), service.starts_with("DynamoDB"));
        let is_first = request.headers().get("amz-sdk-request").is_none_or(|h| h.contains("attempt=1"));
        self.counts.add(&operation, |count| match is_first {
            true => count.calls += 1,
            false => count.retries += 1,
        });
        if is_table {
            ask_for_capacity(&mut request);
        }
        let (answer, counts) = (self.inner.call(request), self.counts.clone());
        HttpConnectorFuture::new(async move {
            let mut answer = answer.await?;
            if is_table {
                let units = consumed(&mut answer).await?;
                counts.add(&operation, |count| count.units += units);
            }
            Ok(answer)
        })
    }
}

fn ask_for_capacity(request: &mut HttpRequest) {
    let Some(rest) = request.body().bytes().and_then(|body| body.strip_prefix(b"{")) else { return };
    let body = [br#"{"ReturnConsumedCapacity":"TOTAL","#, rest].concat();
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
}

/// Reads what an answer says it consumed, and leaves the answer as it was.
async fn consumed(answer: &mut HttpResponse) -> Result<f64, ConnectorError> {
    let body = ByteStream::new(answer.take_body()).collect().await;
    let body = body.map_err(|e| ConnectorError::io(e.into()))?.into_bytes();
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    *answer.body_mut() = SdkBody::from(body);
    let units = |of: &Value| of["CapacityUnits"].as_f64().unwrap_or_default();
    let consumed = &json["ConsumedCapacity"];
    Ok(consumed.as_array().map_or_else(|| units(consumed), |each| each.iter().map(units).sum()))
}
