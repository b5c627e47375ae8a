//! `make soak`: many notifications over many targets on the deployed stack, a third of the targets failing at any
//! moment, functions killed at random. In the end each notification is delivered, and the receivers' set is the sent
//! one.
//!
//! `soak [NOTIFICATIONS] [TARGETS]`, 5,000 over 20 without them. It kills the stack's own processes, so nothing else
//! may use the stack meanwhile. A message whose function was killed comes again when its visibility ends; so that this
//! takes one minute and not six, the queue's visibility is lowered for the time.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use shared::{delivery::NotificationName, notification::notification_id};
use tests::{
    api::id,
    flow::new_account,
    hooks::{Endpoint, Manner},
    stack::{Stack, function_name},
};

const KEY: &str = "an-api-key-of-the-soak";

/// Notifications of one request.
const AT_ONCE: usize = 50;

/// How long a target fails before the next third has its turn.
const TURN_SECS: u64 = 6;

/// How often a process is killed while notifications are posted and for a while after.
const KILL_EVERY: Duration = Duration::from_secs(4);

/// How long all of it may take.
const WITHIN: Duration = Duration::from_secs(40 * 60);

/// The visibility of the queue meanwhile, and as the template has it.
const VISIBILITY: &str = "70";
const USUAL: &str = "360";

