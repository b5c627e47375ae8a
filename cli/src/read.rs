//! Mappings from files: JSON, or YAML where the file's name says so.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use shared::{mapping::Mapping, problem::FieldError, yaml};

/// Reads a mapping.
///
/// # Errors
/// When there is no such file, or it holds something else.
pub(crate) fn mapping(path: &Path) -> Result<Mapping> {
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    match is_yaml {
        true => yaml::parse(&text).map_err(anyhow::Error::msg),
        false => serde_json::from_slice(&text).map_err(anyhow::Error::from),
    }
    .with_context(|| path.display().to_string())
}

/// Says all that is wrong with a mapping.
pub(crate) fn wrong(path: &Path, errors: &[FieldError]) -> String {
    let lines = errors.iter().map(|error| format!("{}: {} {}", path.display(), error.field, error.detail));
    lines.collect::<Vec<_>>().join("\n")
}
