//! One instance of a function: what is kept between events, and what an event becomes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use edge::{Api, Clock, Code, Function, Problem, may_be_known};
use engine::{Error, keys};
use lambda_runtime::{Context, Diagnostic};
use serde_json::Value;

use crate::{
    event::{self, Event},
    handed::{self, Reacts},
    measure::{self, Measured, Whose},
    reply::Reply,
};

/// A scheduled run ends this long before Lambda would end it, to report how far it came.
const SWEEP_MARGIN: Duration = Duration::from_secs(10);

/// A reaction to time takes no new work after so long: it comes again each minute.
const REACTS_FOR: Duration = Duration::from_secs(50);

/// One instance of a function.
pub struct Instance {
    function: &'static Function,
    api: Api,
    /// What it does that no caller asks.
    reacts: Option<Arc<dyn Reacts>>,
    /// The table's name, for metrics.
    table: String,
    /// Whether the store has been checked to be ours.
    known: AtomicBool,
    /// Whether an event has been handled here.
    warm: AtomicBool,
    /// Whether its secrets are not those of the data.
    foreign: AtomicBool,
}

/// What Lambda says about an event.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its id.
    pub id: String,
    /// What time is left for it.
    pub left: Duration,
}

impl Invocation {
    /// What Lambda says of it.
    pub fn of(context: &Context) -> Invocation {
        let deadline = i64::try_from(context.deadline).unwrap_or(i64::MAX);
        let left = deadline.saturating_sub(Clock::Machine.now().0).max(0);
        Invocation { id: context.request_id.clone(), left: Duration::from_millis(left.unsigned_abs()) }
    }
}

/// Why an event that no caller waits for has failed: Lambda sends it again, then puts it into the
/// dead-letter queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// A stable word.
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Diagnostic {
        Diagnostic { error_type: failure.code.to_owned(), error_message: failure.detail }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure { code: problem.code.word(), detail: problem.detail }
    }
}

impl Measured {
    /// Notes the metrics of an answer, and turns it into the reply.
    fn told(&mut self, response: http::Response<Bytes>) -> Reply {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        self.status = Some(response.status().as_u16());
        self.request_id = header("request-id").map(str::to_owned);
        self.replayed = header("idempotency-replayed").is_some();
        Reply::to_url(response)
    }
}

impl Instance {
    /// An instance over that store, whose table has that name; reads nothing yet.
    pub fn new(function: &'static Function, api: Api, table: &str) -> Instance {
        api.share_store();
        let table = table.to_owned();
        let no = || AtomicBool::new(false);
        Instance { function, api, reacts: None, table, known: no(), warm: no(), foreign: no() }
    }

    /// The same, which does that with what the table's stream hands over, and at its time.
    #[must_use]
    pub fn reacting(self, reacts: Arc<dyn Reacts>) -> Instance {
        Instance { reacts: Some(reacts), ..self }
    }

    /// Whether another one in its place may serve what this one cannot: its master key is not the data's, or they were
    /// rekeyed since.
    pub fn is_outlived(&self) -> bool {
        self.foreign.load(Ordering::Relaxed) || self.api.is_outlived()
    }

    /// Handles an event and writes down that it did.
    ///
    /// # Errors
    /// An event that is not a request, and was not processed.
    pub async fn handle(&self, event: Value, invocation: &Invocation) -> Result<Reply, Failure> {
        let began = Instant::now();
        let mut measured = Measured::default();
        let names: Vec<&str> = self.api.functions.iter().map(|function| function.name).collect();
        let reply = match event::read(&names, event) {
            Ok(Event::Url(request)) => Ok(measured.told(self.answer(request).await)),
            Ok(Event::Direct(event)) => match &self.reacts {
                Some(reacts) => self.react(reacts.as_ref(), &event, began, invocation).await,
                None => self.run(&event, began, invocation, &mut measured).await,
            },
            // The event says that it came by a URL, so a caller waits for an answer.
            Err(problem) => Ok(measured.told(self.api.refuse(&problem))),
        };
        let cold_start = !self.warm.swap(true, Ordering::Relaxed);
        let whose = Whose { function: self.function.name, table: &self.table };
        measure::print(&measured.line(whose, &invocation.id, began.elapsed(), cold_start));
        reply
    }

