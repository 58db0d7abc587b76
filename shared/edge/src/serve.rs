//! From a request's bytes to the answer's bytes: route, caller, clock, body, idempotency, answer.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use domain::{json::Json, shape::Fault, time::Instant};
use engine::{
    Request, RequestKey,
    id::{AskedHash, ContentHash, RequestHash},
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::{
    Answer, Api, Call, Caller, ClockError, Code, Function, Method, Problem, Role, Route, Standing, panics,
    route::matches, said::Said, secrets::half, signature, wire, wire::RequestId,
};

/// The longest body of a route that names no other, in bytes.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// The longest path and query, in bytes.
const TARGET_BYTES_MAX: usize = 8 * 1024;

/// Headers of an answer that a page of another origin may read beside those that every page may.
const TOLD_TO_PAGES: &str =
    "etag, request-id, retry-after, idempotency-replayed, ratelimit, ratelimit-policy, test-clock";

impl Api {
    /// Answers a request. Never fails: an error is an answer too.
    pub async fn serve(&self, request: http::Request<Bytes>) -> Response<Bytes> {
        let request_id = self.request_id();
        let (head, body) = request.into_parts();
        let origin = self.allowed_origin(&head.headers);
        let mut standing = None;
        let mut response = if head.method == http::Method::OPTIONS && origin.is_some() {
            self.preflight(&head.uri)
        } else {
            let answering = panics::caught(self.answer(&head, body, &request_id, &mut standing)).await;
            let answering = answering.unwrap_or_else(|panicked| {
                let function = self.function_name(head.uri.path());
                let place = panicked.place;
                tracing::error!(request_id, function, place, "a request panicked");
                Err(Problem::of(Code::Internal))
            });
            match answering {
                Ok(answer) => answered(answer),
                Err(problem) => refused(&problem, &request_id),
            }
        };
        common_headers(&mut response, &request_id);
        if let Some(standing) = standing.filter(|_| response.status() != StatusCode::TOO_MANY_REQUESTS) {
            standing.tell(response.headers_mut());
        }
        if let Some(origin) = origin {
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(TOLD_TO_PAGES));
        }
        let status = response.status().as_u16();
        let function = self.function_name(head.uri.path());
        tracing::debug!(request_id, method = %head.method, function, status, "answered");
        response
    }

    /// The answer to a request that was refused before it was read.
    pub fn refuse(&self, problem: &Problem) -> Response<Bytes> {
        let request_id = self.request_id();
        let mut response = refused(problem, &request_id);
        common_headers(&mut response, &request_id);
        response
    }

    fn request_id(&self) -> String {
        // An answer without a number of its own is better than none.
        self.new_id(self.clock.now()).map_or_else(|_| "req_".to_owned(), wire::id::<RequestId>)
    }

    /// The answer; and the caller's standing with its limit, as soon as that is known.
    async fn answer(
        &self,
        head: &http::request::Parts,
        body: Bytes,
        request_id: &str,
        standing: &mut Option<Standing>,
    ) -> Result<Answer, Problem> {
        if head.uri.path().len() + head.uri.query().map_or(0, str::len) > TARGET_BYTES_MAX {
            return Err(Problem::saying(Code::BodyTooLarge, "the path and query are too long"));
        }
        let (function, route, path) = self.route(&head.method, head.uri.path())?;
        let caller = match signature::is_claimed(&head.headers) {
            _ if route.access.anybody => self.anybody(&head.headers).await,
            true => self.signed(head, &body).await?,
            false => self.authenticate(&head.headers).await?,
        };
        *standing = if route.access.anybody { None } else { self.count(&caller) };
        standing.map_or(Ok(()), |standing| standing.check())?;
        self.move_clock(&caller, &head.headers)?;
        self.admit(&caller, route, &path).await?;
        let query = read_query(route, head.uri.query())?;
        let (body, text) = read_body(route, &head.headers, &body)?;
        // A document is no request about somebody, and its form is not checked yet.
        let said = if reads_document(route) { Said::of(&Json::Null) } else { Said::of(&body) }?;
        self.admit_body(&caller, route, &body, &said).await?;
        let request = self.request(&caller, (function, route), &path, head, (&body, &said))?;
        let if_match = if_match(route, &head.headers);
        let path = caller.own_path(path);
        let mut call = Call { caller, path, query, body, said, text, if_match, request };
        call.request.staff = call.notes(route, request_id)?;
        let answered = (route.handler)(self, &call).await;
        answered.map_err(|problem| self.told(problem, &call.caller))
    }

    /// The functions that answer under the first segment of this path: several, where a package has a part of
    /// another one's paths.
    fn functions_at(&self, path: &str) -> impl Iterator<Item = &'static Function> {
        let name = first_segment(path);
        self.functions.iter().copied().filter(move |function| function.name == name)
    }

    /// The name of the functions that this path means.
    pub fn function_name(&self, path: &str) -> Option<&'static str> {
        self.functions_at(path).next().map(|function| function.name)
    }

    /// The function, the route and the path's parts.
    fn route(
        &self,
        method: &http::Method,
        path: &str,
    ) -> Result<(&'static Function, &'static Route, Vec<String>), Problem> {
        let not_found = || Problem::of(Code::NotFound);
        let name = self.function_name(path).ok_or_else(not_found)?;
        let rest = &path[1 + name.len()..];
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let routes = self
            .functions_at(path)
            .flat_map(|function| function.routes.iter().map(move |own| (function, own)));
        let fitting =
            routes.filter_map(|(function, route)| Some((function, route, matches(route.path, rest)?)));
        let mut fitting: Vec<_> = fitting.collect();
        // A path that a route names in full belongs to that route, and is not an id: `/members/find`.
        let fewest = fitting.iter().map(|(.., parts)| parts.len()).min().ok_or_else(not_found)?;
        fitting.retain(|(.., parts)| parts.len() == fewest);
        let asked = fitting.iter().position(|(_, route, _)| route.method.word() == method.as_str());
        if let Some(asked) = asked {
            let (function, route, parts) = fitting.swap_remove(asked);
            return Ok((function, route, parts));
        }
        let allowed: Vec<&str> = fitting.iter().map(|(_, route, _)| route.method.word()).collect();
        let mut problem = Problem::of(Code::MethodNotAllowed);
        problem.allow = Some(allowed.join(", "));
        Err(problem)
    }

    /// The longest body, in bytes, that this method and path take: what need not be read to be refused. Where there
    /// is no such route, as long as of most.
    pub fn body_bytes_max(&self, method: &http::Method, path: &str) -> usize {
        self.route(method, path).map_or(BODY_BYTES_MAX, |(_, route, _)| route.body_bytes_max)
    }

    /// The caller whose key the headers carry. Without one the store is not touched.
    ///
    /// # Errors
    /// 401 `unauthenticated`; 503 if the list of callers could not be read for a minute.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Problem> {
        let nobody = || Problem::of(Code::Unauthenticated);
        let key = bearer(headers).ok_or_else(nobody)?;
        self.freshen().await?;
        self.caller(key).or_else(|| self.token_bearer(key)).ok_or_else(nobody)
    }

    /// Anybody: nobody, unless the clock is to be moved, which only an admin may.
    async fn anybody(&self, headers: &HeaderMap) -> Arc<Caller> {
        let known = match headers.contains_key("test-clock") {
            true => self.authenticate(headers).await.ok(),
            false => None,
        };
        known.unwrap_or_else(|| Arc::new(Caller::nobody()))
    }

    fn move_clock(&self, caller: &Caller, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(value) = headers.get("test-clock") else { return Ok(()) };
        let refused = |detail: &str| Problem::saying(Code::TestClockRefused, detail);
        if !caller.may(&[Role::Admin]) {
            return Err(Problem::forbidden());
        }
        let to = value
            .to_str()
            .ok()
            .and_then(Instant::parse)
            .ok_or_else(|| refused("Test-Clock is an RFC 3339 instant"))?;
        self.clock.forward(to).map_err(|error| match error {
            ClockError::NotATest => refused("this server lives by the machine's clock"),
            ClockError::Backwards => refused("the test clock never goes back"),
        })
    }

    fn request(
        &self,
        caller: &Caller,
        (function, route): (&Function, &Route),
        path: &[String],
        head: &http::request::Parts,
        (body, said): (&Json, &Said),
    ) -> Result<Request, Problem> {
        // A request without `dry_run` is real.
        let dry_run = said.dry_run.unwrap_or(false);
        let mut content = Vec::new();
        path.iter().for_each(|part| Json::Text(part.into()).canonical(&mut content, ""));
        body.canonical(&mut content, Said::DRY_RUN);
        let key = idempotency_key(&head.headers)?.filter(|_| route.remembers && !dry_run);
        Ok(Request {
            by: caller.by,
            now: self.clock.now(),
            key: key.map(|key| RequestKey {
                hash: RequestHash(hash(&[&caller.bytes(), function.name.as_bytes(), b"\0", key.as_bytes()])),
                asked: AskedHash(hash(&[self.secrets.content_key(), &asked(head, body)])),
            }),
            content: ContentHash(hash(&[self.secrets.content_key(), &content])),
            dry_run,
            brand: caller.brand.clone(),
            house: caller.is_house(),
            any_age: false,
            staff: None,
        })
    }

    fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let known = self.origins.iter().any(|known| known.as_bytes() == origin.as_bytes());
        known.then(|| origin.clone())
    }

    fn preflight(&self, uri: &http::Uri) -> Response<Bytes> {
        let routes = self.functions_at(uri.path()).flat_map(|function| function.routes);
        let methods: BTreeSet<&str> = routes.map(|route| route.method.word()).collect();
        let methods: Vec<&str> = methods.into_iter().collect();
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        let taken = HeaderValue::from_static("authorization, content-type, idempotency-key, if-match");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, taken);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        response
    }
}

