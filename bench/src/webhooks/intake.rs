//! `intake`: one request after another, as Lambda hands them to one process.

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::rows::now;

use super::{
    ROUNDS, fixture,
    measured::Measured,
    rounds::{median, percentile, verdict},
    stand_in::StandIn,
};

const WARM_UP: usize = 200;
const REQUESTS: usize = 5000;
const TARGET_P50_US: f64 = 1000.0;
const TARGET_P99_US: f64 = 3000.0;

/// A function that only makes as many calls: what the SDK and the runtime cost without `intake`.
const BARE: &str = "bare-function";

/// Microseconds, a value a request but for the processor's.
struct Round {
    whole: Vec<f64>,
    own: Vec<f64>,
    processor: f64,
}

/// Measures `intake`, and beside it the bare function.
///
/// # Errors
/// When a request is not accepted, or other calls are made than should be.
pub(super) async fn run() -> Result<()> {
    println!(
        "intake: {REQUESTS} requests one after another after {WARM_UP} to warm up; a body of {} bytes of JSON, \
         signed by Standard Webhooks, a new event each, one connection\n\
         \n\
         whole      from handing the event over to having the answer\n\
         own        the same, less the time from when the stand-in for AWS had a call's head until it had the \
         answer; the way over loopback is in it\n\
         processor  of the function's process, all threads, user and system, a mean over all requests\n",
        fixture::BODY_BYTES
    );
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        ours.push(measure("intake", round, &["Query", "SendMessageBatch"]).await?);
        bare.push(measure(BARE, round, &["GetItem", "SendMessage"]).await?);
    }
    println!(
        "{:<14}{:>15}{:>15}{:>13}{:>13}{:>15}",
        "µs", "whole, median", "whole, 99%", "own, median", "own, 99%", "processor"
    );
    for (name, rounds) in [("intake", &ours), (BARE, &bare)] {
        println!(
            "{name:<14}{:>15.0}{:>15.0}{:>13.0}{:>13.0}{:>15.0}",
            of(rounds, |r| percentile(r.whole.iter().copied(), 50.0)),
            of(rounds, |r| percentile(r.whole.iter().copied(), 99.0)),
            p50(rounds),
            p99(rounds),
            of(rounds, |r| r.processor),
        );
    }
    println!(
        "(the bare function makes two calls as well, and nothing else: SDK and runtime without intake)\n"
    );
    let (p50, p99) = (p50(&ours), p99(&ours));
    println!("target: own median at most {TARGET_P50_US} µs: {}", verdict(p50 <= TARGET_P50_US));
    println!("target: own 99% at most {TARGET_P99_US} µs: {}\n", verdict(p99 <= TARGET_P99_US));
    println!("figure intake_p50_us {p50:.0} µs");
    println!("figure intake_p99_us {p99:.0} µs");
    println!("figure intake_processor_us {:.0} µs", of(&ours, |r| r.processor));
    Ok(())
}

fn of(rounds: &[Round], value: impl Fn(&Round) -> f64) -> f64 {
    median(rounds.iter().map(value))
}

fn p50(rounds: &[Round]) -> f64 {
    of(rounds, |r| percentile(r.own.iter().copied(), 50.0))
}

fn p99(rounds: &[Round]) -> f64 {
    of(rounds, |r| percentile(r.own.iter().copied(), 99.0))
}

async fn measure(name: &str, round: usize, each_calls: &[&str]) -> Result<Round> {
    let aws = StandIn::aws("http://127.0.0.1:9/hooks").await?; // intake sends nothing to targets
    let mut function = Measured::start(name, &aws.url).await?;
    let path = fixture::path();
    let event = |i: usize| fixture::request(&path, &format!("evt-{round}-{i}"), now());
    for i in 0..WARM_UP {
        check(name, &function.invoke(event(i)?).await?.0)?;
    }
    let (mut whole, mut own) = (Vec::with_capacity(REQUESTS), Vec::with_capacity(REQUESTS));
    let began = aws.done().await?;
    let (mut busy_ns, processor) = (began.busy_ns, function.processor_secs()?);
    for i in WARM_UP..WARM_UP + REQUESTS {
        let (answer, took) = function.invoke(event(i)?).await?;
        check(name, &answer)?;
        let took = took.as_secs_f64() * 1e6;
        let busy = aws.done().await?.busy_ns;
        whole.push(took);
        own.push(took - (busy - busy_ns) as f64 / 1e3);
        busy_ns = busy;
    }
    let processor = (function.processor_secs()? - processor) * 1e6 / REQUESTS as f64;
    let calls = aws.done().await?.since(&began).calls;
    let right = each_calls.iter().all(|call| calls.get(*call).copied() >= Some(REQUESTS as u64));
    ensure!(right && !calls.contains_key("anything else"), "{name} made other calls: {calls:?}");
    Ok(Round { whole, own, processor })
}

fn check(name: &str, answer: &Value) -> Result<()> {
    ensure!(name == BARE || answer["statusCode"] == 202, "{name} answered {answer}");
    Ok(())
}
