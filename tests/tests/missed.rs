//! Due times that passed: one row for a gap, at most one run for it, and none for what was not missed.

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};
use shared::keys;
use tests::{
    api::id,
    flow::Flow,
    receiver::Manner,
    report::{expect, expect_failure},
    rows::now,
};
use tokio::task::JoinSet;

/// An hourly schedule whose last time was half an hour ago, so that no test runs while a time passes.
struct Hourly {
    id: String,
    path: String,
    last: Timestamp,
}

impl Hourly {
    async fn new(flow: &Flow, catch_up: Option<&str>) -> Result<Self> {
        let last = minute(now().checked_sub(30.minutes())?)?;
        let minute = last.to_zoned(jiff::tz::TimeZone::UTC).minute();
        let mut settings = json!({
            "connection": flow.connection, "cron": format!("{minute} * * * ? *"), "time_zone": "Europe/Oslo",
        });
        settings
            .as_object_mut()
            .context("an object")?
            .extend(catch_up.map(|c| ("catch_up".into(), c.into())));
        let id = id(&flow.api.post("/v1/schedules", &settings).await?);
        Ok(Self { path: format!("/v1/schedules/{id}"), id, last })
    }

    /// One of its times: `hours` before the last one.
    fn time(&self, hours: i64) -> Result<Timestamp> {
        Ok(self.last.checked_sub(SignedDuration::from_hours(hours))?)
    }

    async fn is_back_in_step(&self, flow: &Flow) -> Result<()> {
        let next = flow.api.get(&self.path).await?["next_at"].clone();
        assert_eq!(next, self.last.checked_add(1.hour())?.to_string());
        Ok(())
    }
}

fn minute(time: Timestamp) -> Result<Timestamp> {
    Ok(Timestamp::from_second(time.as_second().div_euclid(60) * 60)?)
}

/// Makes it due at a time of before, as a schedule is that `dispatch` did not come to, and ticks ten times at once.
async fn come_late(flow: &Flow, schedule: &str, due: Timestamp) -> Result<()> {
    let key = keys::resource(&flow.account, "SCHEDULE", schedule);
    flow.stack.rows().await?.set_due(&key, due.as_millisecond()).await?;
    let mut ticks = JoinSet::new();
    for _ in 0..10 {
        let stack = flow.stack.clone();
        ticks.spawn(async move { stack.tick().await });
    }
    ticks.join_all().await.into_iter().collect()
}

/// The connection's runs by the time they are for, oldest first.
async fn runs(flow: &Flow) -> Result<Vec<Value>> {
    let mut runs = flow.api.all(&format!("/v1/runs?connection={}", flow.connection)).await?;
    runs.sort_by_key(|run| run["scheduled_for"].to_string());
    Ok(runs)
}

#[tokio::test]
async fn a_gap_is_one_row_and_one_run_for_its_last_time() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let schedule = Hourly::new(&flow, None).await?;
    come_late(&flow, &schedule.id, schedule.time(3)?).await?;
    let found = runs(&flow).await?;
    assert_eq!(found.len(), 2, "{found:?}");
    let (missed, run) = (flow.api.get(&format!("/v1/runs/{}", id(&found[0]))).await?, &found[1]);
    expect(&missed, "MISSED", &[]);
    let (first, last) = (schedule.time(3)?, schedule.time(1)?);
    assert_eq!(missed["missed"], json!({ "first": first.to_string(), "last": last.to_string(), "count": 3 }));
    let words = ["3 due times", &first.to_string(), &last.to_string(), &schedule.last.to_string()];
    expect_failure(&missed, "hub", "missed", false, &words);
    assert_eq!((&missed["schedule"], &missed["trigger"]), (&json!(schedule.id), &json!("scheduled")));
    let oslo = |t: Timestamp| -> Result<Value> {
        Ok(t.in_tz("Europe/Oslo")?.strftime("%Y-%m-%d %H:%M:%S %:z").to_string().into())
    };
    assert_eq!(missed["local"]["missed"], json!({ "first": oslo(first)?, "last": oslo(last)? }));
    assert!(missed["ended_at"].is_string(), "it is born final: {missed}");
    let listed = flow.api.all(&format!("/v1/runs?connection={}&status=MISSED", flow.connection)).await?;
    assert_eq!(listed.iter().map(id).collect::<Vec<_>>(), [id(&missed)]);

    let run = flow.ended(&id(run)).await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(run["scheduled_for"], schedule.last.to_string());
    schedule.is_back_in_step(&flow).await?;

    // It is found again, as after a restore of the schedule's row: nothing is done twice.
    come_late(&flow, &schedule.id, schedule.time(3)?).await?;
    assert_eq!(runs(&flow).await?.iter().map(id).collect::<Vec<_>>(), [id(&missed), id(&run)]);
    schedule.is_back_in_step(&flow).await?;
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_single_late_time_is_run_once_and_leaves_no_other_row() -> Result<()> {
    let flow = Flow::new().await?;
    let schedule = Hourly::new(&flow, Some("run_once")).await?;
    come_late(&flow, &schedule.id, schedule.last).await?;
    let found = runs(&flow).await?;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["scheduled_for"], schedule.last.to_string());
    expect(&flow.ended(&id(&found[0])).await?, "COMPLETE", &[]);
    schedule.is_back_in_step(&flow).await
}

