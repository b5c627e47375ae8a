//! The deployed stack, as `.local/env` describes it, and calls that are signed as AWS wants them.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use serde_json::{Value, json};
use shared::aws::{Table, clients, objects::Bucket};

use crate::{api::Api, rows::Rows};

/// The deployed stack.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Base of the administration API.
    pub api_url: String,
    /// Base URL under which clients post.
    pub intake_url: String,
    /// Key of the deployment's owner.
    pub operator_key: String,
    /// Key of the account `local`.
    pub admin_key: String,
    endpoint: String,
    region: String,
    access_key: String,
    secret_key: String,
    http: reqwest::Client,
}

/// A variable that `.local/env` sets.
///
/// # Errors
/// When it is not set.
#[expect(clippy::disallowed_methods, reason = "tests learn from the environment where the stack is")]
pub fn variable(name: &str) -> Result<String> {
    std::env::var(name)
        .with_context(|| format!("{name} is not set; run `make up`, then `set -a; . .local/env; set +a`"))
}

/// What the deployed stack calls a function.
///
/// # Errors
/// When it is not known.
pub fn function_name(function: &str) -> Result<String> {
    variable(&format!("CROSSDOCK_{}_FUNCTION", function.replace('-', "_").to_uppercase()))
}

/// An HTTP client for calls to this machine.
pub fn http_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build();
    client.expect("a client without special settings can be made")
}

