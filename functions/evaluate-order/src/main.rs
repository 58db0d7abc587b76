//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run_with(&evaluate_order::FUNCTION, &[&evaluate_order::USE])
}
