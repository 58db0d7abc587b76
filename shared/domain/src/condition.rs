//! The condition language (rules, 9): one small language for badges, tags, tiers and audiences.
//!
//! A condition is read once, when the programme is saved; an unknown fact or a value of the wrong
//! type is refused there. Evaluating it cannot fail; it may only ask for more to look at.

mod read;

use crate::{
    event::{Event, History},
    member::{Member, Person},
    number::signed,
    programme::Programme,
    time::{Day, Instant},
};

pub use read::Reader;

/// A condition on a member.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    /// All of these hold.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A fact compares with a value.
    Fact(Fact, Op, Operand),
}

/// What can be asked of a member.
#[derive(Clone, PartialEq, Debug)]
pub enum Fact {
    /// The real tier (a trial does not count); ordered by the ladder.
    Tier,
    /// A whole number.
    Number(Number),
    /// `orders.amount`
    OrdersAmount,
    /// A moment.
    Moment(Moment),
    /// A set of words.
    Words(Words),
    /// One word.
    Word(Word),
    /// `birthday.month_day`, as `MM-DD`
    BirthdayMonthDay,
    /// `consent.<channel>`
    Consent(String),
}

/// Facts that are whole numbers.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)] // named as on the wire
pub enum Number {
    Growth,
    PointsAvailable,
    PointsExpiring30d,
    OrdersCount,
    OrdersCount90d,
    ReferralsCount,
    Age,
}

/// Facts that are moments.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Moment {
    OrdersFirstAt,
    OrdersLastAt,
    RegisteredAt,
}

/// Facts that are sets of words.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Words {
    Categories,
    Badges,
    Tags,
}

/// Facts that are one word.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Word {
    Lifecycle,
    Gender,
    Province,
    City,
    District,
    Channel,
    Brand,
}

/// How a fact compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Op {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
    In,
    Contains,
    Between,
    /// The moment's local date lies fewer than so many days back.
    WithinDays,
    /// The moment's local date lies so many days back or more.
    BeforeDays,
}

/// What a fact compares with.
#[derive(Clone, PartialEq, Debug)]
pub enum Operand {
    /// A number, an amount in minor units, a moment in milliseconds, a count of days.
    Number(i64),
    /// Several; two for `between`.
    Numbers(Vec<i64>),
    /// A word.
    Word(String),
    /// Several; two for `between`.
    Words(Vec<String>),
    /// A truth value.
    Flag(bool),
}

/// What evaluating needs and was not given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wants {
    /// The member's entries that were recorded at or after that moment.
    History(Instant),
    /// The person behind the member.
    Person,
}

/// The member that conditions are asked of.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its standing, settled to `now`.
    pub member: &'a Member,
    /// Who it is, if known here.
    pub person: Option<&'a Person>,
    /// Its entries, as far as known here.
    pub history: Option<&'a History>,
    /// Entries that are being recorded and are not in the history.
    pub recent: &'a [Event],
    /// The programme in force.
    pub programme: &'a Programme,
    /// The moment.
    pub now: Instant,
}

impl Condition {
    /// Whether it holds. A fact that is not there (no order yet, no birthday known) makes every
    /// comparison false but `!=`.
    pub fn holds(&self, subject: &Subject<'_>) -> Result<bool, Wants> {
        match self {
            Condition::All(branches) => settled_by(false, branches, subject),
            Condition::Any(branches) => settled_by(true, branches, subject),
            Condition::Not(inner) => Ok(!inner.holds(subject)?),
            Condition::Fact(fact, op, operand) => subject.compare(fact, *op, operand),
        }
    }

    /// Whether it can never become false once it holds: no `not`, and only facts that never fall.
    pub fn never_falls(&self) -> bool {
        match self {
            Condition::All(branches) | Condition::Any(branches) => {
                branches.iter().all(Condition::never_falls)
            }
            Condition::Not(_) => false,
            Condition::Fact(Fact::Number(Number::ReferralsCount), op, _) => {
                matches!(op, Op::AtLeast | Op::More)
            }
            Condition::Fact(Fact::Words(Words::Badges), Op::Contains, _) => true,
            Condition::Fact(Fact::Moment(Moment::RegisteredAt), Op::BeforeDays, _) => true,
            Condition::Fact(..) => false,
        }
    }

