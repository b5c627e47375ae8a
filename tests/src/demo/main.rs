//! `make demo`: files and notifications, shown on this machine with a real SFTP server and real receivers.
//!
//! It ends well only if the receiver's own log agrees, record by record, with what the runs report.

mod check;
mod exports;
mod inputs;
mod notifications;
mod setup;
mod tables;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tests::{
    api::{Api, id},
    flow::{count, put_file},
    receiver::{Manner, Receiver},
    stack::Stack,
    wait::until,
};

use setup::Made;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}; what the demo started is stopped");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local/demo");
    if home.exists() {
        std::fs::remove_dir_all(&home)?;
    }
    std::fs::create_dir_all(home.join("out"))?;
    let stack = Stack::from_env()?;
    let api = stack.api(&stack.admin_key);
    let mut made = Vec::new();
    let home = home.canonicalize()?;
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    // Whichever way this ends, the servers are stopped as they are dropped, and the schedules are paused.
    let shown = tokio::select! {
        shown = demo(&api, &home, &mut made) => shown,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        _ = terminated.recv() => Err(anyhow::anyhow!("terminated")),
    };
    for schedule in &made {
        if let Err(error) = setup::pause(&api, schedule).await {
            eprintln!("the schedule {schedule} could not be paused: {error}");
        }
    }
    shown
}

async fn demo(api: &Api, home: &Path, schedules: &mut Vec<String>) -> Result<()> {
    let inputs = inputs::inputs();
    step("inputs");
    for input in &inputs {
        println!(
            "  {}: {} records, {} bytes, {}",
            input.file,
            input.lines(),
            input.content.len(),
            input.title
        );
    }
    if inputs.len() == 1 {
        println!("  (the real file is not beside this project, so only our own file runs)");
    }
    let server = setup::sftp_server(&home.join("sftp-server"))?;
    let mut receiver = Receiver::start(&home.join("received.ndjson"), Manner::TakeEach).await?;
    println!("  SFTP server: {} at {}; receiver at {}", server.software(), server.address(), receiver.url());

    step("target servers, mappings, connections and schedules through the API");
    let mut all: Vec<Made> = Vec::new();
    for (i, input) in inputs.iter().enumerate() {
        let folder = home.join("out").join(i.to_string());
        std::fs::create_dir(&folder)?;
        put_file(&folder.join(input.file), &input.content)?;
        let made = setup::make(api, input, &folder, &server, &receiver).await?;
        schedules.push(made.schedule.clone());
        println!("  connection {}, schedule {} every minute", made.connection, made.schedule);
        all.push(made);
    }

    step("the schedule starts the first run of each");
    let mut reports = Vec::new();
    for (input, made) in inputs.iter().zip(&all) {
        let run = scheduled_run(api, made).await?;
        setup::pause(api, &made.schedule).await?;
        ensure!(run["status"] == "COMPLETE", "the scheduled run ended as {}: {run}", run["status"]);
        ensure!(
            count(&run, "read") == input.lines(),
            "{} of {} lines were read",
            count(&run, "read"),
            input.lines()
        );
        reports.push(run);
    }
    println!("  the schedules are paused now\n");
    tables::runs(&reports);

    let (input, made) = (&inputs[0], &all[0]);
    let one_updated = |run: &Value| {
        let counts =
            (count(run, "updated"), count(run, "unchanged"), count(run, "created"), count(run, "errors"));
        let filtered = count(run, "filtered");
        let expected = (1, input.lines() - 1 - filtered, 0, 0);
        ensure!(counts == expected, "expected 1 updated and {} unchanged: {}", expected.1, run["counts"]);
        Ok(())
    };

    step("one line of the file changes; a run by hand");
    put_file(&made.folder.join(input.file), &input.edited(1)?)?;
    let run = ended(api, &start(api, made).await?).await?;
    one_updated(&run)?;
    println!("  exactly 1 record updated, {} unchanged\n", count(&run, "unchanged"));
    let records = api.all(&format!("/v1/runs/{}/records", id(&run))).await?;
    tables::records(&records.into_iter().filter(|r| r["writer"] == "updated").collect::<Vec<_>>());
    reports.push(run);

    step("the receiver stops; another line changes; a run by hand");
    receiver.stop().await;
    put_file(&made.folder.join(input.file), &input.edited(2)?)?;
    let run_id = start(api, made).await?;
    let owed = until("a first attempt that fails", Duration::from_secs(60), async || {
        let run = api.get(&format!("/v1/runs/{run_id}")).await?;
        Ok(run["deliveries"]["last_error"].is_string().then_some(run))
    })
    .await?;
    println!(
        "  owed: {} record(s); {}",
        count(&owed, "owed"),
        owed["deliveries"]["last_error"].as_str().unwrap_or_default()
    );
    receiver.listen().await?;
    println!("  the receiver is back; the target's retry schedule is 1, 2, 5 s");
    let run = ended(api, &run_id).await?;
    one_updated(&run)?;
    println!("  nothing was lost: 1 updated, {} unchanged, 0 owed\n", count(&run, "unchanged"));
    reports.push(run);

    notifications::show().await?;
    exports::show().await?;

    step("all runs, and the receiver's own log");
    let runs = every_run(api, &all).await?;
    tables::runs(&runs);
    let sums = check::agree(api, &runs, &receiver).await?;
    let expected = reports.iter().map(|r| count(r, "written")).sum::<u64>();
    ensure!(sums.written == expected, "{} written in all runs, {expected} in those shown", sums.written);
    println!("  log: {}", relative(&home.join("received.ndjson")).display());
    println!(
        "demo: {} records read, {} written, {} delivered, all accounted for",
        sums.read, sums.written, sums.delivered
    );
    Ok(())
}

