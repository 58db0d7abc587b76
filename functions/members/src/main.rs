//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run(&members::FUNCTION)
}