impl Stack {
    /// Finds the stack.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env() -> Result<Self> {
        Ok(Self {
            api_url: variable("CROSSDOCK_API_URL")?,
            intake_url: variable("CROSSDOCK_INTAKE_URL")?,
            operator_key: variable("CROSSDOCK_OPERATOR_KEY")?,
            admin_key: variable("CROSSDOCK_ADMIN_KEY")?,
            endpoint: variable("AWS_ENDPOINT_URL")?,
            region: variable("AWS_REGION")?,
            access_key: variable("AWS_ACCESS_KEY_ID")?,
            secret_key: variable("AWS_SECRET_ACCESS_KEY")?,
            http: http_client(),
        })
    }

    /// The administration API, as the owner of `key` sees it.
    pub fn api(&self, key: &str) -> Api {
        Api::new(self.http.clone(), self.api_url.clone(), key.into())
    }

    /// Where clients post, who have no key of the API.
    pub fn intake(&self) -> Api {
        Api::new(self.http.clone(), self.intake_url.clone(), String::new())
    }

    /// What a function's process needs to reach the local cloud, apart from its own settings.
    pub fn function_variables(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_REGION", &self.region),
            ("AWS_ACCESS_KEY_ID", &self.access_key),
            ("AWS_SECRET_ACCESS_KEY", &self.secret_key),
        ]
        .map(|(name, value)| (name.to_string(), value.clone()))
        .into()
    }

    /// Where the local cloud answers.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Name of the stack's table.
    ///
    /// # Errors
    /// When it is not known.
    pub fn table_name() -> Result<String> {
        variable("CROSSDOCK_TABLE")
    }

    /// ARN of the stack's key.
    ///
    /// # Errors
    /// When it is not known.
    pub fn key_arn() -> Result<String> {
        variable("CROSSDOCK_KEY_ARN")
    }

    /// Name of the stack's bucket.
    ///
    /// # Errors
    /// When it is not known.
    pub fn bucket_name() -> Result<String> {
        variable("CROSSDOCK_BUCKET")
    }

    /// The stack's table.
    ///
    /// # Errors
    /// When its name is not known.
    pub async fn table(&self) -> Result<Table> {
        let sdk = clients::sdk_config().await;
        Ok(Table::new(clients::dynamodb(&sdk), variable("CROSSDOCK_TABLE")?))
    }

    /// The stack's bucket.
    ///
    /// # Errors
    /// When its name is not known.
    pub async fn bucket(&self) -> Result<Bucket> {
        let sdk = clients::sdk_config().await;
        Ok(Bucket::new(clients::s3(&sdk), variable("CROSSDOCK_BUCKET")?))
    }

    /// The stack's rows and objects, without the hub's rules.
    ///
    /// # Errors
    /// When a name is not known.
    pub async fn rows(&self) -> Result<Rows> {
        let sdk = clients::sdk_config().await;
        let (table, bucket) = (variable("CROSSDOCK_TABLE")?, variable("CROSSDOCK_BUCKET")?);
        Ok(Rows::new(clients::dynamodb(&sdk), table, clients::s3(&sdk), bucket))
    }

    /// The queue client and the URL of `pulls`, `deliveries` or their `…_dead_letters`.
    ///
    /// # Errors
    /// When the URL is not known.
    pub async fn queue(&self, name: &str) -> Result<(aws_sdk_sqs::Client, String)> {
        let url = variable(&format!("CROSSDOCK_{}_QUEUE_URL", name.to_uppercase()))?;
        Ok((clients::sqs(&clients::sdk_config().await), url))
    }

    /// The processes of a function that the local cloud runs for this stack, by the name that the stack gives it.
    ///
    /// # Errors
    /// When the system does not show its processes.
    pub fn processes(&self, function: &str) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").context("Linux shows its processes there")? {
            let path = entry?.path();
            let Some(pid) = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse().ok()) else {
                continue;
            };
            let Ok(environment) = std::fs::read(path.join("environ")) else { continue }; // another's, or gone
            let has = |name: &str, value: &str| {
                environment.split(|byte| *byte == 0).any(|v| v == format!("{name}={value}").as_bytes())
            };
            if has("AWS_LAMBDA_FUNCTION_NAME", function) && has("AWS_ENDPOINT_URL", &self.endpoint) {
                found.push(pid);
            }
        }
        Ok(found)
    }

    /// Calls `dispatch` as the minute rule does, and waits until it is done.
    ///
    /// # Errors
    /// When the call or the function fails.
    pub async fn tick(&self) -> Result<()> {
        let event = json!({
            "version": "0", "id": "00000000-0000-0000-0000-000000000000", "detail-type": "Scheduled Event",
            "source": "aws.events", "account": "000000000000", "time": "2026-01-01T00:00:00Z",
            "region": self.region, "resources": [], "detail": {},
        });
        self.invoke(&variable("CROSSDOCK_DISPATCH_FUNCTION")?, &event).await?;
        Ok(())
    }

    /// Invokes a function and waits for its answer.
    ///
    /// # Errors
    /// When the call or the function fails.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.endpoint);
        let answer = self.signed("lambda", &url, &[], event).await?;
        let failed = answer.headers().contains_key("x-amz-function-error");
        let status = answer.status();
        let body: Value = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
        if failed || !status.is_success() {
            bail!("{function} answered {status}: {body}");
        }
        Ok(body)
    }

    /// Hands a `RunRequested` event to `dispatch`, as the bus does, and waits until it is done.
    ///
    /// # Errors
    /// When the call or the function fails.
    pub async fn hand_request(&self, detail: &Value, event_id: &str) -> Result<()> {
        let event = json!({
            "version": "0", "id": event_id, "detail-type": "RunRequested", "source": "crossdock",
            "account": "000000000000", "time": "2026-01-01T00:00:00Z", "region": self.region,
            "resources": [], "detail": detail,
        });
        self.invoke(&variable("CROSSDOCK_DISPATCH_FUNCTION")?, &event).await?;
        Ok(())
    }

    /// Hands messages to `sftp-pull` or `deliver` as its queue does, all in one event, and waits until it is
    /// done with them; the ids (`0`, `1`, …) of those that it failed.
    ///
    /// # Errors
    /// When the call or the function fails.
    pub async fn hand_over(&self, function: &str, messages: &[Value]) -> Result<Vec<String>> {
        let name = function_name(function)?;
        let record = |(i, message): (usize, &Value)| json!({ "messageId": i.to_string(), "body": message.to_string(), "eventSource": "aws:sqs" });
        let records: Vec<_> = messages.iter().enumerate().map(record).collect();
        let answer = self.invoke(&name, &json!({ "Records": records })).await?;
        let failures = answer["batchItemFailures"].as_array().context("no partial batch in the answer")?;
        Ok(failures.iter().map(|f| f["itemIdentifier"].as_str().unwrap_or_default().to_string()).collect())
    }

    /// Invokes `api` directly, as who may call `lambda:InvokeFunction` does.
    ///
    /// # Errors
    /// When the call or the function fails.
    pub async fn invoke_api(&self, event: &Value) -> Result<Value> {
        self.invoke(&variable("CROSSDOCK_API_FUNCTION")?, event).await
    }

    /// Puts a `RunRequested` event on the deployment's bus.
    ///
    /// # Errors
    /// When the bus refuses it.
    pub async fn request_run(&self, detail: &Value) -> Result<()> {
        let entry = json!({
            "Source": "crossdock", "DetailType": "RunRequested", "Detail": detail.to_string(),
            "EventBusName": variable("CROSSDOCK_BUS")?,
        });
        let headers =
            [("x-amz-target", "AWSEvents.PutEvents"), ("content-type", "application/x-amz-json-1.1")];
        let url = format!("{}/", self.endpoint);
        let answer = self.signed("events", &url, &headers, &json!({ "Entries": [entry] })).await?;
        let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
        match body["FailedEntryCount"].as_u64() {
            Some(0) => Ok(()),
            _ => bail!("the bus refused the event: {body}"),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a signature carries the time")]
    async fn signed(
        &self,
        service: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<reqwest::Response> {
        let body = body.to_string();
        let identity = Credentials::new(&self.access_key, &self.secret_key, None, None, "tests").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?;
        let signable =
            SignableRequest::new("POST", url, headers.iter().copied(), SignableBody::Bytes(body.as_bytes()))?;
        let (instructions, _) = sign(signable, &params.into())?.into_parts();
        let mut request = http::Request::post(url).body(body)?;
        for (name, value) in headers {
            request.headers_mut().insert(http::HeaderName::try_from(*name)?, value.parse()?);
        }
        instructions.apply_to_request_http1x(&mut request);
        let (parts, body) = request.into_parts();
        Ok(self.http.post(url).headers(parts.headers).body(body).send().await?)
    }
}