/// Whether only the store can identify the caller: there is a signature, or one well-formed key, and not
/// both. A request with neither is refused without touching the store.
pub fn may_be_known(headers: &HeaderMap) -> bool {
    match signature::is_claimed(headers) {
        true => !headers.contains_key(header::AUTHORIZATION),
        false => bearer(headers).is_some(),
    }
}

/// The key in the one `Authorization` header, if it has the form of one.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !key.trim().is_empty()).then(|| key.trim())
}

/// The first half of the SHA-256 of these, one after the other.
pub(crate) fn hash(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    half(hash.finalize().into())
}

fn first_segment(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path).split('/').next().unwrap_or_default()
}

/// The hash of the whole request: method, path, query and body. The query counts as written; the body by its
/// content, as for natural keys.
fn asked(head: &http::request::Parts, body: &Json) -> Vec<u8> {
    let path = head.uri.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let query = head.uri.query().unwrap_or_default();
    let mut asked = Vec::new();
    for part in [head.method.as_str(), path, query] {
        Json::Text(part.into()).canonical(&mut asked, "");
    }
    body.canonical(&mut asked, Said::DRY_RUN);
    asked
}

fn read_query(route: &Route, query: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let (mut pairs, mut faults) = (Vec::new(), Vec::new());
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !route.query.contains(&name) || pairs.iter().any(|(known, _)| known == name) {
            let detail = "no such parameter here, or it stands twice";
            faults.push(Fault::new(format!("/query/{name}"), "unknown_field", detail));
            continue;
        }
        pairs.push((name.to_owned(), value.to_owned()));
    }
    if faults.is_empty() { Ok(pairs) } else { Err(Problem::invalid_field(&faults)) }
}

