//! Attributes 自定义资料: what a programme declares of a person beside name and birthday, and the values that persons
//! have (members.md, "Attributes").

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    json::Json,
    shape::Shape,
    time::{Day, DayNumber},
};

/// The most characters of a `text`.
pub const TEXT_MAX: usize = 2_000;

/// The most values of a `choices`.
pub const CHOICES_MAX: usize = 200;

/// The most bytes that a person's attributes may have together: their ids, and what they say.
pub const BYTES_MAX: usize = 32 * 1024;

/// The most attributes of a programme.
pub const ATTRIBUTES_MAX: usize = 50;

/// The digits of a `number` before the point and after it.
const WHOLE_DIGITS: usize = 13;
const DECIMALS: usize = 6;
const MILLION: i128 = 1_000_000;

/// Ids of the values that there are to choose from.
type Choices = Vec<String>;

/// An attribute, as a programme declares it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttributeRule {
    /// Its id.
    pub id: String,
    /// What its values are. It never becomes another, whatever the choices become.
    pub kind: AttributeKind,
    /// Whether staff alone set and see it.
    pub staff: bool,
}

/// What the values of an attribute are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AttributeKind {
    /// One of these.
    Choice(Choices),
    /// Some of these.
    Choices(Choices),
    /// A number with up to 6 digits after the point.
    Number,
    /// A local date.
    Date,
    /// Yes or no.
    Flag,
    /// Free text.
    Text,
}

impl AttributeKind {
    /// Every word of a kind.
    pub const WORDS: [&'static str; 6] = ["choice", "choices", "number", "date", "flag", "text"];

    /// The kind of that word.
    pub(crate) fn of(word: &str, choices: Choices) -> AttributeKind {
        match word {
            "choice" => AttributeKind::Choice(choices),
            "choices" => AttributeKind::Choices(choices),
            "number" => AttributeKind::Number,
            "date" => AttributeKind::Date,
            "flag" => AttributeKind::Flag,
            _ => AttributeKind::Text,
        }
    }

    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            AttributeKind::Choice(_) => "choice",
            AttributeKind::Choices(_) => "choices",
            AttributeKind::Number => "number",
            AttributeKind::Date => "date",
            AttributeKind::Flag => "flag",
            AttributeKind::Text => "text",
        }
    }
}

/// A value that a person has of an attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Attribute {
    /// One of the choices.
    Choice(String),
    /// Some of the choices, each once, in the programme's order.
    Choices(Vec<String>),
    /// In millionths.
    Number(i128),
    /// The day's number.
    Date(DayNumber),
    /// Yes or no.
    Flag(bool),
    /// Free text; it may have line breaks.
    Text(String),
}

/// Why a value is none of its attribute's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoValue {
    /// Stable.
    pub code: &'static str,
    /// What would be right.
    pub detail: String,
}

/// What a value looks like, whatever its attribute; [`AttributeRule::read`] checks the rest.
pub const SENT: Shape = Shape::Either(
    &Shape::Cell { max: TEXT_MAX },
    &Shape::Either(&Shape::List { of: &Shape::Text { max: 64 }, min: 0, max: CHOICES_MAX }, &Shape::Bool),
);

impl AttributeRule {
    /// The value that was sent.
    ///
    /// # Errors
    /// It is none of this attribute's.
    pub fn read(&self, sent: &Json) -> Result<Attribute, NoValue> {
        let wrong = |code, detail: String| NoValue { code, detail: format!("{}: {detail}", self.id) };
        let text = sent.text().unwrap_or_default();
        let chosen = |own: &Choices, word: &str| match own.iter().any(|own| own == word) {
            true => Ok(()),
            false => Err(wrong("unknown_value", format!("one of {}", own.join(", ")))),
        };
        match &self.kind {
            AttributeKind::Choice(own) => {
                let word =
                    sent.text().ok_or_else(|| wrong("wrong_type", "one of its values, as text".into()))?;
                chosen(own, word).map(|()| Attribute::Choice(word.to_owned()))
            }
            AttributeKind::Choices(own) => {
                let Json::List(words) = sent else {
                    return Err(wrong("wrong_type", "a list of its values".into()));
                };
                let words: Vec<&str> = words.iter().filter_map(Json::text).collect();
                words.iter().try_for_each(|word| chosen(own, word))?;
                let kept = own.iter().filter(|own| words.contains(&own.as_str()));
                Ok(Attribute::Choices(kept.cloned().collect()))
            }
            AttributeKind::Number => number(text).map(Attribute::Number).ok_or_else(|| {
                let detail =
                    "a decimal string such as \"12.5\", at most 13 digits before the point and 6 after it";
                wrong("wrong_format", detail.into())
            }),
            AttributeKind::Date => Day::parse(text)
                .map(|day| Attribute::Date(day.number()))
                .ok_or_else(|| wrong("wrong_format", "a date, YYYY-MM-DD".into())),
            AttributeKind::Flag => {
                sent.bool().map(Attribute::Flag).ok_or_else(|| wrong("wrong_type", "true or false".into()))
            }
            AttributeKind::Text => {
                let is_control = |one: char| one.is_control() && !matches!(one, '\n' | '\r' | '\t');
                match sent.text() {
                    None => Err(wrong("wrong_type", "a text".into())),
                    Some(text) if text.is_empty() || text.chars().count() > TEXT_MAX => {
                        Err(wrong("out_of_range", format!("1 to {TEXT_MAX} characters; null takes it away")))
                    }
                    Some(text) if text.chars().any(is_control) => {
                        Err(wrong("wrong_format", "text without control characters but line breaks".into()))
                    }
                    Some(text) => Ok(Attribute::Text(text.to_owned())),
                }
            }
        }
    }
}

