//! A function that answers "hello" and can do nothing else.

use std::convert::Infallible;

use lambda_http::{Error, Request, run, service_fn};

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(service_fn(hello)).await
}

async fn hello(_: Request) -> Result<&'static str, Infallible> {
    Ok("hello")
}
