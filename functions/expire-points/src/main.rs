//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run(&expire_points::FUNCTION)
}