#[tokio::main]
async fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|n| n.parse::<usize>());
    let (notifications, targets) = match (numbers.next().transpose(), numbers.next().transpose()) {
        (Ok(n), Ok(t)) => (n.unwrap_or(5000), t.unwrap_or(20)),
        _ => {
            eprintln!("soak [NOTIFICATIONS] [TARGETS]");
            return ExitCode::FAILURE;
        }
    };
    let stack = match Stack::from_env() {
        Ok(stack) => stack,
        Err(error) => {
            eprintln!("soak: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let soaked = match set_visibility(&stack, VISIBILITY).await {
        Ok(()) => soak(&stack, notifications, targets).await,
        Err(error) => Err(error),
    };
    let restored = set_visibility(&stack, USUAL).await;
    match soaked.and(restored) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn set_visibility(stack: &Stack, secs: &str) -> Result<()> {
    let (sqs, url) = stack.queue("deliveries").await?;
    let set = sqs.set_queue_attributes().queue_url(url);
    set.attributes(QueueAttributeName::VisibilityTimeout, secs).send().await?;
    Ok(())
}

struct Target {
    endpoint: Endpoint,
    connection: String,
}

async fn soak(stack: &Stack, notifications: usize, targets: usize) -> Result<()> {
    let begun = Instant::now();
    let (account, api) = new_account(stack, "Europe/Oslo").await?;
    let source = json!({
        "name": "soak", "verification": { "scheme": "api_key" }, "secrets": [{ "name": "first", "secret": KEY }],
        "event_id": { "pointer": "/id" },
    });
    let source = id(&api.post("/v1/sources", &source).await?);
    let calm = Arc::new(AtomicBool::new(false));
    let mut all = Vec::new();
    for i in 0..targets {
        let endpoint = endpoint(i as u64, begun, calm.clone()).await?;
        let webservice = json!({
            "name": "soak", "kind": "webservice", "address": endpoint.url(), "timeout_secs": 3,
            "retry_secs": vec![5; 50],
        });
        let target = id(&api.post("/v1/target-servers", &webservice).await?);
        let connection = json!({
            "name": "soak", "target": { "target_server": target },
            "source": { "source": source, "conditions": [{ "pointer": "/target", "equals": i }] },
        });
        all.push(Target { endpoint, connection: id(&api.post("/v1/connections", &connection).await?) });
    }
    let kills = Arc::new(AtomicU64::new(0));
    let killing = tokio::spawn(kill_at_random(stack.clone(), kills.clone()));
    let path = format!("/v1/sources/{account}.{source}/notifications/batch");
    let (mut repeats, bearer) = (0, format!("Bearer {KEY}"));
    for first in (0..notifications).step_by(AT_ONCE) {
        let events = (first..(first + AT_ONCE).min(notifications)).map(|n| event(n, targets));
        let body = Value::Array(events.collect()).to_string();
        repeats += post_until_taken(stack, &path, &bearer, &body).await?;
    }
    println!("posted {notifications} in {} s, {repeats} requests repeated", begun.elapsed().as_secs());
    let expected = expected(&account, &source, &all, notifications, targets);
    let (mut said, mut last) = (Instant::now(), 0);
    loop {
        let taken: usize = all.iter().map(|t| t.endpoint.taken().len()).sum();
        if taken * 5 > notifications * 4 && !killing.is_finished() {
            killing.abort(); // what is left has to come through what the kills left behind
            calm.store(true, Ordering::Relaxed);
        }
        if said.elapsed() > Duration::from_secs(15) {
            let kills = kills.load(Ordering::Relaxed);
            println!(
                "  {} s: {taken} taken (+{}), {kills} processes killed",
                begun.elapsed().as_secs(),
                taken - last
            );
            (said, last) = (Instant::now(), taken);
            // The minute rule of the local cloud ticks too; this only makes it quicker.
            if let Err(error) = stack.tick().await {
                println!("  a tick failed: {error:#}");
            }
        }
        if taken >= expected.len() {
            break;
        }
        if begun.elapsed() > WITHIN {
            bail!("{taken} of {} taken in {} s", expected.len(), WITHIN.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    killing.abort();
    hold(stack, &account, &all, &expected).await?;
    let requests: usize = all.iter().map(|t| t.endpoint.hooks().len()).sum();
    println!(
        "all held after {} s: {requests} requests, {} processes killed",
        begun.elapsed().as_secs(),
        kills.load(Ordering::Relaxed)
    );
    println!("figure soak_delivered {} of {notifications}", expected.len());
    Ok(())
}

fn event(n: usize, targets: usize) -> Value {
    json!({ "id": format!("evt-{n:06}"), "target": n % targets, "pay": format!("{n}.00"), "text": "x".repeat(n % 700) })
}

/// What each delivery must have brought: its body by its id.
fn expected(
    account: &str,
    source: &str,
    all: &[Target],
    notifications: usize,
    targets: usize,
) -> BTreeMap<String, String> {
    let of = |n: usize| {
        let event = event(n, targets);
        let notification = notification_id(account, source, event["id"].as_str().unwrap_or_default());
        let connection = all[n % targets].connection.clone();
        (NotificationName { notification, connection }.to_string(), event.to_string())
    };
    (0..notifications).map(of).collect()
}

/// A target of which a third of the others fail with it, each third in its turn and each target in a way of its own.
async fn endpoint(i: u64, begun: Instant, calm: Arc<AtomicBool>) -> Result<Endpoint> {
    Endpoint::that(move |_, _| {
        let fails = (begun.elapsed().as_secs() / TURN_SECS + i).is_multiple_of(3);
        match i % 4 {
            _ if !fails || calm.load(Ordering::Relaxed) => Manner::Take,
            0 => Manner::Status(503),
            1 => Manner::HangUp,
            2 => Manner::TakeAndHangUp,
            _ => Manner::TakeAndAnswer(500),
        }
    })
    .await
}

/// Posts as a careful client does: again, until all of it is taken. Says how often it had to be repeated.
async fn post_until_taken(stack: &Stack, path: &str, bearer: &str, body: &str) -> Result<u64> {
    let headers = [("authorization", bearer), ("content-type", "application/json")];
    for repeats in 0..100 {
        let answer = stack.intake().send("POST", path, &headers, body.as_bytes().to_vec()).await;
        if let Ok(answer) = answer
            && answer.status == 200
        {
            let results = answer.body["results"].as_array().context("results")?;
            ensure!(results.iter().all(|r| r["status"] == 202), "not taken: {}", answer.body);
            return Ok(repeats);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bail!("a batch was not taken after 100 requests")
}

/// Kills a process of `intake` or `deliver` every few seconds.
async fn kill_at_random(stack: Stack, kills: Arc<AtomicU64>) {
    loop {
        tokio::time::sleep(KILL_EVERY).await;
        let processes = processes(&stack).unwrap_or_default();
        let mut random = [0; 2];
        if processes.is_empty() || getrandom::fill(&mut random).is_err() {
            continue;
        }
        let pid = processes[usize::from(u16::from_be_bytes(random)) % processes.len()];
        let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
        if killed.is_ok_and(|status| status.success()) {
            kills.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The processes of `intake` and `deliver` that this stack's local cloud runs.
fn processes(stack: &Stack) -> Result<Vec<u32>> {
    let mut found = stack.processes(&function_name("intake")?)?;
    found.extend(stack.processes(&function_name("deliver")?)?);
    Ok(found)
}

/// Each was delivered under its id with its body; each has one row, which says so; nothing is owed.
async fn hold(
    stack: &Stack,
    account: &str,
    all: &[Target],
    expected: &BTreeMap<String, String>,
) -> Result<()> {
    let mut taken = BTreeMap::new();
    for target in all {
        for hook in target.endpoint.hooks() {
            let body = String::from_utf8_lossy(&hook.body).into_owned();
            let wanted = expected.get(hook.id()).with_context(|| format!("{} was never sent", hook.id()))?;
            ensure!(*wanted == body, "{} came with another body", hook.id());
        }
        let of = target.endpoint.taken().into_iter();
        taken.extend(of.map(|(id, body)| (id, String::from_utf8_lossy(&body).into_owned())));
    }
    ensure!(taken == *expected, "the receivers' set is not the sent one");
    let (table, mut open) = (stack.table().await?, BTreeSet::new());
    for _ in 0..120 {
        open.clear();
        for name in expected.keys() {
            let name: NotificationName = name.parse().ok().context("a delivery's name")?;
            let row = table.notification_delivery(account, &name).await?;
            let row = row.with_context(|| format!("{name} has no row"))?;
            if row.state != shared::delivery::DeliveryState::Delivered || row.due.is_some() {
                open.insert(format!("{name} {:?}", row.state));
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        // What was taken and not acknowledged is sent once more.
        println!("  {} rows are not final yet", open.len());
        stack.tick().await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    bail!("not final: {:?}", open.iter().take(5).collect::<Vec<_>>())
}
