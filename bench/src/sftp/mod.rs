//! Files over SFTP: the hub's client against the tools that people use, near and far.
//!
//! Every transfer is a process of its own, from its start to its end, with connecting and entering in it, against one
//! OpenSSH server on one disk. At a distance a proxy of our own delays each direction by half the round trip; it limits
//! nothing else. All tools take turns, so that a noisy machine is noisy for all.

mod client;
mod place;
mod tools;

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context, Result, ensure};
use tests::line::Line;

use place::{Place, Work};
use tools::Tool;

pub(crate) use client::{CLIENT, run as run_client};

const ROUNDS: usize = 3;
const ROUND_TRIPS_MS: [u64; 4] = [0, 20, 40, 80];
const MB: u64 = 1_000_000;
const NEAR_BYTES: u64 = 400 * MB;
const FAR_BYTES: u64 = 60 * MB;
const SMALL_FILES: usize = 10_000;
const SMALL_BYTES: usize = 2 * 1024;

/// Prints all figures of the area.
///
/// # Errors
/// When a tool is missing, a transfer fails, or what it left is not what was there.
pub(crate) async fn run() -> Result<()> {
    tools::are_there()?;
    let place = Place::new()?;
    println!("{}; medians of {ROUNDS} rounds; MB/s\n", place.software());
    println!("{:<10}{:>9}{:>9}{:>9}{:>9}{:>9}  target", "", "hub", "sftp", "rclone", "lftp", "ratio");
    let mut figures = Vec::new();
    for round_trip_ms in ROUND_TRIPS_MS {
        let size_bytes = if round_trip_ms == 0 { NEAR_BYTES } else { FAR_BYTES };
        let line = Line::start(place.address(), round_trip_ms).await?;
        for (name, work, target) in [
            ("get", Work::Get(size_bytes), target(round_trip_ms, 1.2, 3.0)),
            ("put", Work::Put(size_bytes), target(round_trip_ms, 1.0, 1.4)),
        ] {
            let tools: &[Tool] = if name == "put" { &Tool::PUTTING } else { &Tool::ALL };
            let (secs, amount) = (rounds(&place, &line, work, tools).await?, size_bytes as f64 / MB as f64);
            let ratio = print(&format!("{name} {round_trip_ms}"), Tool::Hub, amount, &secs, target)?;
            figures.push((format!("sftp_{name}_ratio.{round_trip_ms}ms"), ratio));
            if name == "put" {
                let target = (round_trip_ms >= 40).then_some(2.0);
                let ratio = print(&format!("by two {round_trip_ms}"), Tool::HubByTwo, amount, &secs, target)?;
                figures.push((format!("sftp_put_by_two_ratio.{round_trip_ms}ms"), ratio));
            }
        }
    }
    let line = Line::start(place.address(), 0).await?;
    let work = Work::GetAll(SMALL_FILES, SMALL_BYTES);
    let secs = rounds(&place, &line, work, &[Tool::Hub, Tool::Sftp]).await?;
    println!("\n{SMALL_FILES} files of {SMALL_BYTES} bytes; files a second");
    let ratio = print("get", Tool::Hub, SMALL_FILES as f64, &secs, Some(3.0))?;
    figures.push(("sftp_small_files_ratio".into(), ratio));
    println!();
    for (name, ratio) in figures {
        println!("figure {name} {ratio:.2} x");
    }
    Ok(())
}

/// What the hub is to reach, near and far; there is no target between.
fn target(round_trip_ms: u64, near: f64, far: f64) -> Option<f64> {
    match round_trip_ms {
        0 => Some(near),
        20 => None,
        _ => Some(far),
    }
}

/// Seconds of each tool, the median of the rounds.
async fn rounds(place: &Place, line: &Line, work: Work, tools: &[Tool]) -> Result<BTreeMap<Tool, f64>> {
    place.prepare(work)?;
    place.is_known_at(line.port())?;
    let mut all: BTreeMap<Tool, Vec<f64>> = BTreeMap::new();
    for round in 0..ROUNDS {
        for n in 0..tools.len() {
            let tool = tools[(n + round) % tools.len()];
            place.clear(work)?;
            let mut command = tool.command(place, line.port(), work)?;
            let begun = Instant::now();
            let output = command.output().await.with_context(|| format!("cannot run {command:?}"))?;
            let secs = begun.elapsed().as_secs_f64();
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "{tool:?}: {command:?} failed: {said}");
            place.check(work).with_context(|| format!("{tool:?}: {command:?} said: {said}"))?;
            all.entry(tool).or_default().push(secs);
        }
    }
    Ok(all.into_iter().map(|(tool, secs)| (tool, median(secs))).collect())
}

/// Prints what each tool does in a second; the hub's share of the best other's.
fn print(name: &str, hub: Tool, amount: f64, secs: &BTreeMap<Tool, f64>, target: Option<f64>) -> Result<f64> {
    let rate = |tool| secs.get(&tool).map(|secs| amount / secs);
    let own = rate(hub).context("the hub was measured")?;
    let best = [Tool::Sftp, Tool::Rclone, Tool::Lftp].into_iter().filter_map(rate).fold(f64::NAN, f64::max);
    let ratio = own / best;
    print!("{name:<10}");
    for tool in [hub, Tool::Sftp, Tool::Rclone, Tool::Lftp] {
        match rate(tool) {
            Some(rate) => print!("{rate:>9.1}"),
            None => print!("{:>9}", "–"),
        }
    }
    match target {
        Some(target) if ratio >= target => println!("{ratio:>9.2}  ≥ {target}: held"),
        Some(target) => println!("{ratio:>9.2}  ≥ {target}: MISSED"),
        None => println!("{ratio:>9.2}"),
    }
    Ok(ratio)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
