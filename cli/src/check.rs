//! `crossdock test`: mappings are checked as the API does when it saves one.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args;

use crate::read;

/// Which mappings.
#[derive(Args)]
pub(crate) struct Settings {
    /// Mappings, in JSON or YAML
    #[arg(required = true)]
    mappings: Vec<PathBuf>,
}

pub(crate) fn run(settings: &Settings) -> Result<ExitCode> {
    let mut wrong = 0;
    for path in &settings.mappings {
        let mapping = read::mapping(path)?;
        let errors = mapping.validate();
        match errors.as_slice() {
            [] => println!("{}: valid; {} tests hold", path.display(), mapping.tests.len()),
            errors => println!("{}", read::wrong(path, errors)),
        }
        wrong += usize::from(!errors.is_empty());
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
