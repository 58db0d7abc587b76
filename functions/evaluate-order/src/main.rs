//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run(&evaluate_order::FUNCTION)
}
