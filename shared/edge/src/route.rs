//! Functions and their routes, as data: what callers send, who may call, and what comes back.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use domain::{json::Json, shape::Shape};
use engine::Request;

use crate::{Access, Answer, Api, BODY_BYTES_MAX, Caller, Code, Notes, Problem, Read, said::Said};

/// A function: one folder, one function URL.
#[derive(Debug)]
pub struct Function {
    /// Its name, which is its folder's and its first path segment.
    pub name: &'static str,
    /// What it answers.
    pub routes: &'static [Route],
}

impl Function {
    /// Whether one of its routes has that path, without a query.
    pub fn answers(&self, path: &str) -> bool {
        let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(self.name));
        let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        rest.is_some_and(|rest| self.routes.iter().any(|route| matches(route.path, rest).is_some()))
    }
}

/// HTTP methods in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The method's word.
    pub fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// The future of an answer.
pub type Responding<'a> = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send + 'a>>;

/// What answers a call.
pub type Handler = for<'a> fn(&'a Api, &'a Call) -> Responding<'a>;

/// One thing a function answers.
#[derive(Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path below the function's own, for example `/{id}/ledger`; empty for the function itself.
    pub path: &'static str,
    /// One line for the documentation.
    pub summary: &'static str,
    /// Who may ask.
    pub access: Access,
    /// The shape of the body, if it takes one.
    pub body: Option<Shape>,
    /// The media types of a body that is text and no JSON, if it takes such a body.
    pub texts: &'static [&'static str],
    /// The longest body, in bytes.
    pub body_bytes_max: usize,
    /// Whether it remembers its answer under an `Idempotency-Key`.
    pub remembers: bool,
    /// Statuses of success and the shape of their body.
    pub answers: &'static [(u16, Shape)],
    /// Codes of problems it can answer with, besides those of every route.
    pub problems: &'static [Code],
    /// Whether it takes `If-Match`, the `ETag` of an earlier answer.
    pub if_match: bool,
    /// What is changed by it, as the activity log has it; `None`: nothing that is noted there.
    pub notes: Option<Notes>,
    /// Query parameters.
    pub query: &'static [&'static str],
    /// What answers.
    pub handler: Handler,
}

/// A call, checked: the caller is known and the body has the route's shape.
#[derive(Debug)]
pub struct Call {
    /// Who asks.
    pub caller: Arc<Caller>,
    /// The parts of the path that stand for `{…}`, in order.
    pub path: Vec<String>,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The body; `null` if the route takes none. A handler gets it as the type that its route takes.
    pub(crate) body: Json,
    /// The part of it that is not for the handler alone.
    pub(crate) said: Said,
    /// The body as it was sent.
    pub text: Bytes,
    /// `If-Match`, where the route takes it.
    pub(crate) if_match: Option<String>,
    /// What surrounds the command.
    pub request: Request,
}

impl Route {
    /// A route's defaults: only an admin may call, and everything else is empty.
    pub const BARE: Route = Route {
        method: Method::Get,
        path: "",
        summary: "",
        access: Access::ADMIN,
        body: None,
        texts: &[],
        body_bytes_max: BODY_BYTES_MAX,
        remembers: false,
        answers: &[],
        problems: &[],
        if_match: false,
        notes: None,
        query: &[],
        handler: |_, _| Box::pin(async { Err(Problem::of(Code::NotFound)) }),
    };
}

/// The rest of a route that takes a body of that type and passes it to that handler.
#[macro_export]
macro_rules! taking {
    ($body:ty => $handle:path) => {
        $crate::Route {
            body: Some(<$body as $crate::Kind>::SHAPE),
            handler: |api, call| Box::pin(async move { $handle(api, call, call.read::<$body>()?).await }),
            ..$crate::Route::BARE
        }
    };
}

/// The rest of a route that takes no body.
#[macro_export]
macro_rules! asking {
    ($handle:path) => {
        $crate::Route { handler: |api, call| Box::pin($handle(api, call)), ..$crate::Route::BARE }
    };
}

impl Call {
    /// The body as the type whose shape it was checked against.
    ///
    /// # Errors
    /// 500 `internal`: the type has another shape than the route.
    pub fn read<T: Read>(&self) -> Result<T, Problem> {
        T::read(&self.body)
            .ok_or_else(|| Problem::broken("a body has not the shape that it was checked against"))
    }

    /// A query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// A question of the query: `true`, or `false`, also if it is not asked.
    ///
    /// # Errors
    /// It is something else.
    pub fn asked(&self, name: &str) -> Result<bool, Problem> {
        match self.query(name) {
            Some("true") => Ok(true),
            None | Some("false") => Ok(false),
            Some(_) => Err(Problem::field(&format!("/query/{name}"), "wrong_format", "true or false")),
        }
    }

    /// Whether the call may go on top of what that tag stands for: it names no other in `If-Match`.
    pub fn goes_on(&self, tag: &str) -> bool {
        let Some(sent) = &self.if_match else { return true };
        sent.split(',').map(str::trim).any(|one| one == "*" || one == tag)
    }

    /// Words of a query parameter, percent-encoding undone; `None` without any.
    ///
    /// # Errors
    /// They are more than so many characters, broken, no UTF-8 or hold control characters.
    pub fn words(&self, name: &str, most: usize) -> Result<Option<String>, Problem> {
        let Some(sent) = self.query(name).filter(|sent| !sent.is_empty()) else { return Ok(None) };
        let (pointer, detail) = (format!("/query/{name}"), "text in UTF-8, percent-encoded");
        let wrong = || Problem::field(&pointer, "wrong_format", detail);
        let words = unescaped(sent).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(wrong)?;
        if words.chars().any(char::is_control) {
            return Err(wrong());
        }
        if words.chars().count() > most {
            return Err(Problem::field(&pointer, "out_of_range", &format!("at most {most} characters")));
        }
        Ok(Some(words))
    }

    /// `?limit=`: 1 to 200, 50 unless given.
    ///
    /// # Errors
    /// It is something else.
    pub fn limit(&self) -> Result<usize, Problem> {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        match self.query("limit").map(|text| text.parse::<usize>().ok().filter(|_| plain(text))) {
            None => Ok(50),
            Some(Some(limit)) if (1..=200).contains(&limit) => Ok(limit),
            Some(_) => Err(Problem::field("/query/limit", "out_of_range", "1 to 200")),
        }
    }
}

/// The parts of the path that stand for `{…}`, if it is that route's. A path needs no
/// percent-encoding here and is taken as it is.
pub(crate) fn matches(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    if pattern.len() != path.len() {
        return None;
    }
    let mut parts = Vec::new();
    for (want, got) in pattern.iter().zip(&path) {
        if want.starts_with('{') && !got.is_empty() {
            parts.push((*got).to_owned());
        } else if want != got {
            return None;
        }
    }
    Some(parts)
}

/// The bytes that percent-encoded text stands for (RFC 3986, 2.1); `None` if an escape is broken.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (two, others) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(two).ok().filter(|_| two.iter().all(u8::is_ascii_hexdigit))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = others;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        for (text, want) in [
            ("", Some("")),
            ("a+b", Some("a+b")),
            ("%E8%AF%AF%20a%25", Some("误 a%")),
            ("%e8%af%af", Some("误")),
            ("%", None),
            ("%2", None),
            ("a%2g", None),
            ("%+2", None),
        ] {
            assert_eq!(unescaped(text), want.map(|want| want.as_bytes().to_vec()), "{text}");
        }
    }
}
