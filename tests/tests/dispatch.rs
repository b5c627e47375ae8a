//! What starts runs: schedules, requests on the bus, people; and what keeps two from running at once.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use shared::{id::derived, keys};
use tests::{
    api::id,
    flow::{Flow, new_account},
    receiver::Manner,
    report::{expect, expect_failure},
    rows::past_ms,
    wait::until,
};
use tokio::task::JoinSet;

/// Due in the distant future: what a test wants to be due it sets back.
const FAR_OFF: &str = "0 0 1 1 ? 2198";

async fn schedule(flow: &Flow, cron: &str) -> Result<String> {
    let settings = json!({ "connection": flow.connection, "cron": cron, "time_zone": "Europe/Oslo" });
    Ok(id(&flow.api.post("/v1/schedules", &settings).await?))
}

async fn shown(flow: &Flow, schedule: &str) -> Result<Value> {
    flow.api.get(&format!("/v1/schedules/{schedule}")).await
}

/// Sets a schedule's next time to one that has passed, in milliseconds since 1970.
async fn set_back(flow: &Flow, schedule: &str) -> Result<i64> {
    let due = past_ms();
    flow.stack.rows().await?.set_due(&keys::resource(&flow.account, "SCHEDULE", schedule), due).await?;
    Ok(due)
}

async fn runs(flow: &Flow) -> Result<Vec<Value>> {
    flow.api.all(&format!("/v1/runs?connection={}", flow.connection)).await
}

/// Ten ticks at once.
async fn ten_ticks(flow: &Flow) -> Result<()> {
    let mut ticks = JoinSet::new();
    for _ in 0..10 {
        let stack = flow.stack.clone();
        ticks.spawn(async move { stack.tick().await });
    }
    ticks.join_all().await.into_iter().collect()
}

/// A run that holds the connection, since its target does not take its batch for now.
async fn busy(flow: &Flow) -> Result<String> {
    flow.retry_far_off().await?;
    flow.receiver.next([Manner::Status(503)]);
    flow.put("busy.csv", "id;value\r\nbusy;1\r\n")?;
    let run = flow.start().await?;
    flow.waiting_batches(&run).await?;
    Ok(run)
}

#[tokio::test]
async fn a_schedule_of_every_minute_starts_a_run_on_the_minute() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let schedule = schedule(&flow, "* * * * ? *").await?;
    let due = shown(&flow, &schedule).await?["next_at"].clone();
    assert!(due.as_str().is_some_and(|d| d.ends_with(":00Z")), "{due}");
    let first =
        until("a scheduled run", Duration::from_secs(120), async || Ok(runs(&flow).await?.pop())).await?;
    let path = format!("/v1/schedules/{schedule}");
    flow.change(&path, |s| s["state"] = "paused".into()).await?;
    let run = flow.ended(&id(&first)).await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!(
        (&run["trigger"], &run["schedule"], &run["scheduled_for"]),
        (&json!("scheduled"), &json!(schedule), &due)
    );
    assert!(run["local"]["scheduled_for"].is_string(), "{run}");
    let later = shown(&flow, &schedule).await?;
    assert!(later["next_at"].is_null(), "a paused schedule has no next time: {later}");
    flow.agrees(&runs(&flow).await?.iter().collect::<Vec<_>>()).await
}

