//! The binary `laurel`.

use std::process::ExitCode;

use clap::Parser;

/// Requests make many small values for a short time; glibc's allocator spends a quarter of the
/// server's time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    server::run(server::cli::Cli::parse())
}