    /// Ids of the tiers (or badges) it names, to be checked against the programme.
    pub fn names(&self, wanted: &Fact) -> Vec<&str> {
        match self {
            Condition::All(branches) | Condition::Any(branches) => {
                branches.iter().flat_map(|branch| branch.names(wanted)).collect()
            }
            Condition::Not(inner) => inner.names(wanted),
            Condition::Fact(fact, _, Operand::Word(word)) if fact == wanted => vec![word],
            Condition::Fact(fact, _, Operand::Words(words)) if fact == wanted => {
                words.iter().map(String::as_str).collect()
            }
            Condition::Fact(..) => Vec::new(),
        }
    }
}

/// One branch of that value settles it, whatever else would have to be looked up for the others.
fn settled_by(value: bool, branches: &[Condition], subject: &Subject<'_>) -> Result<bool, Wants> {
    let mut wants = None;
    for branch in branches {
        match branch.holds(subject) {
            Ok(found) if found == value => return Ok(value),
            Ok(_) => {}
            Err(wanted) => wants = wants.or(Some(wanted)),
        }
    }
    wants.map_or(Ok(!value), Err)
}

fn compare_numbers(own: i64, op: Op, operand: &Operand) -> bool {
    match (op, operand) {
        (Op::Equal, Operand::Number(value)) => own == *value,
        (Op::NotEqual, Operand::Number(value)) => own != *value,
        (Op::Less, Operand::Number(value)) => own < *value,
        (Op::AtMost, Operand::Number(value)) => own <= *value,
        (Op::More, Operand::Number(value)) => own > *value,
        (Op::AtLeast, Operand::Number(value)) => own >= *value,
        (Op::In, Operand::Numbers(values)) => values.contains(&own),
        (Op::Between, Operand::Numbers(values)) => values[0] <= own && own <= values[1],
        _ => false,
    }
}

fn compare_words(own: &str, op: Op, operand: &Operand) -> bool {
    match (op, operand) {
        (Op::Equal, Operand::Word(value)) => own == value,
        (Op::NotEqual, Operand::Word(value)) => own != value,
        (Op::In, Operand::Words(values)) => values.iter().any(|value| value == own),
        // Days of the year: from 20 December to 10 January runs over the year's end.
        (Op::Between, Operand::Words(values)) if values[0] <= values[1] => {
            *values[0] <= *own && *own <= *values[1]
        }
        (Op::Between, Operand::Words(values)) => *own >= *values[0] || *own <= *values[1],
        _ => false,
    }
}

impl<'a> Subject<'a> {
    fn compare(&self, fact: &Fact, op: Op, operand: &Operand) -> Result<bool, Wants> {
        let missing = op == Op::NotEqual;
        Ok(match fact {
            Fact::Number(number) => {
                self.number(*number)?.map_or(missing, |own| compare_numbers(own, op, operand))
            }
            Fact::OrdersAmount => compare_numbers(signed(self.member.orders.amount.0), op, operand),
            Fact::Moment(moment) => {
                self.moment(*moment).is_some_and(|own| self.compare_moment(own, op, operand))
            }
            Fact::Tier => self.compare_tier(op, operand),
            Fact::Words(words) => match operand {
                Operand::Word(word) => self.has_word(*words, word)?,
                _ => false,
            },
            Fact::Word(word) => self.word(*word)?.map_or(missing, |own| compare_words(own, op, operand)),
            Fact::BirthdayMonthDay => {
                let own = self.person()?.birthday.as_deref().and_then(|birthday| birthday.get(5..));
                own.map_or(missing, |own| compare_words(own, op, operand))
            }
            Fact::Consent(channel) => match (self.person()?.consents.get(channel), operand) {
                (Some(own), Operand::Flag(value)) => (own == value) == (op == Op::Equal),
                _ => missing,
            },
        })
    }

