//! Faults on the way to DynamoDB, for tests: below the SDK, so that our code and the SDK see them like real
//! ones.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

use crate::{
    error::ConnectError,
    store::{DynamoStore, Options, http_client},
    version::token,
};

/// What befalls a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// DynamoDB answers at once that it is throttled.
    Throttled,
    /// DynamoDB answers at once that another transaction is in the way.
    Conflict,
    /// DynamoDB answers 500 at once, having done nothing.
    Broken,
    /// There is no connection.
    NoConnection,
    /// It never arrives, and the client gives up waiting.
    TimesOut,
    /// It is done, but the connection breaks before the answer.
    AnswerLost,
    /// It is done, but the answer says 500.
    DoneAndBroken,
}

/// A request that is about to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// How many requests were sent before it.
    pub number: u64,
    /// The operation, as in `PutItem`.
    pub operation: String,
}

impl Call {
    /// Whether it writes.
    pub fn writes(&self) -> bool {
        matches!(self.operation.as_str(), "PutItem" | "DeleteItem" | "TransactWriteItems")
    }
}

/// Something to be done at a certain moment of a test.
pub type Hook = Pin<Box<dyn Future<Output = ()> + Send>>;

type Plan = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

/// Decides which faults strike the requests of the stores that are connected through it.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    sent: u64,
    struck: u64,
    plan: Option<Plan>,
    before_silence: Option<Hook>,
    tokens_forgotten: bool,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faults")
    }
}

impl Faults {
    /// None so far.
    pub fn new() -> Faults {
        Faults::default()
    }

    /// A store whose requests they strike.
    ///
    /// # Errors
    /// As [`DynamoStore::connect`].
    pub fn connect(&self, options: Options) -> Result<DynamoStore, ConnectError> {
        let client = Faulty { faults: self.clone(), inner: http_client()? };
        DynamoStore::connect_over(options, SharedHttpClient::new(client))
    }

    /// From now on the plan decides the fault of each request.
    pub fn plan(&self, plan: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        self.lock().plan = Some(Box::new(plan));
    }

    /// From now on nothing does.
    pub fn stop(&self) {
        self.lock().plan = None;
    }

    /// Does that once, before the next sender learns that its request timed out or its answer was lost.
    pub fn before_silence(&self, hook: impl Future<Output = ()> + Send + 'static) {
        self.lock().before_silence = Some(Box::pin(hook));
    }

    /// DynamoDB forgets request tokens at once, as AWS does after ten minutes.
    pub fn forget_tokens(&self) {
        self.lock().tokens_forgotten = true;
    }

    /// How many requests were sent, and how many of them a fault struck.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.lock();
        (state.sent, state.struck)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, request: &HttpRequest) -> (Option<Fault>, Call, bool) {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let mut state = self.lock();
        let call = Call { number: state.sent, operation };
        state.sent += 1;
        let fault = state.plan.as_mut().and_then(|plan| plan(&call));
        state.struck += u64::from(fault.is_some());
        (fault, call, state.tokens_forgotten)
    }
}

#[derive(Clone, Debug)]
struct Faulty {
    faults: Faults,
    inner: SharedHttpClient,
}

impl HttpClient for Faulty {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(FaultyConnector { faults: self.faults.clone(), inner })
    }
}

#[derive(Debug)]
struct FaultyConnector {
    faults: Faults,
    inner: SharedHttpConnector,
}

impl HttpConnector for FaultyConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let (fault, call, tokens_forgotten) = self.faults.next(&request);
        if tokens_forgotten {
            replace_token(&mut request);
        }
        let ready = match fault {
            None => return self.inner.call(request),
            Some(Fault::NoConnection) => {
                // Nobody listens there.
                return match request.set_uri("http://127.0.0.1:1/") {
                    Ok(()) => self.inner.call(request),
                    Err(error) => HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
                };
            }
            Some(Fault::TimesOut | Fault::AnswerLost | Fault::DoneAndBroken) => None,
            Some(Fault::Throttled) => Some(answer(400, "ThrottlingException", "")),
            Some(Fault::Conflict) if call.operation == "TransactWriteItems" => {
                let reasons = r#","CancellationReasons":[{"Code":"TransactionConflict"}]"#;
                Some(answer(400, "TransactionCanceledException", reasons))
            }
            Some(Fault::Conflict) => Some(answer(400, "TransactionConflictException", "")),
            Some(Fault::Broken) => Some(answer(500, "InternalServerError", "")),
        };
        if let Some(answer) = ready {
            return HttpConnectorFuture::ready(answer);
        }
        let done = (fault != Some(Fault::TimesOut)).then(|| self.inner.call(request));
        let faults = self.faults.clone();
        HttpConnectorFuture::new(async move {
            if let Some(done) = done {
                // Nobody learns how it went.
                let _ = done.await;
            }
            let hook = faults.lock().before_silence.take();
            if let Some(hook) = hook {
                hook.await;
            }
            match fault {
                Some(Fault::DoneAndBroken) => answer(500, "InternalServerError", ""),
                Some(Fault::TimesOut) => Err(ConnectorError::timeout("a fault of the test".into())),
                _ => Err(ConnectorError::io("a fault of the test".into())),
            }
        })
    }
}

fn answer(status: u16, code: &str, more: &str) -> Result<HttpResponse, ConnectorError> {
    let body = format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"a fault of the test"{more}}}"#
    );
    let status = StatusCode::try_from(status).map_err(|error| ConnectorError::user(error.into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

/// Sends the same under another token of the same length.
fn replace_token(request: &mut HttpRequest) {
    const FIELD: &str = r#""ClientRequestToken":""#;
    let Some(body) = request.body().bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()) else { return };
    let Some(at) = body.find(FIELD).map(|at| at + FIELD.len()) else { return };
    let Some(length) = body[at..].find('"') else { return };
    let other = &token()[..length];
    let body = [&body[..at], other, &body[at + length..]].concat();
    *request.body_mut() = SdkBody::from(body);
}
