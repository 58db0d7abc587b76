//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run(&grants::FUNCTION)
}
