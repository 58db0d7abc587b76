//! Reading conditions when a programme is saved: every fault is reported, and a condition without faults
//! cannot fail later.

use serde_json::{Value, json};

use super::{
    Amount, AttributeTest, Condition, Flag, InYear, Moment, MonthDay, Number, OnDay, Order, Pair, Quantity,
    Rank, Region, Same, Truth, When, Word, Words,
};
use crate::{
    attribute::{AttributeKind, AttributeRule, number},
    id::TierId,
    json::Json,
    number::Money,
    shape::{Fault, is_id},
    time::{Day, DayNumber, Instant},
};

/// Depth and width a condition may have.
const DEPTH_MAX: usize = 8;
const BRANCHES_MAX: usize = 50;

/// What a condition may name.
#[derive(Clone)]
enum Fact {
    Tier,
    Number(Number),
    Amount(Amount),
    Moment(Moment),
    Words(Words),
    Word(Word),
    Birthday,
    Flag(Flag),
    Attribute(String),
}

/// Every fact by its name, except consents, which are by channel, and attributes, which are the programme's.
const FACTS: &[(&str, Fact)] = &[
    ("tier", Fact::Tier),
    ("growth", Fact::Number(Number::Growth)),
    ("period_growth", Fact::Number(Number::PeriodGrowth)),
    ("points.available", Fact::Number(Number::PointsAvailable)),
    ("points.expiring_30d", Fact::Number(Number::PointsExpiring { days: 30 })),
    ("orders.count", Fact::Number(Number::OrdersCount)),
    ("orders.count_90d", Fact::Number(Number::OrdersCountLast { days: 90 })),
    ("referrals.count", Fact::Number(Number::ReferralsCount)),
    ("age", Fact::Number(Number::Age)),
    ("orders.amount", Fact::Amount(Amount::OrdersAmount)),
    ("orders.first_at", Fact::Moment(Moment::OrdersFirstAt)),
    ("orders.last_at", Fact::Moment(Moment::OrdersLastAt)),
    ("registered_at", Fact::Moment(Moment::RegisteredAt)),
    ("categories", Fact::Words(Words::Categories)),
    ("badges", Fact::Words(Words::Badges)),
    ("tags", Fact::Words(Words::Tags)),
    ("lifecycle", Fact::Word(Word::Lifecycle)),
    ("gender", Fact::Word(Word::Gender)),
    ("region.province", Fact::Word(Word::Region(Region::Province))),
    ("region.city", Fact::Word(Word::Region(Region::City))),
    ("region.district", Fact::Word(Word::Region(Region::District))),
    ("region.area", Fact::Word(Word::Region(Region::Area))),
    ("channel", Fact::Word(Word::Channel)),
    ("brand", Fact::Word(Word::Brand)),
    ("birthday.month_day", Fact::Birthday),
];

/// The prefix of a consent fact's name; the channel follows.
const CONSENT: &str = "consent.";

/// The prefix of the name of an attribute's fact; its id follows.
const ATTRIBUTE: &str = "attribute.";

fn fact_of(name: &str) -> Option<Fact> {
    let known = FACTS.iter().find(|(own, _)| *own == name).map(|(_, fact)| fact.clone());
    let consent = || name.strip_prefix(CONSENT).filter(|channel| !channel.is_empty());
    let attribute = || name.strip_prefix(ATTRIBUTE).filter(|id| is_id(id));
    known
        .or_else(|| consent().map(|channel| Fact::Flag(Flag::Consent(channel.to_owned()))))
        .or_else(|| attribute().map(|id| Fact::Attribute(id.to_owned())))
}

/// The comparisons' words.
#[derive(Clone, Copy)]
enum Op {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
    In,
    Contains,
    Between,
    WithinDays,
    BeforeDays,
}

/// Every comparison by its word.
const OPS: &[(&str, Op)] = &[
    ("=", Op::Equal),
    ("!=", Op::NotEqual),
    ("<", Op::Less),
    ("<=", Op::AtMost),
    (">", Op::More),
    (">=", Op::AtLeast),
    ("in", Op::In),
    ("contains", Op::Contains),
    ("between", Op::Between),
    ("within_days", Op::WithinDays),
    ("before_days", Op::BeforeDays),
];

fn op_of(name: &str) -> Option<Op> {
    OPS.iter().find(|(own, _)| *own == name).map(|(_, op)| *op)
}

