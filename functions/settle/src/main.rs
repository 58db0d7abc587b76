//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run_with(&settle::FUNCTION, &[&settle::SETTLEMENTS])
}
