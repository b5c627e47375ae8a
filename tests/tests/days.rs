//! Days that pass for the functions, whose clock is moved from one minute in which something is due to the next: schedules
//! are met as `dispatch` meets them, and no row is touched.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::keys;
use tests::{
    api::id,
    exports::{ndjson, sftp_export},
    faults::{Plan, setting::Setting, world::World},
    hooks::Endpoint,
    sftp_server::{Entry, SftpServer, Software},
    webhooks::webservice,
};

fn at(time: &str) -> Result<Timestamp> {
    Ok(time.parse()?)
}

async fn make(world: &mut World, path: &str, body: Value) -> Result<String> {
    Ok(id(&world.ask("POST", path, &body).await?))
}

/// Makes a connection that takes these types of what is posted, or announcements.
async fn connect(world: &mut World, name: &str, types: Value, target: &str) -> Result<String> {
    let source = world.setting.wiring.source.clone();
    let source = if name == "people" { "hub".to_string() } else { source };
    let connection = json!({
        "name": name, "source": { "source": source, "types": types }, "target": { "target_server": target },
    });
    make(world, "/v1/connections", connection).await
}

async fn schedule(world: &mut World, target: &str, cron: &str) -> Result<String> {
    let schedule = json!({ "target_server": target, "cron": cron, "time_zone": "Europe/Oslo" });
    make(world, "/v1/schedules", schedule).await
}

/// Posts two records, the `n`th and the one after it, of two types.
async fn post_two(world: &mut World, n: u64) -> Result<()> {
    for (n, event_type) in [(n, "hours.worked"), (n + 1, "absence.ended")] {
        let body = json!({ "type": event_type, "n": n }).to_string();
        let status = world.post(&format!("evt-{n:03}"), body.as_bytes()).await?;
        ensure!(status == 202, "evt-{n:03} was answered {status}");
    }
    world.work_off().await
}

/// What is in a folder: the number of each record by file, hidden and temporary ones too.
fn arrived(folder: &Path) -> Result<BTreeMap<String, Vec<u64>>> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else { return Ok(found) };
    for entry in entries {
        let entry = entry?;
        let text = fs::read_to_string(entry.path())?;
        let numbers = text.lines().map(|line| {
            let record: Value = serde_json::from_str(line)?;
            record["n"].as_u64().context("a number")
        });
        found.insert(entry.file_name().to_string_lossy().into_owned(), numbers.collect::<Result<_>>()?);
    }
    Ok(found)
}

/// The pushes to a target by their schedule's time; each was started within the minute, and none was missed or skipped.
async fn pushes(world: &mut World, target: &str) -> Result<BTreeMap<Timestamp, Value>> {
    let page = world.ask("GET", &format!("/v1/runs?target={target}"), &Value::Null).await?;
    let mut found = BTreeMap::new();
    for run in page["items"].as_array().context("a page")? {
        let time = |name: &str| at(run[name].as_str().with_context(|| format!("{name} of {run}"))?);
        let (due, requested) = (time("scheduled_for")?, time("requested_at")?);
        let late = requested.duration_since(due);
        ensure!((0..60).contains(&late.as_secs()), "started {late} after its time: {run}");
        ensure!(!matches!(run["status"].as_str(), Some("MISSED" | "SKIPPED")), "{run}");
        ensure!(found.insert(due, run.clone()).is_none(), "two runs for {due}: {run}");
    }
    Ok(found)
}

/// The flushes of a schedule of every six hours over three days, with the night in which clocks go back in the middle.
const FLUSHES: [&str; 13] = [
    "2026-10-23T18:00+02:00",
    "2026-10-24T00:00+02:00",
    "2026-10-24T06:00+02:00",
    "2026-10-24T12:00+02:00",
    "2026-10-24T18:00+02:00",
    "2026-10-25T00:00+02:00",
    "2026-10-25T06:00+01:00",
    "2026-10-25T12:00+01:00",
    "2026-10-25T18:00+01:00",
    "2026-10-26T00:00+01:00",
    "2026-10-26T06:00+01:00",
    "2026-10-26T12:00+01:00",
    "2026-10-26T18:00+01:00",
];

