//! `deliver`: full batches of notifications that were just posted, all for one target that takes them at once.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;
use tests::rows::now;

use super::{
    ROUNDS, fixture,
    measured::Measured,
    rounds::{median, verdict},
    stand_in::StandIn,
};

/// Messages of an event: the most that the template lets a batch have.
const BATCH: usize = 10;
const WARM_UP: usize = 200;
const NOTIFICATIONS: usize = 20_000;
const TARGET_PER_S: f64 = 2000.0;
const TARGET_MIB: f64 = 64.0;

struct Round {
    per_processor_s: f64,
    per_wall_s: f64,
    peak_mib: f64,
}

/// Measures `deliver`.
///
/// # Errors
/// When a notification is not delivered, or other calls are made than should be.
pub(super) async fn run() -> Result<()> {
    println!(
        "deliver: {NOTIFICATIONS} notifications in events of {BATCH}, one event after another, after {WARM_UP} to \
         warm up; each is claimed, sent signed to a receiver that answers at once, and written down\n"
    );
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        rounds.push(measure(round).await?);
    }
    let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value));
    let (per_s, peak) = (of(|r| r.per_processor_s), of(|r| r.peak_mib));
    println!(
        "{per_s:.0} notifications a second of processor time of the function's process, user and system \
         ({:.0} µs each); {:.0} a second by the clock, on a machine that also ran the stand-ins",
        1e6 / per_s,
        of(|r| r.per_wall_s)
    );
    println!("target: at least {TARGET_PER_S} a second and core: {}", verdict(per_s >= TARGET_PER_S));
    println!("target: peak resident set at most {TARGET_MIB} MiB: {}\n", verdict(peak <= TARGET_MIB));
    println!("figure deliver_per_s {per_s:.0} 1/s");
    println!("figure deliver_wall_per_s {:.0} 1/s", of(|r| r.per_wall_s));
    println!("figure deliver_peak_rss_mib {peak:.1} MiB");
    Ok(())
}

async fn measure(round: usize) -> Result<Round> {
    let receiver = StandIn::receiver().await?;
    let aws = StandIn::aws(&format!("{}/hooks", receiver.url)).await?;
    let mut function = Measured::start("deliver", &aws.url).await?;
    let event = |first: usize| {
        let events: Vec<String> = (first..first + BATCH).map(|i| format!("evt-{round}-{i}")).collect();
        fixture::batch(&events, now())
    };
    for first in (0..WARM_UP).step_by(BATCH) {
        function.invoke(event(first)?).await?;
    }
    let (called, received) = (aws.done().await?, receiver.done().await?);
    let processor = function.processor_secs()?;
    let mut wall = 0.0;
    for first in (WARM_UP..WARM_UP + NOTIFICATIONS).step_by(BATCH) {
        let event = event(first)?;
        let began = Instant::now();
        let (answer, _) = function.invoke(event).await?;
        wall += began.elapsed().as_secs_f64();
        ensure!(answer["batchItemFailures"] == json!([]), "deliver answered {answer}");
    }
    let processor = function.processor_secs()? - processor;
    let (called, received) = (aws.done().await?.since(&called), receiver.done().await?.since(&received));
    let all = Some(NOTIFICATIONS as u64);
    let is_right = ["PutItem", "UpdateItem"].iter().all(|call| called.calls.get(*call).copied() == all);
    ensure!(is_right && !called.calls.contains_key("anything else"), "deliver made other calls: {called:?}");
    ensure!(received.calls.get("signed").copied() == all, "the receiver got {received:?}");
    Ok(Round {
        per_processor_s: NOTIFICATIONS as f64 / processor,
        per_wall_s: NOTIFICATIONS as f64 / wall,
        peak_mib: function.peak_mib()?,
    })
}
