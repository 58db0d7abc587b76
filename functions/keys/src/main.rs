//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run_with(&keys::FUNCTION, &[&keys::ACTIVITY])
}
