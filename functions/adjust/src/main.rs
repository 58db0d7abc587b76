//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run_with(&adjust::FUNCTION, &[&adjust::MEMBERS])
}