fn step(title: &str) {
    println!("\n== {title}");
}

fn relative(path: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().and_then(|p| p.canonicalize().ok());
    root.and_then(|root| path.strip_prefix(root).ok().map(Into::into)).unwrap_or_else(|| path.into())
}

fn is_final(run: &Value) -> bool {
    !matches!(run["status"].as_str(), Some("QUEUED" | "RUNNING" | "DELIVERING"))
}

/// Waits for the first run that the schedule starts, and says how long it will take.
async fn scheduled_run(api: &Api, made: &Made) -> Result<Value> {
    let path = format!("/v1/runs?connection={}&limit=100", made.connection);
    let started = Instant::now();
    let mut said = Instant::now();
    let next = api.get(&format!("/v1/schedules/{}", made.schedule)).await?;
    println!("  {}: due at {}", made.connection, next["next_at"].as_str().unwrap_or("?"));
    until("a scheduled run", Duration::from_secs(180), async || {
        let page = api.get(&path).await?;
        let runs = page["items"].as_array().context("a list of runs")?;
        let scheduled = runs.iter().rfind(|r| r["trigger"] == "scheduled" && r["status"] != "SKIPPED");
        if said.elapsed() > Duration::from_secs(10) {
            said = Instant::now();
            let status = scheduled.map_or("not due yet", |r| r["status"].as_str().unwrap_or_default());
            println!("  … {} s: {status}", started.elapsed().as_secs());
        }
        Ok(scheduled.filter(|r| is_final(r)).cloned())
    })
    .await
}

/// Starts a run by hand, once no other holds the connection.
async fn start(api: &Api, made: &Made) -> Result<String> {
    let path = format!("/v1/connections/{}/runs", made.connection);
    until("a connection without a run", Duration::from_secs(60), async || {
        let answer = api.call("POST", &path, &[], Some(&json!({}).to_string())).await?;
        match answer.status {
            202 => Ok(Some(id(&answer.body))),
            409 => Ok(None),
            status => bail!("starting a run answered {status}: {}", answer.body),
        }
    })
    .await
}

async fn ended(api: &Api, run: &str) -> Result<Value> {
    until("the end of the run", Duration::from_secs(120), async || {
        Ok(Some(api.get(&format!("/v1/runs/{run}")).await?).filter(is_final))
    })
    .await
}

/// Every run of the demo's connections, oldest first, once all have ended.
async fn every_run(api: &Api, made: &[Made]) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for made in made {
        let path = format!("/v1/runs?connection={}", made.connection);
        let runs = until("every run to end", Duration::from_secs(60), async || {
            Ok(Some(api.all(&path).await?).filter(|runs| runs.iter().all(is_final)))
        })
        .await?;
        all.extend(runs);
    }
    all.sort_by_key(|r| r["requested_at"].as_str().map(str::to_string));
    Ok(all)
}
