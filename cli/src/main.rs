//! `crossdock`: what the functions do to files, on the command line.

mod check;
mod map;
mod preview;
mod read;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "crossdock", about = "Maps files exactly as the hub's functions do")]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Maps a file to one JSON object a line
    ///
    /// Mapped records go to standard output, those that were filtered or do not fit to --rejected, counts to standard
    /// error. Exits with 0 where nothing is in error, with 2 where records are, and with 1 where the file cannot be
    /// read as the mapping states.
    Map(map::Settings),
    /// Checks mappings, and runs the tests that are in them
    Test(check::Settings),
    /// Prints the JSON Schema of mappings
    Schema,
    /// Says what a file looks like, drafts a mapping and maps its first records
    ///
    /// What it says is JSON, to standard output. Each guess has its confidence, what speaks for it and its rivals. Only the beginning of the file is looked at.
    Preview(preview::Settings),
}

fn main() -> ExitCode {
    let done = match Command::parse().what {
        What::Map(settings) => map::run(&settings),
        What::Test(settings) => check::run(&settings),
        What::Schema => {
            println!("{:#}", shared::mapping::schema());
            Ok(ExitCode::SUCCESS)
        }
        What::Preview(settings) => preview::run(&settings),
    };
    done.unwrap_or_else(|error| {
        eprintln!("crossdock: {error:#}");
        ExitCode::FAILURE
    })
}
