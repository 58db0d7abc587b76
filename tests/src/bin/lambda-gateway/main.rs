//! For tests: `laurel serve` as far as a caller can see, and behind it every function's Lambda
//! binary, each instance a process of its own under a Runtime API of ours, over one table.
//!
//! ```text
//! lambda-gateway serve --addr 127.0.0.1:9000 --table laurel --endpoint http://127.0.0.1:8000 --create-table
//! ```
//!
//! It takes the flags of `laurel serve`, of which it needs `--table`; and like an operator it runs `laurel
//! serve` over the table once, to set it up. Then it only does what Lambda does:
//!
//! - `/<function>…` becomes a function-URL event (payload format 2.0), and what the function
//!   answers becomes the answer;
//! - `POST /2015-03-31/functions/<function>/invocations`, which is what `aws lambda invoke` sends, passes the
//!   function its body, as a scheduler does;
//! - `GET /healthz` answers 200.
//!
//! A function's first request starts an instance of it; an instance handles one event at a time and
//! is kept; while it is busy others are started, up to a bound. One that takes longer than its time
//! limit is killed. Under `--test-clock` all instances tell the same time.
//!
//! | variable | says |
//! |---|---|
//! | `LAUREL_ADMIN_KEY`, `LAUREL_MASTER_KEY` | as for `laurel`; a master key is made up if need be |
//! | `LAMBDA_GATEWAY_FUNCTIONS` | the folder of the functions' binaries, `<name>` or `<name>/bootstrap`, if it is not the one of this program |
//! | `LAMBDA_GATEWAY_INSTANCES` | instances of a function at once, at most; 3 unless given |
//! | `LAMBDA_GATEWAY_STREAM` | `once`: the table's stream is handed to `react`; `twice`: each batch again, in the other order |
//! | `LAMBDA_GATEWAY_IN_TURNS` | `1`: requests go to as many instances in turns, as if all were busy |

#![forbid(unsafe_code)]

mod clock;
mod function_url;
mod instance;
mod listen;
mod pool;
mod runtime_api;
mod settings;
mod stream;

use std::{process::ExitCode, sync::Arc};

use crate::settings::Settings;

/// What can go wrong here, in words for people.
type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let ended = Settings::read().and_then(|settings| {
        settings.set_up_table()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(listen::serve(Arc::new(settings)))
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lambda-gateway: {error}");
            ExitCode::from(2)
        }
    }
}