fn read_body(route: &Route, headers: &HeaderMap, body: &Bytes) -> Result<(Json, Bytes), Problem> {
    if body.len() > route.body_bytes_max {
        return Err(Problem::body_too_large(route.body_bytes_max));
    }
    if !route.texts.is_empty() {
        let kind = media_type(headers);
        return match kind.is_none_or(|kind| route.texts.iter().any(|own| kind.eq_ignore_ascii_case(own))) {
            true => Ok((Json::Null, body.clone())),
            false => Err(Problem::saying(Code::UnsupportedMediaType, route.texts.join(" or "))),
        };
    }
    let Some(shape) = route.body else {
        return match body.is_empty() {
            true => Ok((Json::Null, Bytes::new())),
            false => Err(Problem::field("", "unknown_field", "no body is taken here")),
        };
    };
    if media_type(headers).is_some_and(|kind| !kind.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::of(Code::UnsupportedMediaType));
    }
    // A scheduled function may be called without a body: that counts as an empty object.
    let text = if body.is_empty() { Bytes::from_static(b"{}") } else { body.clone() };
    let json = Json::parse(&text).map_err(|error| Problem::saying(Code::MalformedJson, error.to_string()))?;
    let faults = if reads_document(route) { Vec::new() } else { shape.check(&json) };
    if !faults.is_empty() {
        // A programme has its own code for the same thing, and faults beyond those of its shape.
        let program = route.problems.contains(&Code::InvalidProgram);
        return Err(match program {
            true => {
                let problem = Problem::invalid_field(&domain::programme::every_fault(&json, faults));
                Problem { code: Code::InvalidProgram, ..problem }
            }
            false => Problem::invalid_field(&faults),
        });
    }
    Ok((json, text))
}

