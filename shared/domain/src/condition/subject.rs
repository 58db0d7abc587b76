//! A settled member, with what was looked up besides, as a source of facts.

use super::{Amount, Facts, Flag, Moment, MonthDay, Number, Wants, Word, Words};
use crate::{
    attribute::Attribute,
    event::{Event, History},
    id::TierId,
    member::{Member, Person, Status},
    number::signed,
    programme::{Programme, TagRule},
    time::{Day, DayNumber, Instant},
};

/// The member that conditions test.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its standing, settled to `now`.
    pub member: &'a Member,
    /// Who it is, if known here.
    pub person: Option<&'a Person>,
    /// Its entries, as far as they were looked up.
    pub history: Option<&'a History>,
    /// Entries that are being recorded and are not in the history.
    pub recent: &'a [Event],
    /// The programme in force.
    pub programme: &'a Programme,
    /// The moment.
    pub now: Instant,
}

impl<'a> Subject<'a> {
    fn person(&self) -> Result<&'a Person, Wants> {
        self.person.ok_or(Wants::PERSON)
    }

    fn history(&self, since: Instant) -> Result<&'a History, Wants> {
        self.history.filter(|history| history.since <= since).ok_or(Wants::history(since))
    }

    fn today(&self) -> Day {
        self.programme.zone.day(self.now)
    }

    /// Whether the member has the tag: by hand, or because its rule holds. A rule names no tag that has one
    /// itself.
    fn has_tag(&self, tag: &TagRule) -> Result<bool, Wants> {
        match &tag.when {
            Some(when) => when.holds(self),
            None => Ok(self.member.tags.contains(&tag.id)),
        }
    }

    /// Ids of the tags that the member has, in the programme's order. An erased member has none.
    ///
    /// # Errors
    /// What must be looked up first.
    pub fn tags(&self) -> Result<Vec<&'a str>, Wants> {
        if self.member.status == Status::Erased {
            return Ok(Vec::new());
        }
        let (mut tags, mut wants) = (Vec::new(), Wants::default());
        for tag in &self.programme.tags {
            if wants.collect(self.has_tag(tag)) == Some(true) {
                tags.push(tag.id.as_str());
            }
        }
        wants.nothing()?;
        Ok(tags)
    }
}

impl Facts for Subject<'_> {
    fn tier(&self) -> Result<Option<&TierId>, Wants> {
        Ok(Some(&self.member.standing.tier))
    }

    fn rank(&self, tier: &TierId) -> Option<usize> {
        self.programme.rank(tier)
    }

    fn number(&self, fact: Number) -> Result<Option<i64>, Wants> {
        let member = self.member;
        let count = |value: u64| Some(signed(value));
        Ok(match fact {
            Number::Growth => count(member.growth),
            Number::PeriodGrowth => Some(member.period_growth),
            Number::PointsAvailable => count(member.available()),
            Number::PointsExpiring { days } => {
                let horizon = self.programme.zone.midnight(self.today().plus_days(u32::from(days)));
                let soon = member.lots.iter().filter(|lot| lot.expires_at.is_some_and(|at| at <= horizon));
                count(soon.map(|lot| lot.points).sum())
            }
            Number::OrdersCount => count(member.orders.count),
            Number::OrdersCountLast { days } => {
                let first = Day::from_number(self.today().number().plus(1 - i32::from(days)));
                let since = self.programme.zone.midnight(first);
                count(self.history(since)?.orders_standing(self.recent, since))
            }
            Number::ReferralsCount => count(member.friends.done()),
            Number::Age => self.person()?.age(self.today()),
        })
    }

    fn amount(&self, fact: Amount) -> Result<Option<i64>, Wants> {
        match fact {
            Amount::OrdersAmount => Ok(Some(signed(self.member.orders.amount.0))),
        }
    }

    fn moment(&self, fact: Moment) -> Result<Option<Instant>, Wants> {
        Ok(match fact {
            Moment::OrdersFirstAt => self.member.orders.first_at,
            Moment::OrdersLastAt => self.member.orders.last_at,
            Moment::RegisteredAt => Some(self.member.registered_at),
        })
    }

    fn days_since(&self, moment: Instant) -> i64 {
        self.today().number().since(self.programme.zone.day(moment).number())
    }

    fn has(&self, fact: Words, word: &str) -> Result<bool, Wants> {
        let orders = &self.member.orders;
        Ok(match fact {
            Words::Badges => self.member.badges.iter().any(|badge| badge.id == *word),
            Words::Tags => match self.programme.tag(word) {
                Some(tag) => self.has_tag(tag)?,
                // One that is gone from the programme is nobody's.
                None => false,
            },
            Words::Categories if orders.categories.iter().any(|category| category == word) => true,
            Words::Categories if !orders.more_categories => false,
            Words::Categories => {
                let mut bought = self.history(Instant::MIN)?.categories(self.recent);
                bought.any(|category| category == word)
            }
        })
    }

    fn word(&self, fact: Word) -> Result<Option<&str>, Wants> {
        Ok(match fact {
            Word::Lifecycle => Some(self.programme.lifecycle.of(self.member, self.programme.zone, self.now)),
            Word::Gender => self.person()?.gender.as_deref(),
            Word::Region(part) => self.person()?.region.get(part.word()).map(String::as_str),
            Word::Channel => self.person()?.channel.as_deref(),
            Word::Brand => Some(self.person()?.brand.as_str()),
        })
    }

    fn birthday(&self) -> Result<Option<MonthDay>, Wants> {
        Ok(self.person()?.birthday.as_deref().and_then(Day::parse).map(MonthDay::of))
    }

    fn attribute(&self, id: &str) -> Result<Option<&Attribute>, Wants> {
        // Of one that is gone from the programme nobody has any.
        let Some(rule) = self.programme.attribute(id) else { return Ok(None) };
        Ok(self.person()?.attributes.get(id).filter(|own| own.kind() == rule.kind.word()))
    }

    fn days_back(&self, day: DayNumber) -> i64 {
        self.today().number().since(day)
    }

    fn flag(&self, fact: &Flag) -> Result<Option<bool>, Wants> {
        match fact {
            Flag::Consent(channel) => Ok(self.person()?.consents.get(channel).copied()),
        }
    }
}
