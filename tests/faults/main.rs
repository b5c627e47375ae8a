//! `make faults`: interrupts every call of every path, and prints how many interruptions were survived.
//!
//! `faults [--every N] [--at-once N] [--only TEXT] [PATH…]`: every Nth point, N worlds at once, points whose
//! description has TEXT, these paths.

use std::{io::Write, process::ExitCode, time::Instant};

use anyhow::{Context, Result};
use tests::faults::{
    setting::Setting,
    sweep::{Path, Tried, explore, points, walk},
};

struct Wanted {
    every: usize,
    at_once: usize,
    only: String,
    paths: Vec<Path>,
}

/// Worlds at once: most of a point's time is waiting for the SDK's retries.
const AT_ONCE: usize = 4;

fn wanted(arguments: impl IntoIterator<Item = String>) -> Result<Wanted> {
    let mut wanted = Wanted { every: 1, at_once: AT_ONCE, only: String::new(), paths: Vec::new() };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--every" => wanted.every = value()?.parse()?,
            "--at-once" => wanted.at_once = value()?.parse()?,
            "--only" => wanted.only = value()?,
            name => {
                let path = Path::ALL.into_iter().find(|path| path.to_string() == name);
                wanted.paths.push(path.with_context(|| format!("there is no path '{name}'"))?);
            }
        }
    }
    if wanted.paths.is_empty() {
        wanted.paths = Path::ALL.into();
    }
    Ok(wanted)
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let wanted = wanted(std::env::args().skip(1))?;
    let started = Instant::now();
    let setting = Setting::new(wanted.at_once).await?;
    if !setting.has_sftp() {
        println!("no OpenSSH here: requests over SFTP are not interrupted (apt-get install openssh-server)");
    }
    let (mut survived, mut tried) = (0, 0);
    for path in wanted.paths {
        let route = explore(&setting, path).await?;
        let mut points = points(&route.calls);
        points.retain(|point| point.to_string().contains(&wanted.only));
        let points: Vec<_> = points.into_iter().step_by(wanted.every).collect();
        let names: Vec<_> = route.calls.iter().map(|(call, count)| format!("{call} {count}")).collect();
        println!("{path}: {} points; calls: {}", points.len(), names.join(", "));
        let of_path = Instant::now();
        let walked = walk(&setting, &route, points, wanted.at_once, move |done| show(path, done)).await;
        let held = walked.iter().filter(|done| done.broken.is_none()).count();
        println!("\n{path}: {held} of {} survived, {} s", walked.len(), of_path.elapsed().as_secs());
        for done in walked.iter().filter(|done| done.broken.is_some()) {
            println!("  not survived: {}", done.point);
        }
        survived += held;
        tried += walked.len();
    }
    println!("{} s in all", started.elapsed().as_secs());
    println!("figure fault_points_survived {survived} of {tried}");
    Ok(if survived == tried && tried > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(path: Path, done: &Tried) {
    match &done.broken {
        None => {
            print!(".");
            let _ = std::io::stdout().flush(); // it only shows that something goes on
        }
        Some(how) => println!("\nNOT SURVIVED {path}: {}\n{how}\n", done.point),
    }
}