#[tokio::test]
async fn way_18_ten_ticks_at_once_start_one_run_for_a_due_time() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let schedule = schedule(&flow, FAR_OFF).await?;
    let due = set_back(&flow, &schedule).await?;
    ten_ticks(&flow).await?;
    let found = runs(&flow).await?;
    assert_eq!(found.len(), 1, "{found:?}");
    let run = flow.ended(&id(&found[0])).await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    let due = jiff::Timestamp::from_millisecond(due)?.to_string();
    assert_eq!((&run["trigger"], &run["scheduled_for"]), (&json!("scheduled"), &json!(due)));
    assert_eq!(shown(&flow, &schedule).await?["next_at"], "2197-12-31T23:00:00Z");
    ten_ticks(&flow).await?;
    assert_eq!(runs(&flow).await?.len(), 1);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn way_18_a_due_time_that_comes_while_a_run_goes_on_is_skipped_with_a_row_that_says_so() -> Result<()> {
    let flow = Flow::new().await?;
    let schedule = schedule(&flow, FAR_OFF).await?;
    let active = busy(&flow).await?;
    set_back(&flow, &schedule).await?;
    ten_ticks(&flow).await?;
    let found = runs(&flow).await?;
    assert_eq!(found.len(), 2, "{found:?}");
    let skipped = found.iter().find(|r| id(r) != active).context("a skipped run")?;
    expect(skipped, "SKIPPED", &[]);
    expect_failure(skipped, "settings", "overlap", true, &[&active]);
    assert_eq!(skipped["schedule"], json!(schedule));
    assert!(skipped["scheduled_for"].is_string() && skipped["ended_at"].is_string(), "{skipped}");
    assert_eq!(shown(&flow, &schedule).await?["next_at"], "2197-12-31T23:00:00Z");
    let connection = flow.api.get(&format!("/v1/connections/{}", flow.connection)).await?;
    assert_eq!(connection["active_run"], json!(active));

    // By hand it is refused, and by the bus it is skipped too.
    let path = format!("/v1/connections/{}/runs", flow.connection);
    let refused = flow.api.call("POST", &path, &[], None).await?;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("run_active")));
    assert!(refused.body["detail"].to_string().contains(&active), "{}", refused.body);
    let rerun = flow.api.call("POST", &format!("/v1/runs/{active}/rerun"), &[], None).await?;
    assert_eq!((rerun.status, &rerun.body["code"]), (409, &json!("run_active")));
    flow.stack
        .hand_request(&json!({ "account": flow.account, "connection": flow.connection }), "busy")
        .await?;
    let found = runs(&flow).await?;
    assert_eq!(found.iter().filter(|r| r["status"] == "SKIPPED").count(), 2, "{found:?}");

    flow.let_time_pass(&active).await?;
    let run = flow.ended(&active).await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    // The connection is free again.
    let next = flow.run().await?;
    expect(&next, "COMPLETE", &[]);
    flow.agrees(&[&run, &next]).await
}

#[tokio::test]
async fn a_disabled_connection_is_skipped_and_says_so() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let schedule = schedule(&flow, FAR_OFF).await?;
    flow.change_connection(|c| c["status"] = "disabled".into()).await?;
    set_back(&flow, &schedule).await?;
    flow.stack.tick().await?;
    let found = runs(&flow).await?;
    assert_eq!(found.len(), 1, "{found:?}");
    expect(&found[0], "SKIPPED", &[]);
    expect_failure(&found[0], "settings", "connection_disabled", false, &["disabled"]);
    assert_eq!(shown(&flow, &schedule).await?["next_at"], "2197-12-31T23:00:00Z");
    let refused =
        flow.api.call("POST", &format!("/v1/connections/{}/runs", flow.connection), &[], None).await?;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("connection_disabled")));
    flow.change_connection(|c| c["status"] = "active".into()).await?;
    let run = flow.run().await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_paused_schedule_does_not_fire() -> Result<()> {
    let flow = Flow::new().await?;
    let schedule = schedule(&flow, FAR_OFF).await?;
    set_back(&flow, &schedule).await?;
    let path = format!("/v1/schedules/{schedule}");
    flow.change(&path, |s| s["state"] = "paused".into()).await?;
    // The stack's own tick may have come before the pause.
    let before: Vec<String> = runs(&flow).await?.iter().map(id).collect();
    flow.stack.tick().await?;
    assert_eq!(runs(&flow).await?.iter().map(id).collect::<Vec<_>>(), before);
    assert!(shown(&flow, &schedule).await?["next_at"].is_null());
    flow.change(&path, |s| s["state"] = "active".into()).await?;
    assert_eq!(shown(&flow, &schedule).await?["next_at"], "2197-12-31T23:00:00Z");
    flow.stack.tick().await?;
    assert_eq!(runs(&flow).await?.iter().map(id).collect::<Vec<_>>(), before);
    Ok(())
}

