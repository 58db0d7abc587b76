//! The binary `laurel`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    server::run(server::cli::Cli::parse())
}
