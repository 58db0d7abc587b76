//! Reading conditions when a programme is saved: every fault is told, and what has none cannot fail
//! later.

use super::{Condition, Fact, Moment, Number, Op, Operand, Word, Words};
use crate::{
    json::Json,
    number::Money,
    shape::Fault,
    time::{Day, Instant},
};

/// Depth and width a condition may have.
const DEPTH_MAX: usize = 8;
const BRANCHES_MAX: usize = 50;

fn fact_of(name: &str) -> Option<Fact> {
    Some(match name {
        "tier" => Fact::Tier,
        "growth" => Fact::Number(Number::Growth),
        "points.available" => Fact::Number(Number::PointsAvailable),
        "points.expiring_30d" => Fact::Number(Number::PointsExpiring30d),
        "orders.count" => Fact::Number(Number::OrdersCount),
        "orders.count_90d" => Fact::Number(Number::OrdersCount90d),
        "referrals.count" => Fact::Number(Number::ReferralsCount),
        "age" => Fact::Number(Number::Age),
        "orders.amount" => Fact::OrdersAmount,
        "orders.first_at" => Fact::Moment(Moment::OrdersFirstAt),
        "orders.last_at" => Fact::Moment(Moment::OrdersLastAt),
        "registered_at" => Fact::Moment(Moment::RegisteredAt),
        "categories" => Fact::Words(Words::Categories),
        "badges" => Fact::Words(Words::Badges),
        "tags" => Fact::Words(Words::Tags),
        "lifecycle" => Fact::Word(Word::Lifecycle),
        "gender" => Fact::Word(Word::Gender),
        "region.province" => Fact::Word(Word::Province),
        "region.city" => Fact::Word(Word::City),
        "region.district" => Fact::Word(Word::District),
        "channel" => Fact::Word(Word::Channel),
        "brand" => Fact::Word(Word::Brand),
        "birthday.month_day" => Fact::BirthdayMonthDay,
        _ => Fact::Consent(name.strip_prefix("consent.").filter(|rest| !rest.is_empty())?.to_owned()),
    })
}

fn op_of(name: &str) -> Option<Op> {
    Some(match name {
        "=" => Op::Equal,
        "!=" => Op::NotEqual,
        "<" => Op::Less,
        "<=" => Op::AtMost,
        ">" => Op::More,
        ">=" => Op::AtLeast,
        "in" => Op::In,
        "contains" => Op::Contains,
        "between" => Op::Between,
        "within_days" => Op::WithinDays,
        "before_days" => Op::BeforeDays,
        _ => return None,
    })
}

/// Reads conditions, collecting every fault.
pub struct Reader<'a> {
    /// How an amount is read: by the programme's currency.
    pub amount: &'a dyn Fn(&str) -> Option<Money>,
    /// Faults found so far.
    pub faults: &'a mut Vec<Fault>,
}

