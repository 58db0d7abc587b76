//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run_with(&earn_points::FUNCTION, &[&earn_points::ORDERS])
}
