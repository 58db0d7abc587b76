//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run_with(&scan::FUNCTION, &[&scan::MEMBERS, &scan::CARD_KEYS])
}
