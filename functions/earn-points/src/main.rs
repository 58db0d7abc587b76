//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run(&earn_points::FUNCTION)
}