/// Whether its body is an offer, whose form is checked with what it says, which needs the programme: so all that is
/// wrong is told at once.
fn reads_document(route: &Route) -> bool {
    route.problems.contains(&Code::InvalidOffer)
}

/// What the headers say that the body is, without parameters; what is no text is nothing that is taken.
fn media_type(headers: &HeaderMap) -> Option<&str> {
    let kind = headers.get(header::CONTENT_TYPE)?;
    Some(kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let wrong = || {
        Problem::field(
            "/headers/idempotency-key",
            "wrong_format",
            "one key of 1 to 255 visible ASCII characters",
        )
    };
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => {
            let key = key.to_str().ok().filter(|key| {
                (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
            });
            key.map(Some).ok_or_else(wrong)
        }
        (Some(_), Some(_)) => Err(wrong()),
    }
}

/// All that `If-Match` says, as one list, where the route takes it. What is no text names nothing.
fn if_match(route: &Route, headers: &HeaderMap) -> Option<String> {
    let sent: Vec<&str> =
        headers.get_all(header::IF_MATCH).iter().map(|one| one.to_str().unwrap_or_default()).collect();
    (route.if_match && !sent.is_empty()).then(|| sent.join(","))
}

/// Headers of every answer.
fn common_headers(response: &mut Response<Bytes>, request_id: &str) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("request-id", id);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
}

fn answered(answer: Answer) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if !matches!(answer.status, 204) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.media_type));
    }
    if let Some(tag) = answer.etag.as_ref().and_then(|tag| HeaderValue::from_str(tag).ok()) {
        headers.insert(header::ETAG, tag);
    }
    if answer.replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    response
}

fn refused(problem: &Problem, request_id: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(problem.body(request_id)));
    *response.status_mut() =
        StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(allow) = problem.allow.as_ref().and_then(|allow| HeaderValue::from_str(allow).ok()) {
        headers.insert(header::ALLOW, allow);
    }
    if problem.status() == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if problem.is_passing() {
        // Nobody knows how long the store is busy, so this says: soon.
        let seconds = problem.rate.map_or(1, |rate| rate.seconds());
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(rate) = problem.rate {
        rate.tell(headers);
    }
    response
}

impl Method {
    /// Whether a request of this method changes something.
    pub fn writes(self) -> bool {
        self != Method::Get
    }
}