#[tokio::test]
async fn a_schedule_that_still_names_a_time_that_was_claimed_moves_on() -> Result<()> {
    // As a change of the schedule leaves it that was read before the claim and written after it.
    let flow = Flow::new().await?;
    let schedule = schedule(&flow, FAR_OFF).await?;
    let key = keys::resource(&flow.account, "SCHEDULE", &schedule);
    let rows = flow.stack.rows().await?;
    let due = set_back(&flow, &schedule).await?;
    flow.stack.tick().await?;
    let run = flow.ended(&id(&runs(&flow).await?[0])).await?;
    rows.set_due(&key, due).await?;
    flow.stack.tick().await?;
    assert_eq!(shown(&flow, &schedule).await?["next_at"], "2197-12-31T23:00:00Z");
    assert!(rows.get(&key).await?["due"].as_i64() > Some(due), "it would never be due again");
    assert_eq!(runs(&flow).await?.iter().map(id).collect::<Vec<_>>(), [id(&run)]);

    // The same where the time was skipped.
    flow.change_connection(|c| c["status"] = "disabled".into()).await?;
    let due = set_back(&flow, &schedule).await?;
    flow.stack.tick().await?;
    rows.set_due(&key, due).await?;
    flow.stack.tick().await?;
    assert!(rows.get(&key).await?["due"].as_i64() > Some(due), "it would never be due again");
    assert_eq!(runs(&flow).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_request_on_the_bus_starts_a_run() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let wanted = json!({ "account": flow.account, "connection": flow.connection, "scope": "client 7, 2026" });
    flow.stack.request_run(&wanted).await?;
    let run =
        until("the run that was requested", Duration::from_secs(60), async || Ok(runs(&flow).await?.pop()))
            .await?;
    let run = flow.ended(&id(&run)).await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    assert_eq!((&run["trigger"], &run["scope"]), (&json!("manual"), &json!("client 7, 2026")));
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn the_same_request_twice_is_one_run() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let wanted = json!({ "account": flow.account, "connection": flow.connection });
    let (one, two) =
        tokio::join!(flow.stack.hand_request(&wanted, "e1"), flow.stack.hand_request(&wanted, "e1"));
    one.and(two)?;
    let found = runs(&flow).await?;
    assert_eq!(found.len(), 1, "{found:?}");
    let run = flow.ended(&id(&found[0])).await?;
    expect(&run, "COMPLETE", &[("read", 1), ("created", 1)]);
    flow.stack.hand_request(&wanted, "e1").await?;
    assert_eq!(runs(&flow).await?.iter().map(id).collect::<Vec<_>>(), [id(&run)]);
    flow.agrees(&[&run]).await
}

#[tokio::test]
async fn a_request_for_another_accounts_connection_does_nothing() -> Result<()> {
    let flow = Flow::new().await?;
    flow.put("a.csv", "id;value\r\n1;a\r\n")?;
    let (other, other_api) = new_account(&flow.stack, "UTC").await?;
    for wanted in [
        json!({ "account": other, "connection": flow.connection }),
        json!({ "account": format!("{other}#R#x"), "connection": flow.connection }),
        json!({ "account": flow.account, "connection": "con_of_no_one" }),
        json!({ "account": "no-such-account", "connection": flow.connection }),
    ] {
        flow.stack.hand_request(&wanted, "e1").await?;
        let (account, connection) = (wanted["account"].as_str(), wanted["connection"].as_str());
        let (account, connection) = (account.unwrap_or_default(), connection.unwrap_or_default());
        let run = derived("run", &[account, connection, "event", "e1"]);
        assert!(flow.stack.rows().await?.get(&keys::run(account, &run)).await.is_err(), "{wanted} is a run");
    }
    assert_eq!(flow.api.all("/v1/runs").await?, Vec::<Value>::new());
    assert_eq!(other_api.all("/v1/runs").await?, Vec::<Value>::new());
    flow.agrees(&[]).await
}

#[tokio::test]
async fn way_17_the_next_times_show_what_a_change_of_the_clocks_does_to_them() -> Result<()> {
    let flow = Flow::new().await?;
    let made = schedule(&flow, "30 2 25-31 3,10 ? *").await?;
    let next = flow.api.get(&format!("/v1/schedules/{made}/next?n=30")).await?;
    assert_eq!(next["time_zone"], "Europe/Oslo");
    let times = next["times"].as_array().context("times")?;
    assert_eq!(times.len(), 30);
    let shifted: Vec<_> = times.iter().filter(|t| !t["shift"].is_null()).collect();
    assert!(shifted.len() >= 4, "two years have four changes: {next}");
    for time in &shifted {
        let local = time["local"].as_str().unwrap_or_default();
        let expected = match time["shift"].as_str() {
            Some("after_gap") => ("-03-", "T03:00:00+02:00"),
            Some("first_of_two") => ("-10-", "T02:30:00+02:00"),
            other => anyhow::bail!("{other:?}"),
        };
        assert!(local.contains(expected.0) && local.ends_with(expected.1), "{time}");
    }
    let others = times.iter().filter(|t| t["shift"].is_null());
    assert!(others.map(|t| t["local"].to_string()).all(|local| local.contains("T02:30:00+0")), "{next}");
    assert_eq!(shown(&flow, &made).await?["next_at"], times[0]["at"]);
    // Ten without being asked, and a paused schedule shows them too.
    flow.change(&format!("/v1/schedules/{made}"), |s| s["state"] = "paused".into()).await?;
    let next = flow.api.get(&format!("/v1/schedules/{made}/next")).await?;
    assert_eq!(next["times"].as_array().map(Vec::len), Some(10));
    Ok(())
}

#[tokio::test]
async fn a_cron_string_that_never_fires_or_cannot_be_read_is_refused_by_name() -> Result<()> {
    let flow = Flow::new().await?;
    for (cron, zone, field, words) in [
        ("0 0 30 2 ? *", "UTC", "cron", "never fires"),
        ("0 0 1 1 ? 2020", "UTC", "cron", "never fires"),
        ("0 6 * * *", "UTC", "cron", "expected 6 fields"),
        ("0 6 * * * *", "UTC", "cron", "must be '?'"),
        ("61 * * * ? *", "UTC", "cron", "cannot be read"),
        ("0 6 * * ? *", "Europe/Atlantis", "time_zone", "not an IANA time zone"),
    ] {
        let body = json!({ "connection": flow.connection, "cron": cron, "time_zone": zone }).to_string();
        let answer = flow.api.call("POST", "/v1/schedules", &[], Some(&body)).await?;
        assert_eq!(
            (answer.status, &answer.body["errors"][0]["field"]),
            (422, &json!(field)),
            "{cron}: {}",
            answer.body
        );
        assert!(answer.body["errors"][0]["detail"].to_string().contains(words), "{cron}: {}", answer.body);
    }
    assert_eq!(flow.api.all("/v1/schedules").await?, Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn a_window_runs_at_a_moment_of_its_own_and_shows_what_a_change_of_the_clocks_does_to_it() -> Result<()>
{
    let flow = Flow::new().await?;
    // The hour that Oslo skips on one Sunday and shows twice on another.
    let window = json!({ "from": "02:00", "to": "03:00", "weekday": "sunday" });
    let settings = json!({ "connection": flow.connection, "window": window, "time_zone": "Europe/Oslo" });
    let made = flow.api.post("/v1/schedules", &settings).await?;
    assert_eq!(
        (&made["window"], &made["cron"], &made["catch_up"]),
        (&window, &Value::Null, &json!("run_once"))
    );
    let schedule = id(&made);
    let next = flow.api.get(&format!("/v1/schedules/{schedule}/next?n=100")).await?;
    let times = next["times"].as_array().context("times")?;
    let local = |time: &Value| time["local"].as_str().unwrap_or_default().to_string();
    let moment = times.iter().find(|t| t["shift"].is_null()).map(local).context("an ordinary Sunday")?;
    let moment = moment.get(11..16).context("a time of day")?.to_string();
    assert!(("02:00".."03:00").contains(&moment.as_str()), "{moment}");
    for time in times {
        let local = local(time);
        let day: jiff::civil::Date = local.get(..10).context("a date")?.parse()?;
        assert_eq!(day.weekday(), jiff::civil::Weekday::Sunday, "{local}");
        match time["shift"].as_str() {
            None => assert_eq!(local.get(11..16), Some(moment.as_str()), "the same on every Sunday"),
            Some("after_gap") => {
                assert!(local.contains("-03-") && local.ends_with("T03:00:00+02:00"), "{time}")
            }
            Some("first_of_two") => {
                assert!(local.contains("-10-") && local.ends_with(&format!("T{moment}:00+02:00")), "{time}");
            }
            other => anyhow::bail!("{other:?}"),
        }
    }
    let shifts = |name: &str| times.iter().filter(|t| t["shift"] == name).count();
    assert!(shifts("after_gap") >= 1 && shifts("first_of_two") >= 1, "100 weeks have both: {next}");
    assert_eq!(shown(&flow, &schedule).await?["next_at"], times[0]["at"]);

    // It comes due as any other.
    set_back(&flow, &schedule).await?;
    flow.stack.tick().await?;
    let found = runs(&flow).await?;
    assert_eq!(found.len(), 1, "{found:?}");
    expect(&flow.ended(&id(&found[0])).await?, "COMPLETE", &[]);
    assert_eq!(shown(&flow, &schedule).await?["next_at"], times[0]["at"]);

    // From window to cron and back: the same moment again.
    let path = format!("/v1/schedules/{schedule}");
    let to_cron = |s: &mut Value| {
        s["cron"] = "0 0 1 1 ? 2198".into();
        s.as_object_mut().map(|s| s.remove("window"));
    };
    flow.change(&path, to_cron).await?;
    assert_eq!(shown(&flow, &schedule).await?["next_at"], "2197-12-31T23:00:00Z");
    let back = |s: &mut Value| {
        s["window"] = window.clone();
        s.as_object_mut().map(|s| s.remove("cron"));
    };
    flow.change(&path, back).await?;
    assert_eq!(shown(&flow, &schedule).await?["next_at"], times[0]["at"]);
    Ok(())
}

#[tokio::test]
async fn a_schedule_states_exactly_one_of_cron_and_window_and_a_window_that_can_be_read() -> Result<()> {
    let flow = Flow::new().await?;
    for (times, field, words) in [
        (json!({}), "cron", "either cron"),
        (
            json!({ "cron": "0 6 * * ? *", "window": { "from": "19:00", "to": "07:00" } }),
            "window",
            "not both",
        ),
        (json!({ "window": { "from": "7:00", "to": "19:00" } }), "window.from", "local time"),
        (json!({ "window": { "from": "19:00", "to": "24:00" } }), "window.to", "midnight is 00:00"),
        (json!({ "window": { "from": "19:00", "to": "19:00" } }), "window.to", "shorter than a day"),
        (json!({ "window": { "from": "19:00" } }), "window.to", "missing"),
        (json!({ "window": { "from": "19:00", "to": "07:00", "day": "monday" } }), "window.day", "unknown"),
        (
            json!({ "window": { "from": "19:00", "to": "07:00", "weekday": "caturday" } }),
            "window.weekday",
            "unknown",
        ),
        (json!({ "cron": "0 6 * * ? *", "catch_up": "all" }), "catch_up", "run_once"),
    ] {
        let mut body = json!({ "connection": flow.connection, "time_zone": "Europe/Oslo" });
        body.as_object_mut().context("an object")?.extend(times.as_object().context("an object")?.clone());
        let answer = flow.api.call("POST", "/v1/schedules", &[], Some(&body.to_string())).await?;
        let error = &answer.body["errors"][0];
        assert_eq!((answer.status, &error["field"]), (422, &json!(field)), "{times}: {}", answer.body);
        assert!(error["detail"].to_string().contains(words), "{times}: {error}");
    }
    assert_eq!(flow.api.all("/v1/schedules").await?, Vec::<Value>::new());
    Ok(())
}
