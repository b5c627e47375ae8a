//! Comparing millions of records with the state, as a run does: the object is read, every record looked up, what is
//! missing found, what was acknowledged noted, and the object written again.
//!
//! Each size is measured in a process of its own, whose peak of memory the kernel tells. Reading and writing go from
//! and to a file in pieces, as they go from and to the bucket: what the network takes is not in it. Mapping the records
//! and hashing them is not either; their hashes are made on the way by a few instructions.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use shared::change::{Acknowledged, Change, Decoder, Hash, State};

use crate::process;

/// The first argument of a process under measurement.
pub(crate) const CHILD: &str = "compare-child";

/// Bytes that are read at once, about as the SDK hands them over.
const READ_BYTES: usize = 64 * 1024;

/// Bytes that are written at once, as `sftp-pull` uploads them.
const PIECE_BYTES: usize = 8 * 1024 * 1024;

/// Rounds of each size; the figure is the middle one.
const ROUNDS: usize = 3;

/// Of records, one in so many is changed, one is new, and one is gone.
const ONE_IN: u64 = 50;

/// Prints the figures.
///
/// # Errors
/// When something cannot be measured.
pub(crate) fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, records) in [("1m", 1_000_000), ("10m", 10_000_000)] {
        let path = folder.path().join(name);
        let path = path.to_str().context("a folder has a name")?;
        let first = measured(&["first", path, &records.to_string()])?;
        println!("{name}: a first run of as many: {:.2} s, {:.0} MiB", first.secs, first.peak_mib);
        println!("{name}: the object has {:.0} MiB", std::fs::metadata(path)?.len() as f64 / 1048576.0);
        let rounds: Result<Vec<_>> =
            (0..ROUNDS).map(|_| measured(&["again", path, &records.to_string()])).collect();
        let mut rounds = rounds?;
        rounds.sort_by(|a, b| a.secs.total_cmp(&b.secs));
        println!("figure compare_{name}_s {:.2} s", rounds[ROUNDS / 2].secs);
        let peak = rounds.iter().map(|round| round.peak_mib).fold(0.0, f64::max);
        println!("figure compare_{name}_peak_rss_mib {peak:.0} MiB");
        std::fs::remove_file(path)?;
    }
    Ok(())
}

struct Measured {
    secs: f64,
    peak_mib: f64,
}

fn measured(arguments: &[&str]) -> Result<Measured> {
    let own = std::env::current_exe()?;
    let done = Command::new(own).arg(CHILD).args(arguments).output()?;
    let said = String::from_utf8(done.stdout)?;
    ensure!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    let (secs, kib) = said.trim().split_once(' ').context("two numbers")?;
    Ok(Measured { secs: secs.parse()?, peak_mib: kib.parse::<f64>()? / 1024.0 })
}

/// Does one round, and says how long it took and what it needed.
///
/// # Errors
/// When the arguments are not those of [`run`], or the state says something else than it must.
pub(crate) fn child(arguments: &[String]) -> Result<()> {
    let [which, path, records] = arguments else { anyhow::bail!("first or again, a file, records") };
    let (path, records) = (Path::new(path), records.parse()?);
    let started = Instant::now();
    match which.as_str() {
        "first" => first(path, records)?,
        _ => again(path, records)?,
    }
    let secs = started.elapsed().as_secs_f64();
    println!("{secs} {}", process::peak_kib(std::process::id())?);
    Ok(())
}

/// Source: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), which spreads numbers as a hash does.
fn spread(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn hash(n: u64, salt: u64) -> Hash {
    let (high, low) = (spread(n ^ salt), spread(n.wrapping_add(salt)));
    Hash(((u128::from(high) << 64) | u128::from(low)).to_be_bytes())
}

fn acknowledged(n: u64, version: u64) -> Acknowledged {
    Acknowledged {
        key: hash(n, 1),
        payload: hash(n, version),
        taken_at: 1,
        source_id: format!("{n:010}"),
        target_id: Some(format!("emp_{n:012x}")),
    }
}

/// Everything is new.
fn first(path: &Path, records: u64) -> Result<()> {
    let mut state = State::default();
    for n in 0..records {
        ensure!(state.compare(hash(n, 1), hash(n, 2), i64::MAX) == Change::Create, "record {n} is known");
    }
    for n in 0..records {
        state.acknowledge(acknowledged(n, 2));
    }
    write(&state, path)
}

fn again(path: &Path, records: u64) -> Result<()> {
    let mut state = read(path)?;
    let (mut unchanged, mut updates, mut creates) = (0u64, 0u64, 0u64);
    // In an order that has nothing to do with the keys'. Of each fifty one is gone, and one that is new stands for it.
    for n in 0..records {
        let (number, version) = match n % ONE_IN {
            0 => (records + n, 2),
            1 => (n, 3),
            _ => (n, 2),
        };
        match state.compare(hash(number, 1), hash(number, version), i64::MAX) {
            Change::Create => creates += 1,
            Change::Update => updates += 1,
            Change::Unchanged => unchanged += 1,
            Change::Superseded => anyhow::bail!("nothing is newer"),
        }
    }
    let part = records / ONE_IN;
    ensure!(
        (creates, updates, unchanged) == (part, part, records - 2 * part),
        "{creates} {updates} {unchanged}"
    );
    let missing = state.missing().count() as u64;
    ensure!(missing == part, "{missing} are missing");
    for n in (0..records).step_by(ONE_IN as usize) {
        state.delete(hash(n, 1), 2);
        state.acknowledge(acknowledged(records + n, 2));
        state.acknowledge(acknowledged(n + 1, 3));
    }
    ensure!(state.len() as u64 == records, "{} records", state.len());
    write(&state, &path.with_extension("new"))?;
    Ok(std::fs::remove_file(path.with_extension("new"))?)
}

fn read(path: &Path) -> Result<State> {
    let mut file = File::open(path)?;
    let mut decoder = Decoder::new(usize::try_from(file.metadata()?.len())?);
    let mut piece = vec![0; READ_BYTES];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(decoder.finish()?),
            read => decoder.push(&piece[..read])?,
        }
    }
}

fn write(state: &State, path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    for piece in state.chunks(PIECE_BYTES) {
        file.write_all(&piece)?;
    }
    Ok(())
}
