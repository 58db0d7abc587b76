//! The signature base (RFC 9421, 2.5): the lines that are signed, made from the message and from what
//! `Signature-Input` says was covered.

use std::str::FromStr;

use http::{HeaderMap, HeaderName, header};
use sfv::{ListSerializer, StringRef};

use super::fields::{Parameters, combined};

/// A request as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The method, in its own spelling.
    pub method: &'a str,
    /// The path as it was sent.
    pub path: &'a str,
    /// The query as it was sent, without its question mark; `None` if there was no question mark.
    pub query: Option<&'a str>,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// The body, as it was before any transfer or event encoding.
    pub body: &'a [u8],
}

impl Message<'_> {
    /// The value of a component without parameters, as in the base. `None` if the request has none of that
    /// name, or this verifier does not know it.
    ///
    /// A proxy's changes can only make a good signature fail, never make a bad one valid: `@authority` is the
    /// `Host` field, and the scheme is what `X-Forwarded-Proto` says, else `http`. `@status` belongs to
    /// answers, and `@query-param` has a parameter.
    pub(super) fn component(&self, name: &str) -> Option<String> {
        let query = self.query.unwrap_or_default();
        match name {
            "@method" => Some(self.method.to_owned()),
            "@path" if self.path.is_empty() => Some("/".to_owned()),
            "@path" => Some(self.path.to_owned()),
            "@query" => Some(format!("?{query}")),
            "@authority" => self.authority(),
            "@scheme" => Some(self.scheme()),
            "@request-target" => Some(self.target()),
            "@target-uri" => Some(format!("{}://{}{}", self.scheme(), self.authority()?, self.target())),
            _ => self.field(name),
        }
    }

    /// A field's value. Its name is in lower case (RFC 9421, 2.1), so that it has one spelling.
    fn field(&self, name: &str) -> Option<String> {
        let known = HeaderName::from_str(name).ok().filter(|known| known.as_str() == name)?;
        combined(self.headers, &known)
    }

    fn target(&self) -> String {
        match self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.to_owned(),
        }
    }

    fn scheme(&self) -> String {
        let told = combined(self.headers, &HeaderName::from_static("x-forwarded-proto"));
        told.unwrap_or_else(|| "http".to_owned()).to_ascii_lowercase()
    }

    /// The host in lower case, with its port unless that is the scheme's usual one (RFC 9421, 2.2.3).
    fn authority(&self) -> Option<String> {
        let host = combined(self.headers, &header::HOST)?.to_ascii_lowercase();
        let usual = if self.scheme() == "https" { ":443" } else { ":80" };
        Some(host.strip_suffix(usual).map_or(host.clone(), str::to_owned))
    }
}

/// The base of a signature over these components with these parameters; `None` if the message has no such
/// component.
pub(super) fn base(
    message: &Message<'_>,
    covered: &[&StringRef],
    parameters: &Parameters<'_>,
) -> Option<String> {
    let mut base = String::new();
    for name in covered {
        // A name that would need escapes is not a field's, so no escapes are written here.
        let value = message.component(name.as_str())?;
        base.push_str(&format!("\"{}\": {value}\n", name.as_str()));
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(&canonical(covered, parameters)?);
    Some(base)
}

/// The content of `Signature-Input`, in its one canonical spelling (RFC 9421, 2.3).
fn canonical(covered: &[&StringRef], parameters: &Parameters<'_>) -> Option<String> {
    let mut list = ListSerializer::new();
    let mut inner = list.inner_list();
    for name in covered {
        let _ = inner.bare_item(*name);
    }
    let mut written = inner.finish();
    for (name, value) in parameters {
        written = written.parameter(name, value);
    }
    let _ = written.finish();
    list.finish()
}
