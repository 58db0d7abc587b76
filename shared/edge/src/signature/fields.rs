//! Dictionaries of HTTP (RFC 8941) as they were sent: every member and parameter in its place, so that
//! duplicates can be seen. By the standard the last one counts, so two readers of one message may understand
//! it differently; here duplicates are refused.

use std::convert::Infallible;

use http::{HeaderMap, HeaderName};
use sfv::{
    BareItemFromInput, KeyRef, Parser, Version,
    visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, ParameterVisitor},
};

/// An item without its parameters.
pub(super) type Bare<'de> = BareItemFromInput<'de>;

/// Parameters, in their order.
pub(super) type Parameters<'de> = Vec<(&'de KeyRef, Bare<'de>)>;

/// An item of a list, with its parameters.
pub(super) type Item<'de> = (Bare<'de>, Parameters<'de>);

/// A member of a dictionary.
#[derive(Debug)]
pub(super) struct Member<'de> {
    /// Its label.
    pub(super) label: &'de str,
    /// What it holds.
    pub(super) value: Value<'de>,
    /// Its parameters.
    pub(super) parameters: Parameters<'de>,
}

/// What a member of a dictionary holds.
#[derive(Debug)]
pub(super) enum Value<'de> {
    /// One item; a bare name means true.
    One(Bare<'de>),
    /// A list in brackets.
    List(Vec<Item<'de>>),
}

/// All lines of a field as one value: trimmed, with a comma and a space between them (RFC 9421, 2.1). `None`
/// if the field is missing or holds more than visible ASCII.
pub(super) fn combined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut lines = headers.get_all(name).iter().peekable();
    lines.peek()?;
    let text = lines.map(|line| line.to_str().ok().map(|line| line.trim_matches([' ', '\t'])));
    Some(text.collect::<Option<Vec<_>>>()?.join(", "))
}

/// The members of a dictionary; `None` if it is not one.
pub(super) fn dictionary(text: &str) -> Option<Vec<Member<'_>>> {
    let parser = Parser::new(text).with_version(Version::Rfc8941);
    parser.parse_dictionary_with_visitor(Members(Vec::new())).ok()
}

/// Whether no name occurs twice.
pub(super) fn differ<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let mut names: Vec<&str> = names.collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    names.len() == all
}

struct Members<'de>(Vec<Member<'de>>);

impl<'de> DictionaryVisitor<'de> for Members<'de> {
    type Out = Vec<Member<'de>>;
    type Error = Infallible;

    fn entry(&mut self, label: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        let value = Value::One(Bare::Boolean(true));
        self.0.push(Member { label: label.as_str(), value, parameters: Vec::new() });
        Ok(self.0.last_mut().map(Place))
    }

    fn finish(self) -> Result<Self::Out, Infallible> {
        Ok(self.0)
    }
}

/// Where to put a member's value.
struct Place<'m, 'de>(&'m mut Member<'de>);

impl<'de> EntryVisitor<'de> for Place<'_, 'de> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(List { items: Vec::new(), place: self })
    }
}

impl<'de> ItemVisitor<'de> for Place<'_, 'de> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(self, bare: Bare<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        self.0.value = Value::One(bare);
        Ok(Named(&mut self.0.parameters))
    }
}

struct List<'m, 'de> {
    items: Vec<Item<'de>>,
    place: Place<'m, 'de>,
}

impl<'de> InnerListVisitor<'de> for List<'_, 'de> {
    type Error = Infallible;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(Next(&mut self.items))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>, Infallible> {
        self.place.0.value = Value::List(self.items);
        Ok(Named(&mut self.place.0.parameters))
    }
}

/// The next item of a list.
struct Next<'m, 'de>(&'m mut Vec<Item<'de>>);

impl<'de> ItemVisitor<'de> for Next<'_, 'de> {
    type Out = Option<()>;
    type Error = Infallible;

    fn bare_item(self, bare: Bare<'de>) -> Result<impl ParameterVisitor<'de, Out = Option<()>>, Infallible> {
        self.0.push((bare, Vec::new()));
        Ok(self.0.last_mut().map(|(_, parameters)| Named(parameters)))
    }
}

/// Where parameters are put.
struct Named<'m, 'de>(&'m mut Parameters<'de>);

impl<'de> ParameterVisitor<'de> for Named<'_, 'de> {
    type Out = ();
    type Error = Infallible;

    fn parameter(&mut self, name: &'de KeyRef, value: Bare<'de>) -> Result<(), Infallible> {
        self.0.push((name, value));
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}