/// What a condition looks like, as JSON Schema. A schema does not say which facts compare how, and with what:
/// [`Reader`] checks that.
pub fn schema() -> Value {
    let names = |table: &mut dyn Iterator<Item = &'static str>| table.map(Value::from).collect::<Vec<_>>();
    let own = json!({"$ref": "#/components/schemas/Condition"});
    let branches = json!({"type": "array", "items": own, "minItems": 1, "maxItems": BRANCHES_MAX});
    let one = |name: &str, schema: &Value| json!({"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": false});
    let (facts, ops) =
        (names(&mut FACTS.iter().map(|(name, _)| *name)), names(&mut OPS.iter().map(|(name, _)| *name)));
    let consent = format!("^{}.+$", CONSENT.replace('.', "\\."));
    let attribute = format!("^{}[A-Za-z0-9._:-]{{1,64}}$", ATTRIBUTE.replace('.', "\\."));
    let several = json!({"type": "array", "items": {"type": ["integer", "string"]}, "minItems": 1, "maxItems": BRANCHES_MAX});
    let compared = json!({
        "type": "object",
        "properties": {
            "fact": {"anyOf": [{"type": "string", "enum": facts}, {"type": "string", "pattern": consent},
                               {"type": "string", "pattern": attribute}]},
            "op": {"type": "string", "enum": ops},
            "value": {"anyOf": [{"type": ["boolean", "integer", "string"]}, several]},
        },
        "required": ["fact", "op", "value"],
        "additionalProperties": false,
    });
    json!({
        "description": format!("what must hold of a member, at most {DEPTH_MAX} levels deep, and 200 nodes in all"),
        "oneOf": [one("all", &branches), one("any", &branches), one("not", &own), compared],
    })
}

/// Why a fact, a comparison and a value do not form a pair.
enum Wrong {
    /// The fact does not compare that way.
    Op,
    /// The value has another type; this one is expected.
    Value(&'static str),
}

/// How a value of a type is read, and the fault if it has another type.
struct Type<'a, T> {
    read: &'a dyn Fn(&Json) -> Option<T>,
    wanted: &'static str,
}

/// A comparison as it was written.
#[derive(Clone, Copy)]
struct Said<'a> {
    op: Op,
    value: &'a Json,
}

impl Said<'_> {
    fn one<T>(self, of: &Type<'_, T>) -> Result<T, Wrong> {
        (of.read)(self.value).ok_or(Wrong::Value(of.wanted))
    }

    fn several<T>(self, of: &Type<'_, T>) -> Result<Vec<T>, Wrong> {
        let list = Some(self.value.list()).filter(|list| (1..=BRANCHES_MAX).contains(&list.len()));
        let values = list.and_then(|list| list.iter().map(of.read).collect());
        values.ok_or(Wrong::Value("a list of 1 to 50 values of the fact's type"))
    }

    fn two<T>(self, of: &Type<'_, T>) -> Result<(T, T), Wrong> {
        let values = match self.value.list() {
            [from, to] => (of.read)(from).zip((of.read)(to)),
            _ => None,
        };
        values.ok_or(Wrong::Value("a list of two values of the fact's type"))
    }

    fn days(self) -> Result<i64, Wrong> {
        let days = self.value.whole().filter(|days| (0..=36_500).contains(days));
        days.ok_or(Wrong::Value("a whole number of days"))
    }

    fn same<T>(self, of: &Type<'_, T>) -> Result<Same<T>, Wrong> {
        Ok(match self.op {
            Op::Equal => Same::Equal(self.one(of)?),
            Op::NotEqual => Same::NotEqual(self.one(of)?),
            Op::In => Same::In(self.several(of)?),
            _ => return Err(Wrong::Op),
        })
    }

    fn order<T>(self, of: &Type<'_, T>) -> Result<Order<T>, Wrong> {
        Ok(match self.op {
            Op::Less => Order::Less(self.one(of)?),
            Op::AtMost => Order::AtMost(self.one(of)?),
            Op::More => Order::More(self.one(of)?),
            Op::AtLeast => Order::AtLeast(self.one(of)?),
            _ => return Err(Wrong::Op),
        })
    }

    fn is_equal(self) -> bool {
        matches!(self.op, Op::Equal | Op::NotEqual | Op::In)
    }

    fn quantity<T>(self, of: &Type<'_, T>) -> Result<Quantity<T>, Wrong> {
        Ok(match self.op {
            Op::Between => self.two(of).map(|(from, to)| Quantity::Between(from, to))?,
            _ if self.is_equal() => Quantity::Same(self.same(of)?),
            _ => Quantity::Order(self.order(of)?),
        })
    }

    fn rank(self, of: &Type<'_, TierId>) -> Result<Rank, Wrong> {
        Ok(match self.is_equal() {
            true => Rank::Same(self.same(of)?),
            false => Rank::Order(self.order(of)?),
        })
    }

    fn when(self, of: &Type<'_, Instant>) -> Result<When, Wrong> {
        Ok(match self.op {
            Op::Between => self.two(of).map(|(from, to)| When::Between(from, to))?,
            Op::WithinDays => When::WithinDays(self.days()?),
            Op::BeforeDays => When::BeforeDays(self.days()?),
            _ => When::Order(self.order(of)?),
        })
    }

    fn on_day(self, of: &Type<'_, DayNumber>) -> Result<OnDay, Wrong> {
        Ok(match self.op {
            Op::WithinDays => OnDay::WithinDays(self.days()?),
            Op::BeforeDays => OnDay::BeforeDays(self.days()?),
            _ => OnDay::Quantity(self.quantity(of)?),
        })
    }

    fn in_year(self, of: &Type<'_, MonthDay>) -> Result<InYear, Wrong> {
        Ok(match self.op {
            Op::Between => self.two(of).map(|(from, to)| InYear::Between(from, to))?,
            _ => InYear::Same(self.same(of)?),
        })
    }

    fn truth(self, of: &Type<'_, bool>) -> Result<Truth, Wrong> {
        Ok(match self.op {
            Op::Equal => Truth::Is(self.one(of)?),
            Op::NotEqual => Truth::IsNot(self.one(of)?),
            _ => return Err(Wrong::Op),
        })
    }

    fn contained<T>(self, of: &Type<'_, T>) -> Result<T, Wrong> {
        match self.op {
            Op::Contains => self.one(of),
            _ => Err(Wrong::Op),
        }
    }
}

