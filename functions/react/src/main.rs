//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run_reacting(&react::FUNCTION, Box::new(react::React::default()))
}
