//! The Lambda function.

fn main() -> std::process::ExitCode {
    lambda::run_with(&referrals::FUNCTION, &[&referrals::MEMBERS])
}
