//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run_reacting(&react::FUNCTION, std::sync::Arc::new(react::React::default()))
}
