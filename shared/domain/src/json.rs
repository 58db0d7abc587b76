//! JSON as a caller sent it: whole numbers stay whole, a repeated name is an error, and nothing is
//! ever read as a float.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use smol_str::SmolStr;

/// A text of a body. Names and most values are short, and need no allocation.
pub type Text = SmolStr;

/// A JSON value.
#[derive(Clone, PartialEq, Debug)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction or exponent, within 64 bits.
    Whole(i64),
    /// Any other number. Its value is dropped: no field takes one.
    NotWhole,
    /// A string.
    Text(Text),
    /// An array.
    List(Vec<Json>),
    /// An object, in the order sent.
    Object(Vec<(Text, Json)>),
}

impl Json {
    /// Reads JSON text (UTF-8, at most 128 levels deep, no name twice in an object).
    pub fn parse(bytes: &[u8]) -> Result<Json, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The member of that name, if this is an object that has it and it is not `null`.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(fields) => {
                let found = fields.iter().find(|(own, _)| own == name);
                found.map(|(_, value)| value).filter(|value| **value != Json::Null)
            }
            _ => None,
        }
    }

    /// The text, where this is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is a whole one.
    pub fn whole(&self) -> Option<i64> {
        match self {
            Json::Whole(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    pub fn bool(&self) -> Option<bool> {
        match self {
            Json::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The elements, if this is a list; else none.
    pub fn list(&self) -> &[Json] {
        match self {
            Json::List(elements) => elements,
            _ => &[],
        }
    }

    /// The members, if this is an object; else none.
    pub fn fields(&self) -> &[(Text, Json)] {
        match self {
            Json::Object(fields) => fields,
            _ => &[],
        }
    }

    /// Text of the member of that name.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Json::text)
    }

    /// Whole number of the member of that name.
    pub fn whole_of(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Json::whole)
    }

    /// Appends a canonical form, in which equal content has equal bytes: names sorted, lengths
    /// written, `skip` left out at the top.
    pub fn canonical(&self, out: &mut Vec<u8>, skip: &str) {
        let sized = |out: &mut Vec<u8>, tag: u8, length: usize| {
            out.push(tag);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        };
        match self {
            Json::Null => out.push(b'n'),
            Json::Bool(value) => out.push(if *value { b't' } else { b'f' }),
            Json::Whole(number) => {
                out.push(b'i');
                out.extend_from_slice(&number.to_be_bytes());
            }
            Json::NotWhole => out.push(b'?'),
            Json::Text(text) => {
                sized(out, b's', text.len());
                out.extend_from_slice(text.as_bytes());
            }
            Json::List(elements) => {
                sized(out, b'[', elements.len());
                elements.iter().for_each(|element| element.canonical(out, ""));
            }
            Json::Object(fields) => {
                let mut sorted: Vec<_> = fields.iter().filter(|(name, _)| name != skip).collect();
                sorted.sort_by(|left, right| left.0.cmp(&right.0));
                sized(out, b'{', sorted.len());
                for (name, value) in sorted {
                    sized(out, b's', name.len());
                    out.extend_from_slice(name.as_bytes());
                    value.canonical(out, "");
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

/// Reads the name of an object's member.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Text;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Text, E> {
        Ok(name.into())
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Whole(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
        Ok(i64::try_from(number).map_or(Json::NotWhole, Json::Whole))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::NotWhole)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Json::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields: Vec<(Text, Json)> = Vec::new();
        while let Some((name, value)) = map.next_entry_seed(Name, PhantomData)? {
            // Objects are small (a body holds 256 KiB); a wide one uses a set to find duplicates.
            if fields.len() < 32 && fields.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a name stands twice in one object"));
            }
            fields.push((name, value));
        }
        if fields.len() >= 32 {
            let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            if names.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(A::Error::custom("a name stands twice in one object"));
            }
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_refused_and_numbers_stay_whole() {
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        for bad in [&deep[..], b"", b"{", b"{\"a\":1,\"a\":1}", b"\"\xff\"", b"1 2", b"{\"a\":1,}", b"nul"] {
            assert!(Json::parse(bad).is_err());
        }
        // However wide an object is, no name occurs twice in it.
        for wide in [2, 31, 32, 33, 34, 100] {
            let object = |last: usize| {
                let names = (1..wide).chain([last]).map(|name| format!("\"{name}\":0"));
                format!("{{{}}}", names.collect::<Vec<_>>().join(","))
            };
            assert!(Json::parse(object(wide).as_bytes()).is_ok(), "{wide}");
            assert!(Json::parse(object(1).as_bytes()).is_err(), "{wide}");
            assert!(Json::parse(object(wide - 1).as_bytes()).is_err(), "{wide}");
        }
        assert_eq!(Json::parse(b"1e30").unwrap(), Json::NotWhole);
        assert_eq!(Json::parse(b"1.0").unwrap(), Json::NotWhole);
        assert_eq!(Json::parse(b"18446744073709551615").unwrap(), Json::NotWhole);
        assert_eq!(Json::parse(b"-5").unwrap(), Json::Whole(-5));
    }

    #[test]
    fn canonical_form_ignores_order_and_nothing_else() {
        let form = |text: &str| {
            let mut out = Vec::new();
            Json::parse(text.as_bytes()).unwrap().canonical(&mut out, "dry_run");
            out
        };
        assert_eq!(form(r#"{"a":1,"b":[2],"dry_run":true}"#), form(r#"{ "b":[2],"a":1}"#));
        assert_ne!(form(r#"{"a":"1"}"#), form(r#"{"a":1}"#));
        assert_ne!(form(r#"{"a":["b","c"]}"#), form(r#"{"a":["bc"]}"#));
        assert_ne!(form(r#"{"a":null}"#), form(r"{}"));
    }
}