    /// Answers a request. The same code refuses one without a plausible signature or key, and then does not
    /// touch the store.
    async fn answer(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        let known = match may_be_known(request.headers()) || self.is_open() {
            true => self.know_store().await,
            false => Ok(()),
        };
        match known {
            Ok(()) => self.api.serve(request).await,
            Err(problem) => self.api.refuse(&problem),
        }
    }

    /// Whether it has a route that anybody may call: what that answers follows from what the store says of the master key.
    fn is_open(&self) -> bool {
        self.api.functions.iter().flat_map(|function| function.routes).any(|route| route.access.anybody)
    }

    /// Does what a batch of the table's stream, or its time, has it do.
    async fn react(
        &self,
        reacts: &dyn Reacts,
        event: &Value,
        began: Instant,
        invocation: &Invocation,
    ) -> Result<Reply, Failure> {
        self.know_store().await?;
        self.api.freshen().await?;
        if let Some(batch) = handed::read(event) {
            return Ok(Reply::Direct(handed::deal(reacts, &self.api, batch).await));
        }
        let until = began + invocation.left.saturating_sub(SWEEP_MARGIN).min(REACTS_FOR);
        let done = reacts.time(&self.api, until).await.map_err(Problem::from)?;
        Ok(Reply::Direct(serde_json::json!({ "done": true, "attempts": done })))
    }

    /// Runs a schedule's work. If time runs out, the event fails, although finished work stays done: so
    /// Lambda sends the event again, the next run continues, and the alarm notices.
    async fn run(
        &self,
        event: &Value,
        began: Instant,
        invocation: &Invocation,
        measured: &mut Measured,
    ) -> Result<Reply, Failure> {
        if self.function.scheduled().is_some() {
            measured.finished = Some(false);
            measured.part = event.get("part").and_then(Value::as_u64).unwrap_or(0);
            self.know_store().await?;
        }
        let until = began + invocation.left.saturating_sub(SWEEP_MARGIN);
        let told = self.api.run_schedule(self.function, event, until).await.inspect_err(|problem| {
            tracing::error!(
                function = self.function.name,
                code = problem.code.word(),
                "scheduled run failed"
            );
        })?;
        let count = |name: &str| told.get(name).and_then(Value::as_u64).unwrap_or(0);
        let done = told.get("done").and_then(Value::as_bool).unwrap_or(false);
        measured.swept = Some((count("members"), count("points_expired")));
        measured.finished = Some(done);
        match done {
            true => Ok(Reply::Direct(told)),
            false => {
                let detail = format!("more is due than fits into one run; so far: {told}");
                Err(Failure { code: "sweep_unfinished", detail })
            }
        }
    }

    /// Under another master key every identity would seem new and people would register twice; in
    /// half an import they would be missing. Neither is served.
    async fn know_store(&self) -> Result<(), Problem> {
        if self.known.load(Ordering::Relaxed) {
            return Ok(());
        }
        let notes = [keys::MASTER_KEY_NOTE, keys::RING_NOTE, keys::IMPORTING_NOTE, keys::REKEYING_NOTE];
        let found = self.api.engine.store().get(&notes.map(keys::note)).await.map_err(Error::from)?;
        let mut found = found.into_iter();
        let mut next = || found.next().flatten().map(|note| note.value);
        let (known, ring, importing, rekeying) = (next(), next(), next(), next());
        let fault = match known {
            None => Some(
                "the table has not been set up; `laurel serve --table` or `laurel import` does".to_owned(),
            ),
            Some(_) if importing.is_some() => {
                Some("an import into this table is under way or was cut off".to_owned())
            }
            Some(_) if rekeying.is_some() => {
                Some("a rekeying of this table is under way or was cut off".to_owned())
            }
            Some(known) => {
                let settled = self.api.secrets.settle(&known, ring.as_deref());
                self.foreign.store(settled.is_err(), Ordering::Relaxed);
                settled.err().map(|other| other.to_string())
            }
        };
        if let Some(fault) = fault {
            tracing::error!(function = self.function.name, fault, "this store is not served");
            let detail = "the store is not ready; try again later";
            return Err(Problem::saying(Code::StoreUnavailable, detail));
        }
        self.known.store(true, Ordering::Relaxed);
        Ok(())
    }
}
