//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run(&reverse::FUNCTION)
}