/// A decimal string in millionths.
pub(crate) fn number(text: &str) -> Option<i128> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, WHOLE_DIGITS) || !digits(rest, DECIMALS) {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let rest: i128 = format!("{rest:0<DECIMALS$}").parse().ok()?;
    Some(sign * (whole * MILLION + rest))
}

/// Millionths as a decimal string, without zeros at its end.
fn show_number(millionths: i128) -> String {
    let sign = if millionths < 0 { "-" } else { "" };
    let (whole, rest) = (millionths.unsigned_abs() / 1_000_000, millionths.unsigned_abs() % 1_000_000);
    match rest {
        0 => format!("{sign}{whole}"),
        rest => format!("{sign}{whole}.{}", format!("{rest:06}").trim_end_matches('0')),
    }
}

impl Attribute {
    /// The word of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Attribute::Choice(_) => "choice",
            Attribute::Choices(_) => "choices",
            Attribute::Number(_) => "number",
            Attribute::Date(_) => "date",
            Attribute::Flag(_) => "flag",
            Attribute::Text(_) => "text",
        }
    }

    /// As it is shown, and could be sent.
    pub fn shown(&self) -> Value {
        match self {
            Attribute::Choice(word) => Value::from(word.as_str()),
            Attribute::Choices(words) => Value::from(words.clone()),
            Attribute::Number(millionths) => Value::from(show_number(*millionths)),
            Attribute::Date(number) => Value::from(Day::from_number(*number).show()),
            Attribute::Flag(flag) => Value::from(*flag),
            Attribute::Text(text) => Value::from(text.as_str()),
        }
    }

    /// As the cell of a table has it.
    pub fn cell(&self) -> String {
        match self {
            Attribute::Choices(words) => words.join(";"),
            Attribute::Flag(flag) => (if *flag { "yes" } else { "no" }).to_owned(),
            other => other.shown().as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Whether it is a choice of nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self, Attribute::Choices(words) if words.is_empty())
    }

    fn bytes(&self) -> usize {
        match self {
            Attribute::Choice(text) | Attribute::Text(text) => text.len(),
            Attribute::Choices(words) => words.iter().map(String::len).sum(),
            Attribute::Number(_) | Attribute::Date(_) | Attribute::Flag(_) => 16,
        }
    }
}

/// How many bytes a person's attributes have together.
pub fn bytes_of(attributes: &BTreeMap<String, Attribute>) -> usize {
    attributes.iter().map(|(id, value)| id.len() + value.bytes()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: &str) -> AttributeRule {
        let choices = ["tea", "chess"].map(str::to_owned).to_vec();
        AttributeRule { id: "a".into(), kind: AttributeKind::of(kind, choices), staff: false }
    }

    #[test]
    fn a_value_is_its_attributes_or_refused() {
        for (kind, sent, want) in [
            ("choice", r#""tea""#, r#""tea""#),
            ("choice", r#""go""#, "unknown_value"),
            ("choice", r#"["tea"]"#, "wrong_type"),
            ("choices", r#"["chess","tea","chess"]"#, r#"["tea","chess"]"#),
            ("choices", "[]", "[]"),
            ("choices", r#"["go"]"#, "unknown_value"),
            ("choices", r#""tea""#, "wrong_type"),
            ("number", r#""0012.500""#, r#""12.5""#),
            ("number", r#""-9999999999999.999999""#, r#""-9999999999999.999999""#),
            ("number", r#""-0""#, r#""0""#),
            ("number", r#""12345678901234""#, "wrong_format"),
            ("number", r#""1.1234567""#, "wrong_format"),
            ("number", r#""1.""#, "wrong_format"),
            ("number", r#"".5""#, "wrong_format"),
            ("number", r#""1e3""#, "wrong_format"),
            ("number", r#""+1""#, "wrong_format"),
            ("number", "true", "wrong_format"),
            ("date", r#""2026-02-28""#, r#""2026-02-28""#),
            ("date", r#""2026-02-30""#, "wrong_format"),
            ("flag", "false", "false"),
            ("flag", r#""false""#, "wrong_type"),
            ("text", r#""one\ntwo\t三""#, r#""one\ntwo\t三""#),
            ("text", r#""""#, "out_of_range"),
            ("text", r#""\u0007""#, "wrong_format"),
            ("text", "true", "wrong_type"),
        ] {
            let read = rule(kind).read(&Json::parse(sent.as_bytes()).unwrap());
            let got = match &read {
                Ok(value) => value.shown().to_string(),
                Err(wrong) => wrong.code.to_owned(),
            };
            assert_eq!(got, want, "{kind} {sent}");
            if let Ok(value) = read {
                assert_eq!(value.kind(), kind);
                let shown = Json::parse(value.shown().to_string().as_bytes()).unwrap();
                assert!(SENT.check(&shown).is_empty(), "{kind} {sent}");
                assert_eq!(rule(kind).read(&shown), Ok(value), "{kind} {sent}");
            }
        }
    }

    #[test]
    fn a_text_has_so_many_characters() {
        for (length, fits) in [(TEXT_MAX, true), (TEXT_MAX + 1, false)] {
            let text = Json::Text("字".repeat(length).as_str().into());
            assert_eq!(rule("text").read(&text).is_ok(), fits, "{length}");
        }
    }
}
