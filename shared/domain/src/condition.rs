//! The condition language (rules, 9): one small language for badges, tags, tiers and audiences.
//!
//! A condition is read once, when the programme is saved; an unknown fact or a value of the wrong type is
//! refused there. Evaluating it cannot fail; it may only ask for more data.

mod compare;
mod fact;
mod read;
mod subject;
mod wants;

use crate::id::TierId;

pub use self::{
    compare::{AttributeTest, InYear, OnDay, Order, Quantity, Rank, Same, Truth, When},
    fact::{Amount, Facts, Flag, Moment, MonthDay, Number, Region, Word, Words},
    read::{Reader, schema},
    subject::Subject,
    wants::Wants,
};

/// A condition on a member.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    /// All of these hold.
    All(Vec<Condition>),
    /// At least one holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A fact compares so.
    Holds(Pair),
}

/// A fact, and a comparison of its type.
#[derive(Clone, PartialEq, Debug)]
pub enum Pair {
    /// The tier.
    Tier(Rank),
    /// A whole number.
    Number(Number, Quantity<i64>),
    /// An amount of money.
    Amount(Amount, Quantity<i64>),
    /// A moment.
    Moment(Moment, When),
    /// A set of words has that word.
    Words(Words, String),
    /// One word.
    Word(Word, Same<String>),
    /// The day of the birthday in its year.
    Birthday(InYear),
    /// Something that is so or not.
    Flag(Flag, Truth),
    /// An attribute of the programme's, by its id.
    Attribute(String, AttributeTest),
}

impl Condition {
    /// Whether it holds. A missing fact (no order yet, no known birthday) makes every comparison false except
    /// `!=`.
    ///
    /// # Errors
    /// What must be looked up first.
    pub fn holds(&self, facts: &impl Facts) -> Result<bool, Wants> {
        match self {
            Condition::All(branches) => settled_by(false, branches, facts),
            Condition::Any(branches) => settled_by(true, branches, facts),
            Condition::Not(inner) => Ok(!inner.holds(facts)?),
            Condition::Holds(pair) => pair.holds(facts),
        }
    }

    /// Whether it can never become false once it holds: no `not`, and only facts that never fall.
    pub fn never_falls(&self) -> bool {
        match self {
            Condition::All(branches) | Condition::Any(branches) => {
                branches.iter().all(Condition::never_falls)
            }
            Condition::Not(_) => false,
            Condition::Holds(pair) => pair.never_falls(),
        }
    }

    /// How many nodes it has: each `all`, `any`, `not` and comparison is one.
    pub fn nodes(&self) -> usize {
        match self {
            Condition::All(branches) | Condition::Any(branches) => {
                1 + branches.iter().map(Condition::nodes).sum::<usize>()
            }
            Condition::Not(inner) => 1 + inner.nodes(),
            Condition::Holds(_) => 1,
        }
    }

    /// Ids of the tiers it names, to be checked against the programme.
    pub fn tiers(&self) -> Vec<&TierId> {
        let pairs = self.pairs().into_iter();
        let ranks = pairs.filter_map(|pair| if let Pair::Tier(rank) = pair { Some(rank) } else { None });
        ranks.flat_map(Rank::named).collect()
    }

    /// Ids of the badges it names, to be checked against the programme.
    pub fn badges(&self) -> Vec<&str> {
        self.words(Words::Badges)
    }

    /// Ids of the tags it names.
    pub fn tags(&self) -> Vec<&str> {
        self.words(Words::Tags)
    }

    /// Ids of attributes that it names and the programme does not have.
    pub fn attributes_gone(&self) -> Vec<&str> {
        let pairs = self.pairs().into_iter();
        pairs
            .filter_map(|pair| match pair {
                Pair::Attribute(id, AttributeTest::Gone(_)) => Some(id.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Whether all that it asks is of the person: age, gender, region, channel and attributes.
    pub fn asks_the_person(&self) -> bool {
        self.pairs().into_iter().all(|pair| match pair {
            Pair::Number(fact, _) => *fact == Number::Age,
            Pair::Word(fact, _) => matches!(fact, Word::Gender | Word::Region(_) | Word::Channel),
            Pair::Attribute(..) => true,
            Pair::Tier(_)
            | Pair::Amount(..)
            | Pair::Moment(..)
            | Pair::Words(..)
            | Pair::Birthday(_)
            | Pair::Flag(..) => false,
        })
    }

    /// What it asks a set of words for.
    fn words(&self, of: Words) -> Vec<&str> {
        let pairs = self.pairs().into_iter();
        pairs
            .filter_map(|pair| match pair {
                Pair::Words(set, word) if *set == of => Some(word.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Its pairs, in order.
    fn pairs(&self) -> Vec<&Pair> {
        match self {
            Condition::All(branches) | Condition::Any(branches) => {
                branches.iter().flat_map(Condition::pairs).collect()
            }
            Condition::Not(inner) => inner.pairs(),
            Condition::Holds(pair) => vec![pair],
        }
    }
}

impl Pair {
    fn holds(&self, facts: &impl Facts) -> Result<bool, Wants> {
        Ok(match self {
            Pair::Tier(test) => test.holds(facts.tier()?, |tier| facts.rank(tier)),
            Pair::Number(fact, test) => test.holds(facts.number(*fact)?),
            Pair::Amount(fact, test) => test.holds(facts.amount(*fact)?),
            Pair::Moment(fact, test) => {
                facts.moment(*fact)?.is_some_and(|own| test.holds(own, facts.days_since(own)))
            }
            Pair::Words(fact, word) => facts.has(*fact, word)?,
            Pair::Word(fact, test) => test.holds(facts.word(*fact)?),
            Pair::Birthday(test) => test.holds(facts.birthday()?),
            Pair::Flag(fact, test) => test.holds(facts.flag(fact)?),
            // Nothing needs to be looked up for what everybody lacks.
            Pair::Attribute(_, test @ AttributeTest::Gone(_)) => test.holds(None, |_| 0),
            Pair::Attribute(id, test) => test.holds(facts.attribute(id)?, |day| facts.days_back(day)),
        })
    }

    fn never_falls(&self) -> bool {
        match self {
            Pair::Number(Number::ReferralsCount, Quantity::Order(Order::AtLeast(_) | Order::More(_)))
            | Pair::Words(Words::Badges, _)
            | Pair::Moment(Moment::RegisteredAt, When::BeforeDays(_)) => true,
            Pair::Tier(_)
            | Pair::Number(..)
            | Pair::Amount(..)
            | Pair::Moment(..)
            | Pair::Words(..)
            | Pair::Word(..)
            | Pair::Birthday(_)
            | Pair::Flag(..)
            | Pair::Attribute(..) => false,
        }
    }
}

/// One branch of that value decides it, whatever the others would need to look up.
fn settled_by(value: bool, branches: &[Condition], facts: &impl Facts) -> Result<bool, Wants> {
    let mut wants: Option<Wants> = None;
    for branch in branches {
        match branch.holds(facts) {
            Ok(found) if found == value => return Ok(value),
            Ok(_) => {}
            Err(wanted) => wants = Some(wants.map_or(wanted, |cheapest| cheapest.or(wanted))),
        }
    }
    wants.map_or(Ok(!value), Err)
}

#[cfg(test)]
mod tests;
