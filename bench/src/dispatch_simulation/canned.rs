//! Processor time of a claim: `dispatch`'s own code and the SDK, with answers that were written beforehand.
//!
//! Every query finds a full page, every read a schedule that is due, every write goes through. No socket is
//! opened, so what is measured is signing, writing and reading JSON, and deciding.

use anyhow::{Result, anyhow};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::{config::Credentials, primitives::SdkBody};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    runtime_components::RuntimeComponents,
};
use jiff::{SignedDuration, Timestamp};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use shared::{
    config::DispatchConfig,
    event::Event,
    keys::{self, DUE_SHARDS},
};

const ROWS: u32 = 100;
const TICKS: u32 = 5;

/// Ticks some times on one thread; microseconds of processor time for each claim. A development build is no
/// measure, and gives none.
///
/// # Errors
/// When a tick fails, or the system does not tell the time used.
pub(super) async fn cpu_us_a_claim() -> Result<Option<f64>> {
    if cfg!(debug_assertions) {
        return Ok(None);
    }
    // A thread that has the processor to itself but for what else runs here: user and system time, not the clock.
    tokio::task::spawn_blocking(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let due = now();
            let client = SharedHttpClient::new(Canned { answers: Answers::new(due) });
            let credentials = Credentials::new("canned", "canned", None, None, "bench");
            let sdk = aws_config::defaults(BehaviorVersion::latest())
                .region(Region::from_static("us-east-1"))
                .credentials_provider(credentials)
                .http_client(client)
                .load()
                .await;
            let config = DispatchConfig {
                table: "canned".into(),
                pulls_queue_url: "https://sqs.us-east-1.amazonaws.com/000000000000/pulls".into(),
                deliveries_queue_url: "https://sqs.us-east-1.amazonaws.com/000000000000/deliveries".into(),
                pushes_queue_url: "https://sqs.us-east-1.amazonaws.com/000000000000/deliveries".into(),
            };
            let context = dispatch::Context::new(&sdk, config);
            tick(&context).await?; // what is done once is not counted
            let before = processor_us()?;
            for _ in 0..TICKS {
                tick(&context).await?;
            }
            let claims = f64::from(TICKS * DUE_SHARDS * ROWS);
            Ok(Some((processor_us()? - before) / claims))
        })
    })
    .await?
}

async fn tick(context: &dispatch::Context) -> Result<()> {
    let deadline = now().saturating_add(SignedDuration::from_secs(600))?;
    let mut lambda = lambda_runtime::Context::default();
    lambda.deadline = deadline.as_millisecond().unsigned_abs();
    dispatch::handle(context, LambdaEvent::new(Event::Tick, lambda)).await.map_err(|e| anyhow!("{e}"))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark takes the clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// User and system time of this process, in microseconds, to a hundredth of a second.
///
/// Source: proc(5), /proc/pid/stat, fields 14 and 15, in ticks of 1/100 s.
fn processor_us() -> Result<f64> {
    Ok(crate::process::processor_secs(std::process::id())? * 1e6)
}

#[derive(Clone, Debug)]
struct Answers {
    page: String,
    schedule: String,
}

impl Answers {
    fn new(due: Timestamp) -> Self {
        let text = |value: &str| json!({ "S": value });
        let number = |value: i64| json!({ "N": value.to_string() });
        let due_ms = due.as_millisecond();
        let row = |i: u32| {
            let key = keys::resource("acme", "SCHEDULE", &format!("sch_{i:032x}"));
            let shard = keys::due_shard(&key);
            json!({ "pk": text(&key.pk), "sk": text(&key.sk), "due": number(due_ms), "due_shard": text(&shard) })
        };
        let rows: Vec<Value> = (0..ROWS).map(row).collect();
        let schedule = json!({
            "pk": text("A#acme"), "sk": text("SCHEDULE#sch_00000000000000000000000000000000"),
            "id": text("sch_00000000000000000000000000000000"), "version": number(1),
            "created_at": text("2026-06-01T00:00:00Z"), "updated_at": text("2026-06-01T00:00:00Z"),
            "connection": text("con_00000000000000000000000000000000"), "cron": text("0 6 * * ? *"),
            "time_zone": text("Europe/Oslo"), "state": text("active"), "overlap": text("skip"),
            "catch_up": text("run_once"), "due": number(due_ms), "due_shard": text("DUE#00"),
            "next_at": text(&due.to_string()),
        });
        Self {
            page: json!({ "Items": rows, "Count": ROWS, "ScannedCount": ROWS }).to_string(),
            schedule: json!({ "Item": schedule }).to_string(),
        }
    }
}

#[derive(Clone, Debug)]
struct Canned {
    answers: Answers,
}

impl HttpClient for Canned {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.headers().get("x-amz-target").and_then(|t| t.split('.').nth(1));
        let body = match operation {
            Some("Query") => self.answers.page.clone(),
            Some("GetItem") => self.answers.schedule.clone(),
            Some("SendMessageBatch") => r#"{"Successful":[],"Failed":[]}"#.into(),
            _ => "{}".into(),
        };
        let answer = HttpResponse::new(200.try_into().expect("200 is a status"), SdkBody::from(body));
        HttpConnectorFuture::ready(Ok(answer))
    }
}