#[tokio::test]
async fn a_schedule_that_skips_starts_nothing_for_a_gap() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let schedule = Hourly::new(&flow, Some("skip")).await?;
    come_late(&flow, &schedule.id, schedule.time(3)?).await?;
    let found = runs(&flow).await?;
    assert_eq!(found.len(), 1, "{found:?}");
    expect(&found[0], "MISSED", &[]);
    let (first, last) = (schedule.time(3)?.to_string(), schedule.last.to_string());
    assert_eq!(found[0]["missed"], json!({ "first": first, "last": last, "count": 4 }));
    expect_failure(&found[0], "hub", "missed", false, &["by hand"]);
    schedule.is_back_in_step(&flow).await?;
    // The connection is free, and takes what waited with the next run.
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_gap_that_ends_while_a_run_goes_on_is_one_row_and_a_skipped_one() -> Result<()> {
    let flow = Flow::new().await?;
    flow.retry_far_off().await?;
    flow.receiver.next([Manner::Status(503)]);
    flow.put("busy.csv", "id;value\r\nbusy;1\r\n")?;
    let active = flow.start().await?;
    flow.waiting_batches(&active).await?;
    let schedule = Hourly::new(&flow, None).await?;
    come_late(&flow, &schedule.id, schedule.time(2)?).await?;
    let found: Vec<_> = runs(&flow).await?.into_iter().filter(|r| id(r) != active).collect();
    assert_eq!(found.iter().map(|r| &r["status"]).collect::<Vec<_>>(), ["MISSED", "SKIPPED"], "{found:?}");
    assert_eq!(found[0]["missed"]["count"], 2);
    assert_eq!(found[1]["scheduled_for"], schedule.last.to_string());
    expect_failure(&found[1], "settings", "overlap", true, &[&active]);
    schedule.is_back_in_step(&flow).await?;
    flow.let_time_pass(&active).await?;
    let run = flow.ended(&active).await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_disabled_connection_misses_times_and_skips_the_last() -> Result<()> {
    let flow = Flow::new().await?;
    flow.change_connection(|c| c["status"] = "disabled".into()).await?;
    let schedule = Hourly::new(&flow, None).await?;
    come_late(&flow, &schedule.id, schedule.time(1)?).await?;
    let found = runs(&flow).await?;
    assert_eq!(found.iter().map(|r| &r["status"]).collect::<Vec<_>>(), ["MISSED", "SKIPPED"], "{found:?}");
    expect_failure(&found[1], "settings", "connection_disabled", false, &["disabled"]);
    schedule.is_back_in_step(&flow).await
}

#[tokio::test]
async fn a_week_of_minutes_is_one_row_that_says_at_least() -> Result<()> {
    let flow = Flow::new().await?;
    let settings =
        json!({ "connection": flow.connection, "cron": "* * * * ? *", "time_zone": "Europe/Oslo" });
    let schedule = id(&flow.api.post("/v1/schedules", &settings).await?);
    let first = minute(now().checked_sub(SignedDuration::from_hours(7 * 24))?)?;
    come_late(&flow, &schedule, first).await?;
    flow.change(&format!("/v1/schedules/{schedule}"), |s| s["state"] = "paused".into()).await?;
    let found = runs(&flow).await?;
    let missed: Vec<_> = found.iter().filter(|r| r["status"] == "MISSED").collect();
    let [missed] = missed[..] else { panic!("{found:?}") };
    assert_eq!(
        (&missed["missed"]["count"], &missed["missed"]["at_least"], &missed["missed"]["first"]),
        (&json!(1000), &json!(true), &json!(first.to_string()))
    );
    expect_failure(missed, "hub", "missed", false, &["at least 1000 due times"]);
    // The run for the minute after the last one that was missed, and whatever came in the minutes since.
    let last: Timestamp = missed["missed"]["last"].as_str().context("a time")?.parse()?;
    let started = last.checked_add(1.minute())?;
    assert!(now().duration_since(started) < SignedDuration::from_mins(3), "{started}");
    assert_eq!(found[1]["scheduled_for"], started.to_string(), "{found:?}");
    flow.ended(&id(&found[1])).await?;
    Ok(())
}

#[tokio::test]
async fn times_that_are_a_few_minutes_late_are_not_missed_and_each_has_its_row() -> Result<()> {
    // As a backlog leaves them: the first is run, the others find it running, or run themselves.
    let flow = Flow::new().await?;
    let settings =
        json!({ "connection": flow.connection, "cron": "* * * * ? *", "time_zone": "Europe/Oslo" });
    let schedule = id(&flow.api.post("/v1/schedules", &settings).await?);
    let first = minute(now().checked_sub(4.minutes())?)?;
    come_late(&flow, &schedule, first).await?;
    flow.change(&format!("/v1/schedules/{schedule}"), |s| s["state"] = "paused".into()).await?;
    let found = runs(&flow).await?;
    assert!((5..=8).contains(&found.len()), "{found:?}");
    for (i, run) in (0i64..).zip(&found) {
        let time = first.checked_add(SignedDuration::from_mins(i))?;
        assert_eq!(run["scheduled_for"], time.to_string(), "one row a minute: {found:?}");
        assert_ne!(run["status"], "MISSED", "{run}");
    }
    assert_ne!(found[0]["status"], "SKIPPED", "{}", found[0]);
    flow.ended(&id(&found[0])).await?;
    Ok(())
}

#[tokio::test]
async fn what_passes_while_a_schedule_is_paused_is_not_missed() -> Result<()> {
    let flow = Flow::new().await?;
    let schedule = Hourly::new(&flow, None).await?;
    flow.change(&schedule.path, |s| s["state"] = "paused".into()).await?;
    let row = flow.stack.rows().await?.get(&keys::resource(&flow.account, "SCHEDULE", &schedule.id)).await?;
    assert!(row["due"].is_null() && row["due_shard"].is_null(), "nothing can come to it: {row}");
    flow.change(&schedule.path, |s| s["state"] = "active".into()).await?;
    flow.stack.tick().await?;
    assert_eq!(runs(&flow).await?, Vec::<Value>::new());
    schedule.is_back_in_step(&flow).await
}