#[tokio::test]
async fn three_days_of_schedules_without_the_server_lose_nothing_and_people_are_told_once() -> Result<()> {
    let setting = Setting::new(1).await?;
    let mut world = World::new(&setting, 0, "none", Plan::new(None)).await?;
    let start = at("2026-10-23T15:00+02:00")?;
    world.set_clock(start);
    let home = tempfile::tempdir()?;
    fs::set_permissions(home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let mut server = SftpServer::start_as(Software::OpenSsh, &home.path().join("server"), Entry::Key)?;
    let (in_one, in_each) = (home.path().join("one"), home.path().join("each"));
    let one = make(&mut world, "/v1/target-servers", sftp_export(&server, &in_one, &ndjson())).await?;
    let export = json!({ "file_name": "{connection}.ndjson", "format": "ndjson", "files_per": "connection" });
    let each = make(&mut world, "/v1/target-servers", sftp_export(&server, &in_each, &export)).await?;
    connect(&mut world, "all", json!(["hours.*", "absence.*"]), &one).await?;
    let hours = connect(&mut world, "hours", json!(["hours.*"]), &each).await?;
    let absence = connect(&mut world, "absence", json!(["absence.*"]), &each).await?;
    let people = Endpoint::start().await?;
    let told = make(&mut world, "/v1/target-servers", webservice(&people.url())).await?;
    connect(&mut world, "people", json!(["breaker.*"]), &told).await?;
    for target in [&one, &each] {
        schedule(&mut world, target, "0 0/6 * * ? *").await?;
    }

    server.stop();
    let mut posted = 0;
    for round in 0..12 {
        world.until(start.checked_add(SignedDuration::from_hours(6 * round))?).await?;
        post_two(&mut world, posted).await?;
        posted += 2;
    }
    world.until(at("2026-10-26T13:00+01:00")?).await?;
    for target in [&one, &each] {
        let buffer = world.ask("GET", &format!("/v1/target-servers/{target}/buffer"), &Value::Null).await?;
        ensure!(buffer["waiting"] == posted && buffer["failures"] == 12, "{buffer}");
        ensure!(buffer["breaker_open_since"].is_string(), "{buffer}");
        let oldest: Timestamp = buffer["oldest_waiting"].as_str().context("a time")?.parse()?;
        ensure!(oldest.duration_since(start).as_secs() < 60, "{buffer}");
    }
    ensure!(types_told(&people, [&one, &each])? == [["breaker.opened"].as_slice(); 2], "people know by now");

    server.start_again()?;
    world.until(at("2026-10-26T17:00+01:00")?).await?;
    post_two(&mut world, posted).await?;
    posted += 2;
    ensure!(arrived(&in_one)?.is_empty() && arrived(&in_each)?.is_empty(), "its time has not come");
    world.until(at("2026-10-26T18:30+01:00")?).await?;

    let files = arrived(&in_one)?;
    ensure!(files == [("events.ndjson".to_string(), (0..posted).collect())].into(), "{files:?}");
    let (even, odd): (Vec<u64>, Vec<u64>) = (0..posted).partition(|n| n % 2 == 0);
    let files = arrived(&in_each)?;
    ensure!(
        files == [(format!("{hours}.ndjson"), even), (format!("{absence}.ndjson"), odd)].into(),
        "{files:?}"
    );
    for (target, files) in [(&one, 1), (&each, 2)] {
        let runs = pushes(&mut world, target).await?;
        let wanted = FLUSHES.into_iter().map(at).collect::<Result<Vec<_>>>()?;
        ensure!(runs.keys().eq(&wanted), "{:?}", runs.keys());
        for (n, run) in runs.values().enumerate() {
            if n < 12 {
                ensure!(run["status"] == "ERROR" && run["failure"]["code"] == "server_down", "{run:#}");
                continue;
            }
            ensure!(run["status"] == "COMPLETE" && run["counts"]["created"] == posted, "{run:#}");
            let run = world.ask("GET", &format!("/v1/runs/{}", id(run)), &Value::Null).await?;
            let outputs = run["outputs"].as_array().context("its files")?;
            let records: u64 = outputs.iter().filter_map(|output| output["records"].as_u64()).sum();
            ensure!(outputs.len() == files && records == posted, "{run:#}");
        }
        let buffer = world.ask("GET", &format!("/v1/target-servers/{target}/buffer"), &Value::Null).await?;
        ensure!(buffer["waiting"] == 0 && buffer["breaker_open_since"].is_null(), "{buffer}");
    }
    let rows = world.rows.all().await?;
    let to_files = |row: &&Value| row["target_server"] == *one || row["target_server"] == *each;
    let is_delivery = |row: &&Value| row["sk"].as_str().is_some_and(|sk| sk.starts_with(keys::DELIVERY));
    let deliveries: Vec<_> = rows.iter().filter(is_delivery).filter(to_files).collect();
    ensure!(deliveries.len() as u64 == 2 * posted, "{} deliveries", deliveries.len());
    let other = deliveries.iter().find(|row| row["state"] != "DELIVERED" || !row["died_of"].is_null());
    ensure!(other.is_none(), "{other:?}");
    let told = types_told(&people, [&one, &each])?;
    ensure!(told == [["breaker.opened", "breaker.closed"].as_slice(); 2], "{told:?}");
    world.end().await
}

/// What people were told of each of these targets, in order of arrival.
fn types_told(people: &Endpoint, targets: [&String; 2]) -> Result<[Vec<String>; 2]> {
    let bodies: Vec<Value> =
        people.hooks().iter().map(|hook| serde_json::from_slice(&hook.body)).collect::<Result<_, _>>()?;
    Ok(targets.map(|target| {
        let of_target = bodies.iter().filter(|body| body.to_string().contains(target.as_str()));
        of_target.map(|body| body["type"].as_str().unwrap_or_default().to_string()).collect()
    }))
}

#[tokio::test]
async fn a_schedule_is_met_at_its_local_times_on_the_days_on_which_clocks_change() -> Result<()> {
    let setting = Setting::new(1).await?;
    // A time that occurs twice is met at the first, and one that does not occur at the first that does.
    let days = [
        (
            "2026-10-24T12:00+02:00",
            "2026-10-26T01:00+01:00",
            ["2026-10-25T01:30+02:00", "2026-10-25T02:30+02:00", "2026-10-25T03:30+01:00"],
        ),
        (
            "2027-03-27T12:00+01:00",
            "2027-03-29T01:00+02:00",
            ["2027-03-28T01:30+01:00", "2027-03-28T03:00+02:00", "2027-03-28T03:30+02:00"],
        ),
    ];
    for (start, end, times) in days {
        let mut world = World::new(&setting, 0, "none", Plan::new(None)).await?;
        world.set_clock(at(start)?);
        let target = world.setting.files.target.clone();
        schedule(&mut world, &target, "30 1-3 * * ? *").await?;
        world.until(at(end)?).await?;
        let runs = pushes(&mut world, &target).await?;
        let wanted = times.into_iter().map(at).collect::<Result<Vec<_>>>()?;
        ensure!(runs.keys().eq(&wanted), "{:?}", runs.keys());
        ensure!(runs.values().all(|run| run["status"] == "COMPLETE"), "{runs:#?}");
        world.end().await?;
    }
    Ok(())
}