    fn person(&self) -> Result<&'a Person, Wants> {
        self.person.ok_or(Wants::Person)
    }

    fn history(&self, since: Instant) -> Result<&'a History, Wants> {
        self.history.filter(|history| history.since <= since).ok_or(Wants::History(since))
    }

    fn number(&self, number: Number) -> Result<Option<i64>, Wants> {
        let member = self.member;
        let count = |value: u64| Some(signed(value));
        Ok(match number {
            Number::Growth => count(member.growth),
            Number::PointsAvailable => count(member.available()),
            Number::PointsExpiring30d => {
                let horizon = self.programme.zone.midnight(self.programme.zone.day(self.now).plus_days(30));
                let soon = member.lots.iter().filter(|lot| lot.expires_at.is_some_and(|at| at <= horizon));
                count(soon.map(|lot| lot.points).sum())
            }
            Number::OrdersCount => count(member.orders.count),
            Number::OrdersCount90d => {
                let zone = self.programme.zone;
                let day = Day::from_number(zone.day(self.now).number() - 89);
                let since = zone.midnight(day);
                count(self.history(since)?.orders_standing(self.recent, since))
            }
            // Referrals are credited from a later version on; until then nobody has referred anyone.
            Number::ReferralsCount => Some(0),
            Number::Age => self.person()?.age(self.programme.zone.day(self.now)),
        })
    }

    fn moment(&self, moment: Moment) -> Option<Instant> {
        match moment {
            Moment::OrdersFirstAt => self.member.orders.first_at,
            Moment::OrdersLastAt => self.member.orders.last_at,
            Moment::RegisteredAt => Some(self.member.registered_at),
        }
    }

    fn compare_moment(&self, own: Instant, op: Op, operand: &Operand) -> bool {
        let zone = self.programme.zone;
        let days_back = i64::from(zone.day(self.now).number()) - i64::from(zone.day(own).number());
        match (op, operand) {
            (Op::WithinDays, Operand::Number(days)) => days_back < *days,
            (Op::BeforeDays, Operand::Number(days)) => days_back >= *days,
            _ => compare_numbers(own.0, op, operand),
        }
    }

    fn compare_tier(&self, op: Op, operand: &Operand) -> bool {
        let own = &self.member.standing.tier;
        match operand {
            Operand::Word(word) if !matches!(op, Op::Equal | Op::NotEqual) => {
                // A member's tier that is not there lies below all that are: see `Programme::knows`.
                let rank = |id: &str| self.programme.rank(id).map_or(-1, |rank| rank as i64);
                compare_numbers(rank(own), op, &Operand::Number(rank(word)))
            }
            _ => compare_words(own, op, operand),
        }
    }

    fn has_word(&self, words: Words, word: &str) -> Result<bool, Wants> {
        let orders = &self.member.orders;
        Ok(match words {
            Words::Badges => self.member.has_badge(word),
            Words::Tags => self.member.tags.iter().any(|tag| tag == word),
            Words::Categories if orders.categories.iter().any(|category| category == word) => true,
            Words::Categories if !orders.more_categories => false,
            Words::Categories => {
                let mut bought = self.history(Instant::MIN)?.categories(self.recent);
                bought.any(|category| category == word)
            }
        })
    }

    fn word(&self, word: Word) -> Result<Option<&'a str>, Wants> {
        let region = |name: &str| Ok(self.person()?.region.get(name).map(String::as_str));
        match word {
            Word::Lifecycle => {
                Ok(Some(self.programme.lifecycle.of(self.member, self.programme.zone, self.now)))
            }
            Word::Gender => Ok(self.person()?.gender.as_deref()),
            Word::Province => region("province"),
            Word::City => region("city"),
            Word::District => region("district"),
            Word::Channel => Ok(self.person()?.channel.as_deref()),
            Word::Brand => Ok(Some(self.person()?.brand.as_str())),
        }
    }
}
