//! `make cost`: what a million notifications and a million records cost in AWS's prices, line by line.
//!
//! The functions run as processes under a Runtime API of our own, before the local cloud; what they call, log and
//! take is counted on the way, not computed from a plan. Prices are in `prices`. Not in any line: data transfer out to
//! targets, storage, the custom metrics' monthly price, cold starts, empty receives of the event sources, alarms.

mod bill;
mod meter;
mod notifications;
mod prices;
mod queues;
mod records;
mod template;
mod worker;

use anyhow::Result;

use bill::Line;
use notifications::{NOTIFICATIONS, Way};
use records::{BATCH_SIZE, RECORDS};
use template::memory_mb;
use worker::{DELIVER, INTAKE, SFTP_PULL};

const TARGET_NOTIFICATIONS: f64 = 3.20;
const TARGET_RECORDS: f64 = 0.05;

/// Messages of an event of `deliver` where there is enough to do: the template's most.
const FULL: i32 = 10;

/// Requests a second of the rate-limited target: as many as are sent there are, and nothing waits as a row.
const PER_SECOND: u32 = 100;

/// Measures and prints.
///
/// # Errors
/// When the stack is not up, or something does not arrive as it should.
pub(crate) async fn run() -> Result<()> {
    say_what_is_assumed()?;
    let plain = notifications::measure(Way { batch: FULL, per_second: None }).await?;
    let limited = notifications::measure(Way { batch: FULL, per_second: Some(PER_SECOND) }).await?;
    let single = notifications::measure(Way { batch: 1, per_second: None }).await?;
    for (name, way) in [("plain", &plain), ("rate-limited", &limited), ("batches of 1", &single)] {
        println!(
            "{name}: {:.1} messages an event of deliver; intake {:.1} ms, deliver {:.1} ms an invocation",
            way.batch, way.mean_ms.0, way.mean_ms.1
        );
        way.calls.iter().for_each(|calls| println!("  {calls}"));
    }
    println!();
    let url = plain.amounts.clone().without(Line::ApiRequests);
    let columns = [
        ("plain", &plain.amounts),
        ("function URL", &url),
        ("rate-limited", &limited.amounts),
        ("batches of 1", &single.amounts),
    ];
    bill::print("notifications", &columns);
    let records = records::measure().await?;
    println!(
        "one run of {RECORDS} records: {} invocations of sftp-pull, {} of deliver",
        records.invocations.0, records.invocations.1
    );
    records.calls.iter().for_each(|calls| println!("  {calls}"));
    println!();
    bill::print("records", &[("all new", &records.amounts)]);
    let (a_million, of_records) = (plain.amounts.total(), records.amounts.total());
    let verdict = |cost: f64, target: f64| if cost <= target { "held" } else { "MISSED" };
    println!(
        "target: a million notifications at most ${TARGET_NOTIFICATIONS:.2}: {}",
        verdict(a_million, TARGET_NOTIFICATIONS)
    );
    println!(
        "target: a million records at most ${TARGET_RECORDS:.2}: {}\n",
        verdict(of_records, TARGET_RECORDS)
    );
    println!("figure cost_usd_per_million_notifications {a_million:.3} USD");
    println!("figure cost_usd_per_million_notifications.function_url {:.3} USD", url.total());
    println!("figure cost_usd_per_million_notifications.rate_limited {:.3} USD", limited.amounts.total());
    println!("figure cost_usd_per_million_notifications.batches_of_1 {:.3} USD", single.amounts.total());
    println!("figure cost_usd_per_million_records {of_records:.4} USD");
    Ok(())
}

fn say_what_is_assumed() -> Result<()> {
    let mut builds = Vec::new();
    for function in [INTAKE, DELIVER, SFTP_PULL] {
        let (_, is_release) = worker::binary(function)?;
        let build = if is_release { "release" } else { "DEVELOPMENT, slower" };
        builds.push(format!("{} {} MB, {build}", function.binary, memory_mb(function.id)?));
    }
    println!(
        "Prices: us-east-1, arm64, on demand, no free tier. Functions: {}.\n\
         Notifications: {NOTIFICATIONS} of 1 KiB on each path, one connection, taken at the first try, warm\n  \
           processes; what these keep of source and target is read again as its 5 or 10 s are over.\n\
         - deliver gets {FULL} messages an event (there is enough to do), or 1 (the column `batches of 1`: a trickle).\n\
         - SQS: a request a send, and a receive and a delete for each event; a receive that finds nothing is left out.\n\
         - DynamoDB: the units that the local cloud says each call consumed, indexes included; a failed condition as a unit.\n\
         - Time: by the clock, from the event to the answer, each rounded up to a millisecond, against the local cloud\n  \
           on this machine. In AWS the calls take other times; 10 ms more of intake at 256 MB are $0.033 a million.\n\
         - Logs: what the functions print, and {} bytes an invocation for Lambda's own START, END and REPORT.\n\
         - Rate-limited: the target takes {PER_SECOND} a second, and gets no more; what waits as a row costs more.\n\
         Records: one run of {RECORDS}, all new, in batches of {BATCH_SIZE}, with report, state and dispatch's claim.\n\
         Left out: transfer out, storage, KMS keys, alarms, the monthly price of metrics, cold starts, idle polling.\n",
        builds.join("; "),
        worker::lambda_log_bytes(),
    );
    Ok(())
}
