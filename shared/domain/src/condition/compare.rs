//! How facts compare, by type. A missing fact only compares as not equal to anything.

use super::MonthDay;
use crate::{
    attribute::Attribute,
    id::TierId,
    time::{DayNumber, Instant},
};

/// Whether it is the same.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)] // named as what they are written by
pub enum Same<T> {
    Equal(T),
    NotEqual(T),
    In(Vec<T>),
}

impl<T> Same<T> {
    pub(super) fn holds<U: ?Sized>(&self, own: Option<&U>) -> bool
    where
        T: PartialEq<U>,
    {
        match self {
            Same::Equal(value) => own.is_some_and(|own| value == own),
            Same::NotEqual(value) => own.is_none_or(|own| value != own),
            Same::In(values) => own.is_some_and(|own| values.iter().any(|value| value == own)),
        }
    }
}

/// Which is more.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Order<T> {
    Less(T),
    AtMost(T),
    More(T),
    AtLeast(T),
}

impl<T> Order<T> {
    fn holds<K: Ord>(&self, own: K, key: impl Fn(&T) -> K) -> bool {
        match self {
            Order::Less(value) => own < key(value),
            Order::AtMost(value) => own <= key(value),
            Order::More(value) => own > key(value),
            Order::AtLeast(value) => own >= key(value),
        }
    }
}

/// How a number or an amount compares.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Quantity<T> {
    Same(Same<T>),
    Order(Order<T>),
    /// From the first to the second, both included.
    Between(T, T),
}

impl<T: Copy + Ord> Quantity<T> {
    pub(super) fn holds(&self, own: Option<T>) -> bool {
        match self {
            Quantity::Same(same) => same.holds(own.as_ref()),
            Quantity::Order(order) => own.is_some_and(|own| order.holds(own, |value| *value)),
            Quantity::Between(from, to) => own.is_some_and(|own| *from <= own && own <= *to),
        }
    }
}

/// How a tier compares: by its id, or by the ladder.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Rank {
    Same(Same<TierId>),
    Order(Order<TierId>),
}

impl Rank {
    pub(super) fn holds(&self, own: Option<&TierId>, rank: impl Fn(&TierId) -> Option<usize>) -> bool {
        match self {
            Rank::Same(same) => same.holds(own),
            Rank::Order(order) => own.is_some_and(|own| order.holds(rank(own), |tier| rank(tier))),
        }
    }

    /// Ids of the tiers it names.
    pub(super) fn named(&self) -> Vec<&TierId> {
        match self {
            Rank::Same(Same::In(tiers)) => tiers.iter().collect(),
            Rank::Same(Same::Equal(tier) | Same::NotEqual(tier))
            | Rank::Order(
                Order::Less(tier) | Order::AtMost(tier) | Order::More(tier) | Order::AtLeast(tier),
            ) => vec![tier],
        }
    }
}

/// How a moment compares.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum When {
    Order(Order<Instant>),
    /// From the first to the second, both included.
    Between(Instant, Instant),
    /// Its local date lies fewer than so many days back.
    WithinDays(i64),
    /// Its local date lies so many days back or more.
    BeforeDays(i64),
}

impl When {
    /// Of a moment whose local date lies so many days back.
    pub(super) fn holds(&self, own: Instant, days_back: i64) -> bool {
        match self {
            When::Order(order) => order.holds(own, |value| *value),
            When::Between(from, to) => *from <= own && own <= *to,
            When::WithinDays(days) => days_back < *days,
            When::BeforeDays(days) => days_back >= *days,
        }
    }
}

/// How a day of the year compares.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum InYear {
    Same(Same<MonthDay>),
    /// From the first to the second: from 20 December to 10 January runs over the year's end.
    Between(MonthDay, MonthDay),
}

impl InYear {
    pub(super) fn holds(&self, own: Option<MonthDay>) -> bool {
        match self {
            InYear::Same(same) => same.holds(own.as_ref()),
            InYear::Between(from, to) if from <= to => own.is_some_and(|own| *from <= own && own <= *to),
            InYear::Between(from, to) => own.is_some_and(|own| own >= *from || own <= *to),
        }
    }
}

/// Whether it is so.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Truth {
    Is(bool),
    IsNot(bool),
}

impl Truth {
    pub(super) fn holds(self, own: Option<bool>) -> bool {
        match self {
            Truth::Is(value) => own == Some(value),
            Truth::IsNot(value) => own != Some(value),
        }
    }
}

/// How a local date compares.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum OnDay {
    Quantity(Quantity<DayNumber>),
    /// It lies back, and fewer than so many days.
    WithinDays(i64),
    /// It lies so many days back or more.
    BeforeDays(i64),
}

impl OnDay {
    fn holds(&self, own: Option<DayNumber>, days_back: impl Fn(DayNumber) -> i64) -> bool {
        match self {
            OnDay::Quantity(quantity) => quantity.holds(own),
            OnDay::WithinDays(days) => own.is_some_and(|own| (0..*days).contains(&days_back(own))),
            OnDay::BeforeDays(days) => own.is_some_and(|own| days_back(own) >= *days),
        }
    }
}

/// How an attribute compares, by its kind.
#[derive(Clone, PartialEq, Debug)]
pub enum AttributeTest {
    /// One of the choices.
    Choice(Same<String>),
    /// The choices contain it.
    Choices(String),
    /// In millionths.
    Number(Quantity<i128>),
    /// A local date.
    Date(OnDay),
    /// Yes or no.
    Flag(Truth),
    /// The programme has no such attribute, so everybody lacks it; whether that makes the comparison true.
    Gone(bool),
}

impl AttributeTest {
    pub(super) fn holds(&self, own: Option<&Attribute>, days_back: impl Fn(DayNumber) -> i64) -> bool {
        match self {
            AttributeTest::Choice(test) => test.holds(match own {
                Some(Attribute::Choice(word)) => Some(word.as_str()),
                _ => None,
            }),
            AttributeTest::Choices(word) => {
                matches!(own, Some(Attribute::Choices(words)) if words.contains(word))
            }
            AttributeTest::Number(test) => test.holds(match own {
                Some(Attribute::Number(millionths)) => Some(*millionths),
                _ => None,
            }),
            AttributeTest::Date(test) => {
                let day = match own {
                    Some(Attribute::Date(day)) => Some(*day),
                    _ => None,
                };
                test.holds(day, days_back)
            }
            AttributeTest::Flag(test) => test.holds(match own {
                Some(Attribute::Flag(flag)) => Some(*flag),
                _ => None,
            }),
            AttributeTest::Gone(lacking) => *lacking,
        }
    }
}
