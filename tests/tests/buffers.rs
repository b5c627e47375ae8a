//! Buffers that nobody flushes: it is seen how long the oldest has waited.

use std::{
    fs::{self, File},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use shared::{delivery::NotificationName, keys};
use tests::{
    exports::{Exports, ndjson},
    rows::{now, past_ms},
    runtime_api::{Function, development_build},
    stack::variable,
    wait::until,
    webhooks::WITHIN,
};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// The values of a metric that a function has printed.
fn printed(log: &str, metric: &str) -> Vec<u64> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line[metric].as_u64()).collect()
}

#[tokio::test]
async fn the_age_of_what_only_people_flush_is_metered_every_six_hours() -> Result<()> {
    let flow = Exports::new(ndjson(), "in").await?;
    let rows = flow.stack.rows().await?;
    let target = keys::resource(&flow.account, "TARGET", &flow.files);
    let hours = |due: &Value| -> Result<i64> {
        Ok((due.as_i64().context("it is due")? - now().as_millisecond()) / (3600 * 1000))
    };
    let due = rows.get(&target).await?["due"].clone();
    ensure!((5..=6).contains(&hours(&due)?), "looked at for the first time: {due}");

    let deliveries = flow.buffered(&[("evt-1", json!({ "type": "t", "id": 1 }))]).await?;
    let name: NotificationName =
        deliveries[0].parse().map_err(|_| anyhow::anyhow!("{} is a delivery", deliveries[0]))?;
    let accepted_at = now().as_millisecond() - 3 * DAY_MS;
    rows.edit(&name.key(&flow.account), json!({ "accepted_at": accepted_at })).await?;

    let mut variables = flow.stack.function_variables();
    for name in [
        "CROSSDOCK_TABLE",
        "CROSSDOCK_PULLS_QUEUE_URL",
        "CROSSDOCK_PUSHES_QUEUE_URL",
        "CROSSDOCK_DELIVERIES_QUEUE_URL",
    ] {
        variables.push((name.into(), variable(name)?));
    }
    let log = flow.home().join("dispatch.log");
    let mut dispatch =
        Function::start(&development_build("dispatch")?, variables, File::create(&log)?).await?;
    dispatch.first_poll().await?;
    let event = json!({
        "version": "0", "id": "00000000-0000-0000-0000-000000000000", "detail-type": "Scheduled Event",
        "source": "aws.events", "account": "000000000000", "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1", "resources": [], "detail": {},
    });
    // The stack's own tick may be there first.
    for _ in 0..5 {
        rows.set_due(&target, past_ms()).await?;
        dispatch.invoke(event.to_string(), Duration::from_secs(50)).await?.answer()?;
        until("it to be put off", WITHIN, async || {
            Ok((hours(&rows.get(&target).await?["due"])? >= 5).then_some(()))
        })
        .await?;
        if !printed(&fs::read_to_string(&log)?, "OldestOwedAge").is_empty() {
            break;
        }
    }
    let ages = printed(&fs::read_to_string(&log)?, "OldestOwedAge");
    let days = |secs: &u64| secs / (24 * 3600);
    ensure!(ages.iter().any(|secs| days(secs) == 3), "{ages:?}: {}", fs::read_to_string(&log)?);
    Ok(())
}
