use super::*;
use crate::{
    attribute::{Attribute, AttributeKind, AttributeRule},
    json::Json,
    number::Money,
    time::{DayNumber, Instant},
};

/// Of whom nothing is known.
struct Nobody;

impl Facts for Nobody {
    fn tier(&self) -> Result<Option<&TierId>, Wants> {
        Ok(None)
    }

    fn rank(&self, _: &TierId) -> Option<usize> {
        None
    }

    fn number(&self, _: Number) -> Result<Option<i64>, Wants> {
        Ok(None)
    }

    fn amount(&self, _: Amount) -> Result<Option<i64>, Wants> {
        Ok(None)
    }

    fn moment(&self, _: Moment) -> Result<Option<Instant>, Wants> {
        Ok(None)
    }

    fn days_since(&self, _: Instant) -> i64 {
        0
    }

    fn has(&self, _: Words, _: &str) -> Result<bool, Wants> {
        Ok(false)
    }

    fn word(&self, _: Word) -> Result<Option<&str>, Wants> {
        Ok(None)
    }

    fn birthday(&self) -> Result<Option<MonthDay>, Wants> {
        Ok(None)
    }

    fn flag(&self, _: &Flag) -> Result<Option<bool>, Wants> {
        Ok(None)
    }

    fn attribute(&self, _: &str) -> Result<Option<&Attribute>, Wants> {
        Ok(None)
    }

    fn days_back(&self, _: DayNumber) -> i64 {
        0
    }
}

/// For any source a missing fact behaves the same: for instance a member without a tier, which does not exist
/// today.
#[test]
fn of_nobody_nothing_holds_but_that_it_is_not_equal() {
    let of = |kind: &str| AttributeKind::of(kind, vec!["a".to_owned()]);
    let declared = |kind: &str| AttributeRule { id: kind.to_owned(), kind: of(kind), staff: false };
    let attributes = AttributeKind::WORDS.map(declared);
    let words = [r#""basic""#, r#"["basic"]"#];
    for (name, [one, several], ops) in [
        ("tier", words, "= != < <= > >= in"),
        ("growth", ["0", "[0, 0]"], "= != < <= > >= in between"),
        ("orders.amount", [r#""0""#, r#"["0", "0"]"#], "= != < <= > >= in between"),
        ("registered_at", [r#""2000-01-01T00:00:00Z""#; 2], "< <= > >="),
        ("registered_at", ["36500"; 2], "within_days before_days"),
        ("badges", words, "contains"),
        ("brand", words, "= != in"),
        ("birthday.month_day", [r#""06-15""#, r#"["06-15", "06-14"]"#], "= != in between"),
        ("consent.email", ["false"; 2], "= !="),
        ("attribute.choice", [r#""a""#, r#"["a"]"#], "= != in"),
        ("attribute.choices", [r#""a""#; 2], "contains"),
        ("attribute.number", ["0", r#"["-1.5", 0]"#], "= != < <= > >= in between"),
        (
            "attribute.date",
            [r#""2026-01-01""#, r#"["2000-01-01", "2026-01-01"]"#],
            "= != < <= > >= in between",
        ),
        ("attribute.date", ["36500"; 2], "within_days before_days"),
        ("attribute.flag", ["false"; 2], "= !="),
        ("attribute.gone", ["false"; 2], "= != < contains"),
    ] {
        for op in ops.split(' ') {
            let value = if matches!(op, "in" | "between") { several } else { one };
            let json = format!(r#"{{"fact": "{name}", "op": "{op}", "value": {value}}}"#);
            let json = Json::parse(json.as_bytes()).unwrap();
            let mut faults = Vec::new();
            let condition =
                Reader { amount: &|_| Some(Money(0)), attributes: &attributes, faults: &mut faults }
                    .read(&json, "");
            assert_eq!(condition.unwrap().holds(&Nobody), Ok(op == "!="), "{name} {op} {value}");
        }
    }
}