fn word(json: &Json) -> Option<String> {
    json.text().filter(|word| !word.is_empty() && word.len() <= 256).map(str::to_owned)
}

/// Reads conditions, collecting every fault.
pub struct Reader<'a> {
    /// How an amount is read: by the programme's currency.
    pub amount: &'a dyn Fn(&str) -> Option<Money>,
    /// The programme's attributes, which are facts too.
    pub attributes: &'a [AttributeRule],
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
        match self.pair(fact, Said { op, value: json.get("value").unwrap_or(&Json::Null) }) {
            Ok(pair) => Some(Condition::Holds(pair)),
            Err(Wrong::Op) => {
                self.fault(format!("{at}/op"), "wrong_op", "this fact does not compare that way")
            }
            Err(Wrong::Value(wanted)) => self.fault(format!("{at}/value"), "wrong_type", wanted),
        }
    }

    fn pair(&self, fact: Fact, said: Said<'_>) -> Result<Pair, Wrong> {
        let whole = Type { read: &Json::whole, wanted: "a whole number" };
        let amount = |json: &Json| {
            let money = json.text().and_then(self.amount)?;
            i64::try_from(money.0).ok()
        };
        let amount = Type { read: &amount, wanted: "an amount as a decimal string" };
        let instant =
            Type { read: &|json| json.text().and_then(Instant::parse), wanted: "an RFC 3339 instant" };
        let day = Type { read: &|json| json.text().and_then(MonthDay::parse), wanted: "a day as MM-DD" };
        let flag = Type { read: &Json::bool, wanted: "true or false" };
        // An unknown tier is reported with everything else that the condition names.
        let tier = |json: &Json| word(json).map(|word| TierId::of_checked(&word));
        let tier = Type { read: &tier, wanted: "a word" };
        let word = Type { read: &word, wanted: "a word" };
        Ok(match fact {
            Fact::Tier => Pair::Tier(said.rank(&tier)?),
            Fact::Number(fact) => Pair::Number(fact, said.quantity(&whole)?),
            Fact::Amount(fact) => Pair::Amount(fact, said.quantity(&amount)?),
            Fact::Moment(fact) => Pair::Moment(fact, said.when(&instant)?),
            Fact::Words(fact) => Pair::Words(fact, said.contained(&word)?),
            Fact::Word(fact) => Pair::Word(fact, said.same(&word)?),
            Fact::Birthday => Pair::Birthday(said.in_year(&day)?),
            Fact::Flag(fact) => Pair::Flag(fact, said.truth(&flag)?),
            Fact::Attribute(id) => {
                let test = self.attribute(&id, said)?;
                Pair::Attribute(id, test)
            }
        })
    }

    fn attribute(&self, id: &str, said: Said<'_>) -> Result<AttributeTest, Wrong> {
        // Everybody lacks one that the programme does not have; whether it ever had one is asked where it is saved.
        let Some(rule) = self.attributes.iter().find(|rule| rule.id == id) else {
            return Ok(AttributeTest::Gone(matches!(said.op, Op::NotEqual)));
        };
        let decimal = |json: &Json| match json.whole() {
            Some(whole) => number(&whole.to_string()),
            None => json.text().and_then(number),
        };
        let decimal = Type { read: &decimal, wanted: "a number, or a decimal string such as \"12.5\"" };
        let day = |json: &Json| json.text().and_then(Day::parse).map(Day::number);
        let day = Type { read: &day, wanted: "a date, YYYY-MM-DD" };
        let flag = Type { read: &Json::bool, wanted: "true or false" };
        Ok(match &rule.kind {
            AttributeKind::Choice(own) => AttributeTest::Choice(said.same(&Type {
                read: &|json| word(json).filter(|word| own.contains(word)),
                wanted: "one of the attribute's values",
            })?),
            AttributeKind::Choices(own) => AttributeTest::Choices(said.contained(&Type {
                read: &|json| word(json).filter(|word| own.contains(word)),
                wanted: "one of the attribute's values",
            })?),
            AttributeKind::Number => AttributeTest::Number(said.quantity(&decimal)?),
            AttributeKind::Date => AttributeTest::Date(said.on_day(&day)?),
            AttributeKind::Flag => AttributeTest::Flag(said.truth(&flag)?),
            // It is no fact.
            AttributeKind::Text => return Err(Wrong::Op),
        })
    }
}
