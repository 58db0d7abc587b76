//! A small language for the shape of a document: one description checks what comes in (every fault at once,
//! each with its JSON pointer) and publishes its schema.

mod id;

use serde_json::{Map, Value, json};

use crate::{
    json::{Json, Text},
    number::{Quantity, Rate, SignedFigure},
    time::{Day, Instant, LocalMoment, Month, clock},
};

use id::{ID_CHARS_MAX, wrong_in_shop_id};
pub use id::{is_id, is_shop_id, is_ulid};

/// What is wrong with one place of a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// RFC 6901 pointer to the place.
    pub pointer: String,
    /// A stable word for the kind of fault.
    pub code: &'static str,
    /// What would be right, for people.
    pub detail: String,
}

impl Fault {
    /// A fault at that place.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Fault {
        Fault { pointer: pointer.into(), code, detail: detail.into() }
    }
}

/// The faults of a document's shape, and of what does not agree across it those that are about other places: the rest
/// may only follow from them.
pub(crate) fn beside(shape: Vec<Fault>, further: Vec<Fault>) -> Vec<Fault> {
    let about = |one: &str, other: &str| {
        one.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let known = |fault: &Fault| {
        shape.iter().any(|own| about(&own.pointer, &fault.pointer) || about(&fault.pointer, &own.pointer))
    };
    let further: Vec<Fault> = further.into_iter().filter(|fault| !known(fault)).collect();
    let mut all = [shape, further].concat();
    all.truncate(FAULTS_MAX);
    all
}

/// The most faults that are reported at once; further ones are left out.
pub const FAULTS_MAX: usize = 100;

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Free text of 1 to `max` characters without control characters.
    Text {
        /// Most characters.
        max: usize,
    },
    /// A text of any characters, of up to `max`: what somebody else wrote.
    Cell {
        /// Most characters.
        max: usize,
    },
    /// An id of a programme's: 1–64 of `[A-Za-z0-9._:-]`.
    Id,
    /// An id of a shop's: see [`is_shop_id`].
    ShopId,
    /// A member's, entry's … id: the prefix and a ULID.
    Ulid {
        /// With its underscore, for example `mbr_`.
        prefix: &'static str,
    },
    /// A whole number of that range.
    Whole {
        /// Least.
        min: i64,
        /// Most.
        max: i64,
    },
    /// `true` or `false`.
    Bool,
    /// An amount of money as a decimal string; the currency's digits are checked where it is known.
    Money,
    /// A quantity above 0: a whole number, or a decimal string with at most 3 digits after the point.
    Quantity,
    /// A rate as a decimal string, at most 6 digits before and 6 after the point.
    Rate,
    /// An RFC 3339 instant.
    Instant,
    /// A date, `YYYY-MM-DD`.
    Day,
    /// A month, `YYYY-MM`.
    Month,
    /// A moment of the programme's local calendar, `YYYY-MM-DDTHH:MM`.
    LocalMoment,
    /// A minute of a local day, `HH:MM`, from 00:00 to 24:00.
    Clock,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of that many.
    List {
        /// What each element is.
        of: &'static Shape,
        /// Fewest.
        min: usize,
        /// Most.
        max: usize,
    },
    /// An object with these fields and no others.
    Object(&'static [Field]),
    /// An object from ids or words of the operator's to one kind of value.
    Map {
        /// What each value is.
        of: &'static Shape,
        /// Most members.
        max: usize,
    },
    /// One word, or the other shape.
    WordOr(&'static str, &'static Shape),
    /// One of two shapes, which another check distinguishes.
    Either(&'static Shape, &'static Shape),
    /// That, or `null` (which means the same as leaving it out).
    OrNull(&'static Shape),
    /// A condition (rules, 9); its facts are checked by [`crate::condition`].
    Condition,
    /// A decimal string that may be below zero: money owed in either direction.
    Decimal,
    /// A place in a document, as RFC 6901 writes it: empty for the whole document, or steps with a slash
    /// before each.
    Pointer,
    /// That, published under a name of its own.
    Named(&'static str, &'static Shape),
}

/// A field of an object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it must be.
    pub shape: Shape,
    /// What it means, with units.
    pub doc: &'static str,
}

/// A field that must be there.
pub const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { name, required: true, shape, doc }
}

/// A field that may be left out.
pub const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { name, required: false, shape, doc }
}

/// A whole number from 0 to 2^53 − 1.
pub const COUNT: Shape = Shape::Whole { min: 0, max: SignedFigure::MAX };

