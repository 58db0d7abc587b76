//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run_with(&grants::FUNCTION, &[&grants::MEMBERS])
}
