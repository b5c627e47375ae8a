//! The release binaries that `make package` leaves for this machine's processor.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Name and bootstrap of each, in the order of their names.
///
/// # Errors
/// When there are none.
pub(crate) fn all() -> Result<Vec<(String, PathBuf)>> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local/package").join(architecture);
    let folder = folder.canonicalize().context("nothing is packed; run `make package ARCH=host`")?;
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let bootstrap = entry?.path().join("bootstrap");
        if bootstrap.is_file() {
            let name = bootstrap.parent().and_then(Path::file_name).and_then(|n| n.to_str());
            found.push((name.context("a function has a name")?.to_string(), bootstrap));
        }
    }
    found.sort();
    Ok(found)
}

/// The bootstrap of one function.
///
/// # Errors
/// When it is not packed.
pub(crate) fn bootstrap(function: &str) -> Result<PathBuf> {
    let found = all()?.into_iter().find(|(name, _)| name == function);
    let (_, bootstrap) =
        found.with_context(|| format!("{function} is not packed; run `make package ARCH=host`"))?;
    Ok(bootstrap)
}
