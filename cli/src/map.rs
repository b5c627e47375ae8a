//! `crossdock map`: a file through a mapping, record by record, as `sftp-pull` takes it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde_json::json;
use shared::mapping::{Compiled, Incoming, Outcome, Provenance, Settled, records, settle};

use crate::read;

/// Exit code where the file was read whole and some of its records do not fit.
const RECORDS_IN_ERROR: u8 = 2;

/// What to map, and where the outcome goes.
#[derive(Args)]
pub(crate) struct Settings {
    /// The mapping that the API takes, in JSON, or in YAML if its name says so
    #[arg(long)]
    mapping: PathBuf,
    /// The file to map
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// Where mapped records go, one JSON object a line; standard output without it
    #[arg(long = "out", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where records go that were filtered or do not fit: line, reason, field and detail, one JSON object a line
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
}

/// What became of the records.
#[derive(Default)]
struct Tally {
    mapped: u64,
    filtered: BTreeMap<String, u64>,
    errors: BTreeMap<String, u64>,
}

pub(crate) fn run(settings: &Settings) -> Result<ExitCode> {
    let mapping = read::mapping(&settings.mapping)?;
    let mapping = mapping.compile().map_err(|errors| anyhow!(read::wrong(&settings.mapping, &errors)))?;
    let out: Box<dyn Write> = match &settings.output {
        Some(path) => Box::new(create(path)?),
        None => Box::new(io::stdout().lock()),
    };
    let rejected: Box<dyn Write> = match &settings.rejected {
        Some(path) => Box::new(BufWriter::new(create(path)?)),
        None => Box::new(io::sink()),
    };
    let tally = map(&mapping, &settings.input, Blocks { out, bytes: Vec::new() }, rejected)?;
    let errors = tally.print();
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::from(RECORDS_IN_ERROR) })
}

fn map(
    mapping: &Compiled,
    input: &Path,
    mut out: Blocks<impl Write>,
    mut rejected: impl Write,
) -> Result<Tally> {
    let path = input.display().to_string();
    let file = || File::open(input).with_context(|| format!("reading {path}"));
    let read = || path.clone();
    let open = || {
        let provenance = Provenance { file: Some(&path), ..Provenance::default() };
        Ok::<_, anyhow::Error>(Incoming { reader: file()?, provenance })
    };
    let size = file()?.metadata()?.len();
    let mut winners = settle(mapping, &[size], |_| open(), |_, error| Err(error).with_context(read))?;
    let mut tally = Tally::default();
    let mut records = records(open()?, mapping).with_context(read)?;
    while let Some(settled) = winners.read(0, &mut records) {
        let outcome = match settled.with_context(read)? {
            Settled::Mapped(record) => {
                tally.mapped += 1;
                out.line(record.data())?;
                continue;
            }
            Settled::Other(outcome) => outcome,
        };
        let line = match outcome {
            Outcome::Record(_) => continue, // what was mapped and counts came above
            Outcome::Filtered(record) => {
                let line = json!({ "line": record.line, "result": "filtered", "source_id": record.source_id,
                    "reason": record.reason, "detail": record.detail });
                *tally.filtered.entry(record.reason).or_default() += 1;
                line
            }
            Outcome::Error(record) => {
                *tally.errors.entry(record.reason.to_string()).or_default() += 1;
                json!({ "line": record.line, "result": "error", "source_id": record.source_id,
                    "reason": record.reason, "field": record.field, "detail": record.detail })
            }
        };
        writeln!(rejected, "{line}")?;
    }
    out.end()?;
    rejected.flush()?;
    Ok(tally)
}

/// Writes lines in whole blocks: what begins in the middle of a page takes the kernel a fifth longer.
struct Blocks<W> {
    out: W,
    bytes: Vec<u8>,
}

/// Bytes of a block.
const BLOCK: usize = 256 * 1024;

impl<W: Write> Blocks<W> {
    fn line(&mut self, line: &str) -> io::Result<()> {
        self.bytes.extend_from_slice(line.as_bytes());
        self.bytes.push(b'\n');
        let blocks = self.bytes.len() / BLOCK * BLOCK;
        if blocks > 0 {
            self.out.write_all(&self.bytes[..blocks])?;
            self.bytes.drain(..blocks);
        }
        Ok(())
    }

    fn end(mut self) -> io::Result<()> {
        self.out.write_all(&self.bytes)?;
        self.out.flush()
    }
}

impl Tally {
    /// Prints the counts, which add up, and returns the errors.
    fn print(&self) -> u64 {
        let sum = |reasons: &BTreeMap<String, u64>| reasons.values().sum::<u64>();
        let (filtered, errors) = (sum(&self.filtered), sum(&self.errors));
        let read = self.mapped + filtered + errors;
        eprintln!("{read} records read: {} mapped, {filtered} filtered, {errors} in error", self.mapped);
        for (what, reasons) in [("filtered", &self.filtered), ("in error", &self.errors)] {
            for (reason, count) in reasons {
                eprintln!("{count} {what}: {reason}");
            }
        }
        errors
    }
}

fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("writing {}", path.display()))
}
