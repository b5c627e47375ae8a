//! A large file through a mapping with every check on, against tools that convert files.
//!
//! Each run is a process of its own that reads a file and writes one. What the hub, DuckDB and polars write has to be
//! the same, byte for byte. All take turns. pandas and Miller, which are slower by far, have a shorter file of the same
//! rows; theirs are rows a second too.

pub(crate) mod compare;
mod punches;
mod tools;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::Path,
};

use anyhow::{Context, Result, ensure};

use tools::{Places, Took, Tool};

const ROUNDS: usize = 3;
const ROWS: u64 = 5_000_000;
const FEWER_ROWS: u64 = 500_000;

/// A tool, its threads, and how many rows it gets.
const RUNS: [(Tool, usize, u64); 7] = [
    (Tool::Hub, 1, ROWS),
    (Tool::Duckdb, 1, ROWS),
    (Tool::Polars, 1, ROWS),
    (Tool::Duckdb, 2, ROWS),
    (Tool::Polars, 2, ROWS),
    (Tool::Pandas, 1, FEWER_ROWS),
    (Tool::Miller, 1, FEWER_ROWS),
];

/// Prints all figures of the area.
///
/// # Errors
/// When a tool is missing or fails, or what two tools wrote differs.
pub(crate) async fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("../.local/bench");
    fs::create_dir_all(&folder)?;
    let file = |name: &str| folder.join(name);
    let python = root.join("../.local/bench-peers/bin/python");
    for (rows, suffix) in [(ROWS, ""), (FEWER_ROWS, "-fewer")] {
        let (latin_1, utf_8) =
            (file(&format!("punches{suffix}.csv")), file(&format!("punches{suffix}-utf8.csv")));
        punches::write(rows, &latin_1, &utf_8)?;
    }
    let bytes = fs::metadata(file("punches.csv"))?.len();
    println!("{ROWS} rows, {:.0} MB; medians of {ROUNDS} rounds\n", bytes as f64 / 1e6);
    let mut took: BTreeMap<(Tool, usize), Vec<Took>> = BTreeMap::new();
    let mut hash_of_all = None;
    for round in 0..ROUNDS {
        for (tool, threads, rows) in (0..RUNS.len()).map(|n| RUNS[(n + round) % RUNS.len()]) {
            let suffix = if rows == ROWS { "" } else { "-fewer" };
            let places = Places {
                latin_1: &file(&format!("punches{suffix}.csv")),
                utf_8: &file(&format!("punches{suffix}-utf8.csv")),
                output: &file("out.ndjson"),
                mapping: &root.join("src/mapping/punches.json"),
                peers: &root.join("src/mapping/peers"),
                python: &python,
            };
            // A file that is cut to nothing is written to the disk when it is closed, which none of them has to wait for.
            match fs::remove_file(places.output) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            let one = tool.run(&places, threads).await?;
            took.entry((tool, threads)).or_default().push(one);
            check(tool, rows, places.output, &mut hash_of_all)?;
        }
    }
    report(&took, bytes as f64 / ROWS as f64)
}

/// Checks that as many rows came out as went in, and the same as from the others where all write alike.
fn check(tool: Tool, rows: u64, output: &Path, hash_of_all: &mut Option<u64>) -> Result<()> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(output)?);
    let (mut lines, mut hash) = (0u64, 0u64);
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        for byte in bytes {
            lines += u64::from(*byte == b'\n');
            hash = hash.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
        let length = bytes.len();
        reader.consume(length);
    }
    ensure!(lines == rows, "{tool:?} wrote {lines} rows of {rows}");
    if matches!(tool, Tool::Hub | Tool::Duckdb | Tool::Polars) {
        let first = hash_of_all.get_or_insert(hash);
        ensure!(*first == hash, "{tool:?} wrote something else than those before it");
    } else {
        let mut begin = vec![0; 100];
        File::open(output)?.read_exact(&mut begin)?;
        let begin = String::from_utf8_lossy(&begin).replace(' ', "");
        ensure!(begin.starts_with("{\"id\":\"1000000\","), "{tool:?} wrote {begin}");
    }
    Ok(())
}

fn report(took: &BTreeMap<(Tool, usize), Vec<Took>>, row_bytes: f64) -> Result<()> {
    println!("{:<10}{:>8}{:>14}{:>10}{:>10}", "", "threads", "rows/s", "MB/s", "peak MiB");
    let mut rates = BTreeMap::new();
    let mut peaks = BTreeMap::new();
    for (tool, threads, rows) in RUNS {
        let all = took.get(&(tool, threads)).context("it ran")?;
        let rate = rows as f64 / median(all.iter().map(|took| took.secs).collect());
        let peak = all.iter().map(|took| took.peak_mib).fold(0.0, f64::max);
        let mb = rate * row_bytes / 1e6;
        println!("{:<10}{threads:>8}{rate:>14.0}{mb:>10.1}{peak:>10.0}", format!("{tool:?}").to_lowercase());
        rates.insert((tool, threads), rate);
        peaks.insert((tool, threads), peak);
    }
    let hub = rates[&(Tool::Hub, 1)];
    println!("\nfigure map_rows_per_s {hub:.0} rows/s");
    for (name, tool, threads) in [
        ("map_vs_duckdb_1t", Tool::Duckdb, 1),
        ("map_vs_polars_1t", Tool::Polars, 1),
        ("map_vs_duckdb_2t", Tool::Duckdb, 2),
        ("map_vs_polars_2t", Tool::Polars, 2),
        ("map_vs_mlr", Tool::Miller, 1),
        ("map_vs_pandas", Tool::Pandas, 1),
    ] {
        println!("figure {name} {:.2} x", hub / rates[&(tool, threads)]);
    }
    println!("figure map_peak_rss_mib {:.1} MiB", peaks[&(Tool::Hub, 1)]);
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