impl Reader<'_> {
    /// The condition at that place, unless it has faults.
    pub fn read(&mut self, json: &Json, at: &str) -> Option<Condition> {
        self.read_at(json, at, 0)
    }

    fn fault<T>(&mut self, at: String, code: &'static str, detail: impl Into<String>) -> Option<T> {
        self.faults.push(Fault::new(at, code, detail));
        None
    }

    fn read_at(&mut self, json: &Json, at: &str, depth: usize) -> Option<Condition> {
        if depth >= DEPTH_MAX {
            return self.fault(at.into(), "too_deep", format!("at most {DEPTH_MAX} levels"));
        }
        let names: Vec<&str> = json.fields().iter().map(|(name, _)| name.as_str()).collect();
        match names.as_slice() {
            [word @ ("all" | "any")] => {
                let at = format!("{at}/{word}");
                let branches = json.get(word).map_or(&[][..], Json::list);
                if branches.is_empty() || branches.len() > BRANCHES_MAX {
                    return self.fault(
                        at,
                        "wrong_count",
                        format!("a list of 1 to {BRANCHES_MAX} conditions"),
                    );
                }
                let read = branches.iter().enumerate();
                let read: Vec<_> =
                    read.map(|(i, json)| self.read_at(json, &format!("{at}/{i}"), depth + 1)).collect();
                let read = read.into_iter().collect::<Option<Vec<_>>>()?;
                Some(if *word == "all" { Condition::All(read) } else { Condition::Any(read) })
            }
            ["not"] => {
                let inner = self.read_at(json.get("not")?, &format!("{at}/not"), depth + 1)?;
                Some(Condition::Not(Box::new(inner)))
            }
            _ if names.len() == 3 && ["fact", "op", "value"].iter().all(|name| names.contains(name)) => {
                self.read_fact(json, at)
            }
            _ => self.fault(at.into(), "wrong_type", "one of all, any, not, or fact with op and value"),
        }
    }

    fn read_fact(&mut self, json: &Json, at: &str) -> Option<Condition> {
        let Some(fact) = json.text_of("fact").and_then(fact_of) else {
            return self.fault(format!("{at}/fact"), "unknown_fact", "no such fact");
        };
        let Some(op) = json.text_of("op").and_then(op_of) else {
            return self.fault(
                format!("{at}/op"),
                "unknown_op",
                "one of = != < <= > >= in contains between within_days before_days",
            );
        };
        if !allowed(&fact, op) {
            return self.fault(format!("{at}/op"), "wrong_op", "this fact does not compare that way");
        }
        let value = json.get("value").unwrap_or(&Json::Null);
        match self.operand(&fact, op, value) {
            Some(operand) => Some(Condition::Fact(fact, op, operand)),
            None => self.fault(format!("{at}/value"), "wrong_type", wanted(&fact, op)),
        }
    }

    fn operand(&self, fact: &Fact, op: Op, value: &Json) -> Option<Operand> {
        if matches!(op, Op::WithinDays | Op::BeforeDays) {
            let days = value.whole().filter(|days| (0..=36_500).contains(days));
            return days.map(Operand::Number);
        }
        let one_number = |value: &Json| match fact {
            Fact::OrdersAmount => {
                value.text().and_then(self.amount).and_then(|money| i64::try_from(money.0).ok())
            }
            Fact::Moment(_) => value.text().and_then(Instant::parse).map(|instant| instant.0),
            _ => value.whole(),
        };
        let one_word = |value: &Json| {
            let word = value.text()?;
            let good = *fact != Fact::BirthdayMonthDay || Day::parse(&format!("2024-{word}")).is_some();
            (good && !word.is_empty() && word.len() <= 256).then(|| word.to_owned())
        };
        let numeric = matches!(fact, Fact::Number(_) | Fact::OrdersAmount | Fact::Moment(_));
        let several = match op {
            Op::In => 1..=BRANCHES_MAX,
            Op::Between => 2..=2,
            _ if matches!(fact, Fact::Consent(_)) => return value.bool().map(Operand::Flag),
            _ if numeric => return one_number(value).map(Operand::Number),
            _ => return one_word(value).map(Operand::Word),
        };
        let list = value.list();
        if !several.contains(&list.len()) {
            return None;
        }
        if numeric {
            list.iter().map(one_number).collect::<Option<_>>().map(Operand::Numbers)
        } else {
            list.iter().map(one_word).collect::<Option<_>>().map(Operand::Words)
        }
    }
}

fn allowed(fact: &Fact, op: Op) -> bool {
    let equal = matches!(op, Op::Equal | Op::NotEqual);
    let ordered = matches!(op, Op::Less | Op::AtMost | Op::More | Op::AtLeast);
    match fact {
        Fact::Number(_) | Fact::OrdersAmount => equal || ordered || matches!(op, Op::In | Op::Between),
        Fact::Moment(_) => ordered || matches!(op, Op::Between | Op::WithinDays | Op::BeforeDays),
        Fact::Tier => equal || ordered || op == Op::In,
        Fact::Words(_) => op == Op::Contains,
        Fact::Word(_) => equal || op == Op::In,
        Fact::BirthdayMonthDay => equal || matches!(op, Op::In | Op::Between),
        Fact::Consent(_) => equal,
    }
}

fn wanted(fact: &Fact, op: Op) -> &'static str {
    match (fact, op) {
        (_, Op::WithinDays | Op::BeforeDays) => "a whole number of days",
        (_, Op::In) => "a list of 1 to 50 values of the fact's type",
        (_, Op::Between) => "a list of two values of the fact's type",
        (Fact::OrdersAmount, _) => "an amount as a decimal string",
        (Fact::Moment(_), _) => "an RFC 3339 instant",
        (Fact::Number(_), _) => "a whole number",
        (Fact::Consent(_), _) => "true or false",
        (Fact::BirthdayMonthDay, _) => "a day as MM-DD",
        _ => "a word",
    }
}