/// The text as a refusal repeats it: quoted, and cut where it is long.
fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_MAX) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

/// Whether the text is a decimal number, with or without a sign and decimals.
fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    [whole, rest].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

impl Shape {
    /// Everything that is wrong with the document, up to [`FAULTS_MAX`].
    pub fn check(&self, document: &Json) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.check_at(document, &mut String::new(), &mut faults);
        faults
    }

    /// Whether it is the shape that a value of this type means, with faults or without.
    fn takes(&self, value: &Json) -> bool {
        !self.check(value).iter().any(|fault| fault.pointer.is_empty() && fault.code == "wrong_type")
    }

    fn check_at(&self, value: &Json, at: &mut String, faults: &mut Vec<Fault>) {
        if faults.len() >= FAULTS_MAX {
            return;
        }
        let mut fault = |code, detail: String| faults.push(Fault::new(at.clone(), code, detail));
        match (self, value) {
            (Shape::Condition, _) | (Shape::OrNull(_), Json::Null) => {}
            (Shape::OrNull(shape) | Shape::Named(_, shape), value) => shape.check_at(value, at, faults),
            (Shape::Either(_, other), value) if other.check(value).is_empty() => {}
            (Shape::Either(one, other), value) => {
                let meant = if one.takes(value) || !other.takes(value) { one } else { other };
                meant.check_at(value, at, faults);
            }
            (Shape::WordOr(word, _), Json::Text(text)) if text == word => {}
            (Shape::WordOr(_, shape), value) => shape.check_at(value, at, faults),
            (Shape::Bool, Json::Bool(_)) => {}
            (Shape::Whole { min, max }, Json::Whole(number)) => {
                if !(min..=max).contains(&number) {
                    fault("out_of_range", format!("from {min} to {max}"));
                }
            }
            (Shape::Quantity, Json::Whole(number)) => {
                if !(1..=SignedFigure::MAX).contains(number) {
                    fault("out_of_range", format!("{}, not {number}", self.wanted()));
                }
            }
            (Shape::List { of, min, max }, Json::List(elements)) => {
                if !(*min..=*max).contains(&elements.len()) {
                    fault("wrong_count", format!("{min} to {max} elements"));
                    return;
                }
                for (index, element) in elements.iter().enumerate() {
                    step(at, &index.to_string(), |at| of.check_at(element, at, faults));
                }
            }
            (Shape::Object(fields), Json::Object(given)) => check_fields(fields, given, at, faults),
            (Shape::Map { of, max }, Json::Object(given)) => {
                if given.len() > *max {
                    fault("wrong_count", format!("at most {max} members"));
                    return;
                }
                for (name, value) in given {
                    step(at, name, |at| {
                        if let Some((code, detail)) = NAME.fault_of_text(name) {
                            faults.push(Fault::new(&*at, code, detail));
                        }
                        of.check_at(value, at, faults);
                    });
                }
            }
            (shape, Json::Text(text)) => {
                if let Some((code, detail)) = shape.fault_of_text(text) {
                    fault(code, detail);
                }
            }
            (shape, _) => fault("wrong_type", shape.wanted()),
        }
    }

    fn fault_of_text(&self, text: &str) -> Option<(&'static str, String)> {
        let good = match self {
            Shape::Text { max } => {
                let length = text.chars().count();
                if length == 0 || length > *max {
                    return Some(("out_of_range", format!("1 to {max} characters")));
                }
                !text.chars().any(char::is_control)
            }
            Shape::Cell { max } => text.chars().count() <= *max,
            Shape::Id => is_id(text),
            Shape::ShopId => match wrong_in_shop_id(text) {
                Some(wrong) => {
                    let detail = format!("{} {wrong}; wanted: {}", quoted(text), self.wanted());
                    return Some(("wrong_format", detail));
                }
                None => true,
            },
            Shape::Ulid { prefix } => is_ulid(text, prefix),
            Shape::Money => text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'),
            Shape::Quantity => Quantity::parse(text).is_some_and(|quantity| quantity > Quantity::NONE),
            Shape::Rate => Rate::parse(text).is_some(),
            Shape::Decimal => is_decimal(text),
            Shape::Pointer => text.is_empty() || text.starts_with('/'),
            Shape::Instant => Instant::parse(text).is_some(),
            Shape::Day => Day::parse(text).is_some(),
            Shape::Month => Month::parse(text).is_some(),
            Shape::LocalMoment => LocalMoment::parse(text).is_some(),
            Shape::Clock => clock(text).is_some(),
            Shape::OneOf(words) => words.contains(&text),
            _ => return Some(("wrong_type", self.wanted())),
        };
        (!good).then(|| ("wrong_format", self.wanted_not(text)))
    }

    /// What is wanted in place of that text; the text too, where it is short and names nobody.
    fn wanted_not(&self, text: &str) -> String {
        match self {
            Shape::Id
            | Shape::Money
            | Shape::Quantity
            | Shape::Rate
            | Shape::Decimal
            | Shape::Instant
            | Shape::LocalMoment
            | Shape::Clock => {
                format!("{}, not {}", self.wanted(), quoted(text))
            }
            _ => self.wanted(),
        }
    }

    fn wanted(&self) -> String {
        match self {
            Shape::Text { .. } => "text without control characters".into(),
            Shape::Cell { max } => format!("a text of at most {max} characters"),
            Shape::Id => "1 to 64 of A-Z a-z 0-9 . _ : -".into(),
            Shape::ShopId => {
                "1 to 64 characters of NFC text, without control characters, and without blanks at its ends"
                    .into()
            }
            Shape::Ulid { prefix } => format!("{prefix} and 26 characters"),
            Shape::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Shape::Bool => "true or false".into(),
            Shape::Money => "an amount as a decimal string, such as \"88.50\"".into(),
            Shape::Quantity => {
                "a quantity above 0: a whole number, or a decimal string with at most 3 digits after the point, such as \"0.350\""
                    .into()
            }
            Shape::Rate => "a rate as a decimal string, at most 6 digits before and 6 after the point".into(),
            Shape::Decimal => "a decimal string, such as \"-88.50\"".into(),
            Shape::Pointer => "a JSON pointer, such as \"/lines/0\"".into(),
            Shape::Instant => "an RFC 3339 instant, such as \"2026-01-01T00:00:00+08:00\"".into(),
            Shape::Day => "a date, YYYY-MM-DD".into(),
            Shape::Month => "a month, YYYY-MM".into(),
            Shape::LocalMoment => "a local date and time, such as \"2026-12-01T20:00\"".into(),
            Shape::Clock => "a time of the day from 00:00 to 24:00, such as \"20:00\"".into(),
            Shape::OneOf(words) => format!("one of {}", words.join(", ")),
            Shape::List { .. } => "a list".into(),
            Shape::Object(_) | Shape::Map { .. } | Shape::Condition => "an object".into(),
            Shape::WordOr(word, shape) => format!("\"{word}\" or {}", shape.wanted()),
            Shape::Either(one, other) => format!("{} or {}", one.wanted(), other.wanted()),
            Shape::OrNull(shape) => format!("{} or null", shape.wanted()),
            Shape::Named(_, shape) => shape.wanted(),
        }
    }

    /// Collects the schemas of all named shapes in it, by name.
    ///
    /// # Panics
    /// Two different shapes have one name.
    pub fn name_schemas(&self, schemas: &mut Map<String, Value>) {
        match self {
            Shape::Named(name, shape) => {
                let schema = shape.schema();
                match schemas.get(*name) {
                    Some(known) => assert!(*known == schema, "two shapes are called {name}"),
                    None => {
                        schemas.insert((*name).to_owned(), schema);
                        shape.name_schemas(schemas);
                    }
                }
            }
            Shape::List { of: shape, .. } | Shape::Map { of: shape, .. } => shape.name_schemas(schemas),
            Shape::WordOr(_, shape) | Shape::OrNull(shape) => shape.name_schemas(schemas),
            Shape::Either(one, other) => {
                one.name_schemas(schemas);
                other.name_schemas(schemas);
            }
            Shape::Object(fields) => fields.iter().for_each(|field| field.shape.name_schemas(schemas)),
            Shape::Text { .. }
            | Shape::Cell { .. }
            | Shape::Id
            | Shape::ShopId
            | Shape::Ulid { .. }
            | Shape::Whole { .. }
            | Shape::Bool
            | Shape::Money
            | Shape::Quantity
            | Shape::Rate
            | Shape::Decimal
            | Shape::Pointer
            | Shape::Instant
            | Shape::Day
            | Shape::Month
            | Shape::LocalMoment
            | Shape::Clock
            | Shape::OneOf(_) => {}
            Shape::Condition => {
                schemas.insert(CONDITION.to_owned(), crate::condition::schema());
            }
        }
    }

    /// The shape as JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it).
    pub fn schema(&self) -> Value {
        match self {
            Shape::Text { max } => json!({"type": "string", "minLength": 1, "maxLength": max}),
            Shape::Cell { max } => json!({"type": "string", "maxLength": max}),
            Shape::Id => json!({"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"}),
            Shape::ShopId => json!({
                "type": "string", "minLength": 1, "maxLength": ID_CHARS_MAX,
                "pattern": "^[^\\s\\x00-\\x1f\\x7f-\\x9f]([^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f])?$",
            }),
            Shape::Ulid { prefix } => {
                json!({"type": "string", "pattern": format!("^{prefix}[0-7][0-9A-HJKMNP-TV-Z]{{25}}$")})
            }
            Shape::Whole { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
            Shape::Bool => json!({"type": "boolean"}),
            Shape::Money => json!({"type": "string", "pattern": "^[0-9]{1,13}(\\.[0-9]+)?$"}),
            Shape::Quantity => json!({"anyOf": [
                {"type": "integer", "minimum": 1, "maximum": SignedFigure::MAX},
                {"type": "string", "pattern": "^[0-9]{1,16}(\\.[0-9]{1,3})?$"},
            ]}),
            Shape::Rate => json!({"type": "string", "pattern": "^[0-9]{1,6}(\\.[0-9]{1,6})?$"}),
            Shape::Decimal => json!({"type": "string", "pattern": "^-?[0-9]{1,39}(\\.[0-9]+)?$"}),
            Shape::Pointer => json!({"type": "string", "pattern": "^(/|$)"}),
            Shape::Instant => json!({"type": "string", "format": "date-time"}),
            Shape::Day => json!({"type": "string", "format": "date"}),
            Shape::Month => json!({"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"}),
            Shape::LocalMoment => {
                json!({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]$"})
            }
            Shape::Clock => json!({"type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"}),
            Shape::OneOf(words) => json!({"type": "string", "enum": words}),
            Shape::List { of, min, max } => {
                json!({"type": "array", "items": of.schema(), "minItems": min, "maxItems": max})
            }
            Shape::Object(fields) => object_schema(fields),
            Shape::Map { of, max } => {
                let (values, names) = (of.schema(), NAME.schema());
                json!({"type": "object", "additionalProperties": values, "propertyNames": names, "maxProperties": max})
            }
            Shape::WordOr(word, shape) => json!({"oneOf": [{"const": word}, shape.schema()]}),
            Shape::Either(one, other) => json!({"anyOf": [one.schema(), other.schema()]}),
            Shape::OrNull(shape) => json!({"oneOf": [shape.schema(), {"type": "null"}]}),
            Shape::Named(name, _) => reference(name),
            Shape::Condition => reference(CONDITION),
        }
    }
}

/// The name under which conditions are published.
const CONDITION: &str = "Condition";

/// What is published under that name.
fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn object_schema(fields: &[Field]) -> Value {
    let mut properties = Map::new();
    for field in fields {
        let mut schema = field.shape.schema();
        if let (Value::Object(schema), false) = (&mut schema, field.doc.is_empty()) {
            schema.insert("description".into(), field.doc.into());
        }
        properties.insert(field.name.into(), schema);
    }
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn check_fields(fields: &[Field], given: &[(Text, Json)], at: &mut String, faults: &mut Vec<Fault>) {
    for (name, value) in given {
        match fields.iter().find(|field| field.name == name) {
            // An optional field that is null is a field left out.
            Some(field) if !field.required && *value == Json::Null => {}
            Some(field) => step(at, name, |at| field.shape.check_at(value, at, faults)),
            None => step(at, name, |at| {
                faults.push(Fault::new(at.clone(), "unknown_field", "no such field here"));
            }),
        }
    }
    for field in fields.iter().filter(|field| field.required) {
        if !given.iter().any(|(name, _)| name == field.name) {
            step(at, field.name, |at| faults.push(Fault::new(at.clone(), "required", field.shape.wanted())));
        }
    }
    faults.truncate(FAULTS_MAX);
}

/// The shape of a map's names.
const NAME: Shape = Shape::Text { max: 64 };

/// Runs `inside` with the pointer one step further in (RFC 6901 escapes `~` and `/`).
fn step(at: &mut String, name: &str, inside: impl FnOnce(&mut String)) {
    let length = at.len();
    at.push('/');
    at.extend(name.chars().take(64).flat_map(|letter| {
        let escaped: &[char] = match letter {
            '~' => &['~', '0'],
            '/' => &['~', '1'],
            _ => return vec![letter],
        };
        escaped.to_vec()
    }));
    inside(at);
    at.truncate(length);
}

#[cfg(test)]
mod tests;
