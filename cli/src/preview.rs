//! `crossdock preview`: what a file looks like, as `POST /v1/mappings/preview` says it.

use std::{fs::File, io::Read, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::Args;
use shared::preview::{Sample, is_workbook, preview};

use crate::read;

/// How much of the file is looked at.
const SAMPLE_BYTES: u64 = 1024 * 1024;

/// How much of a workbook, whose end says what is in it: as much as a run reads.
const WORKBOOK_BYTES: u64 = 64 * 1024 * 1024;

/// What to preview.
#[derive(Args)]
pub(crate) struct Settings {
    /// The file to preview
    #[arg(long = "in", value_name = "FILE")]
    input: PathBuf,
    /// A mapping whose outcome is wanted in place of the draft's: JSON or YAML
    #[arg(long)]
    mapping: Option<PathBuf>,
    /// The IANA zone that is suggested for local times
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    time_zone: String,
    /// Print the draft mapping alone, ready for `crossdock map`
    #[arg(long)]
    draft: bool,
}

pub(crate) fn run(settings: &Settings) -> Result<ExitCode> {
    let shown = settings.input.display();
    if let Some(error) = shared::schedule::check_zone("--time-zone", &settings.time_zone) {
        bail!("{} {}", error.field, error.detail);
    }
    let file = File::open(&settings.input).with_context(|| format!("reading {shown}"))?;
    let (bytes, is_whole) = sample(file).with_context(|| format!("reading {shown}"))?;
    let mapping = settings.mapping.as_deref().map(read::mapping).transpose()?;
    let sample = Sample {
        bytes: &bytes,
        is_whole,
        file_name: settings.input.file_name().and_then(|name| name.to_str()),
        time_zone: &settings.time_zone,
        mapping: mapping.as_ref(),
    };
    let preview = preview(&sample).map_err(|errors| {
        let path = settings.mapping.as_deref().unwrap_or(&settings.input);
        anyhow::Error::msg(read::wrong(path, &errors))
    })?;
    if !settings.draft {
        println!("{}", serde_json::to_string_pretty(&preview)?);
        return Ok(ExitCode::SUCCESS);
    }
    let Some(draft) = &preview.draft else {
        let why: Vec<_> = preview.notes.iter().map(|note| note.detail.as_str()).collect();
        bail!("there is no draft for {shown}: {}", why.join("; "))
    };
    println!("{}", serde_json::to_string_pretty(draft)?);
    Ok(ExitCode::SUCCESS)
}

/// The beginning of a file, or all of a workbook; and whether that is all.
fn sample(mut file: File) -> std::io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    file.by_ref().take(SAMPLE_BYTES + 1).read_to_end(&mut bytes)?;
    let most = if is_workbook(&bytes) { WORKBOOK_BYTES } else { SAMPLE_BYTES };
    let more = (most + 1).saturating_sub(bytes.len() as u64);
    file.take(more).read_to_end(&mut bytes)?;
    let is_whole = bytes.len() as u64 <= most;
    bytes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok((bytes, is_whole))
}
