//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run(&import::FUNCTION)
}
