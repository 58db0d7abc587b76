//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run(&issue_badge::FUNCTION)
}
