//! What stands before a row of what it says: of the standing, and of the person.

use domain::{
    attribute::Attribute,
    brought::Opening,
    id::TierId,
    member::{Identity, Member, Person, REGION_PARTS},
    number::Money,
};

use super::{Coming, Left};
use crate::{
    people::view::{self, Prior},
    store::reading::Holder,
};

/// What the row says of the standing and is new, or a correction. Where something else stands it is left, or
/// corrected; a figure that the member has already changes nothing.
pub(super) struct Standing<'a> {
    pub(super) coming: &'a Coming,
    pub(super) member: &'a Member,
    /// Whether the member was there before the row.
    pub(super) is_known: bool,
    pub(super) base: &'a TierId,
    /// The growth that 0.1.0 recorded of each balance.
    pub(super) old_growth: &'a [u64],
    /// What was said of the orders of records that the member has absorbed, where it stays.
    pub(super) of_absorbed: Prior,
}

impl Standing<'_> {
    /// The growth that stands before the row: what was said, or else what the member has.
    pub(super) fn growth_before(&self) -> u64 {
        let old: u64 = self.old_growth.iter().sum();
        match self.member.opening.growth {
            Some(said) => said,
            None if old > 0 => old,
            None if self.is_known => self.member.growth,
            None => 0,
        }
    }

    /// What is new, with what is left.
    pub(super) fn new_of(&self, left: &mut Vec<Left>) -> Opening {
        let mut new = Opening::default();
        let shown = self.shown();
        let mut keep = |column: &'static str, same: bool, known: bool| {
            if !same && known && !self.coming.correct {
                left.push(Left::Standing(column, shown.clone()));
            }
            !same && (!known || self.coming.correct)
        };
        let Self { coming, member, .. } = self;
        let (said, before) = (&coming.opening, &member.opening);
        if let Some(growth) = said.growth {
            let of_old = before.growth.is_none() && self.old_growth.iter().any(|old| *old != 0);
            let has = self.is_known && member.growth > 0;
            let same = before.growth == Some(growth)
                || (of_old && (growth == self.growth_before() || self.old_growth.contains(&growth)))
                || (self.is_known && growth == member.growth);
            if keep("growth", same, before.growth.is_some() || of_old || has) {
                new.growth = Some(growth);
            }
        }
        let has_tier = self.is_known && member.standing.tier != *self.base;
        if let Some(tier) = &said.tier {
            let same = before.tier.as_ref() == Some(tier) || (self.is_known && member.standing.tier == *tier);
            if keep("tier", same, before.tier.is_some() || has_tier) {
                new.tier = Some(tier.clone());
            }
        }
        if let Some(until) = said.tier_until {
            let own = &member.standing;
            let is_own = said.tier.as_ref().or(before.tier.as_ref()).is_none_or(|tier| *tier == own.tier);
            let same = before.tier_until == Some(until)
                && before.tier.as_ref().is_none_or(|tier| *tier == own.tier)
                || (self.is_known && is_own && own.valid_until == until);
            let known = before.tier_until.is_some() || (has_tier && before.tier.as_ref() != Some(&own.tier));
            if keep("tier_until", same, known) {
                match new.tier.is_some() || is_own {
                    true => new.tier_until = Some(until),
                    false => left.push(Left::TierOver(own.tier.clone())),
                }
                // The end is that of the tier which the row names.
                new.tier = new.tier.or_else(|| said.tier.clone().filter(|_| is_own));
            }
        }
        (new.prior_orders, new.prior_amount) = self.new_prior(left);
        new
    }

    /// What is new of the orders before Laurel. A member shows its own with what was said of records that it has
    /// absorbed, and so does a file that was exported: a figure is of all of them, and its own is what is beyond theirs.
    fn new_prior(&self, left: &mut Vec<Left>) -> Prior {
        let (said, before, orders) = (&self.coming.opening, &self.member.opening, &self.member.orders);
        let prior = self.prior();
        // One of the two that was said alone shows the other as 0.
        let has_prior = prior.0.is_some() || prior.1.is_some();
        let mut new =
            |column, told: u64, own: Option<u64>, [absorbed, all]: [Option<u64>; 2], counted: u64| {
                let shown = counted + all.unwrap_or(0);
                if own == Some(told) || ((counted > 0 || has_prior) && shown == told) {
                    return None;
                }
                let may = (all.is_none() && counted == 0) || self.coming.correct;
                let new = told.checked_sub(absorbed.unwrap_or(0)).filter(|_| may);
                if new.is_none() {
                    left.push(Left::Standing(column, self.shown()));
                }
                new
            };
        let amount = |money: Option<Money>| money.map(|money| money.0);
        let count = said.prior_orders.and_then(|told| {
            let known = [self.of_absorbed.0, prior.0];
            new("prior_orders", told, before.prior_orders, known, orders.count)
        });
        let sum = said.prior_amount.and_then(|told| {
            let known = [amount(self.of_absorbed.1), amount(prior.1)];
            new("prior_amount", told.0, amount(before.prior_amount), known, orders.amount.0)
        });
        (count, sum.map(Money))
    }

    /// What was said of orders before Laurel, of all records.
    fn prior(&self) -> Prior {
        view::add(view::prior(self.member), self.of_absorbed)
    }

    /// What stands so far.
    fn shown(&self) -> Opening {
        let Self { member, .. } = self;
        let (before, orders, prior) = (&member.opening, &member.orders, self.prior());
        Opening {
            growth: Some(self.growth_before()),
            tier: before.tier.clone().or_else(|| Some(member.standing.tier.clone())),
            tier_until: before.tier_until.or(Some(member.standing.valid_until)),
            prior_orders: Some(orders.count + prior.0.unwrap_or(0)),
            prior_amount: Some(Money(orders.amount.0 + prior.1.unwrap_or_default().0)),
        }
    }
}

/// What a row tells of a person and the person has not, or has otherwise.
pub(super) fn not_taken(told: &Person, person: &Person, holders: &[Option<Holder<'_>>]) -> Vec<Left> {
    let has = |told: &Identity| {
        let same =
            |own: &Identity| (own.kind, &own.channel, &own.value) == (told.kind, &told.channel, &told.value);
        person.identities.iter().any(same)
    };
    // One that an earlier build stored in another form is the member's as well.
    let identities = told.identities.iter().zip(holders).enumerate();
    let identities = identities.filter(|(_, (identity, holder))| holder.is_none() && !has(identity));
    let mut left: Vec<Left> = identities.map(|(index, _)| Left::Identity(index)).collect();
    let fields = [
        ("name", &told.name, &person.name),
        ("birthday", &told.birthday, &person.birthday),
        ("gender", &told.gender, &person.gender),
        ("time_zone", &told.time_zone, &person.time_zone),
        ("registered_channel", &told.channel, &person.channel),
        ("terms_version", &told.terms_version, &person.terms_version),
    ];
    let differs =
        |(_, told, own): &(&'static str, &Option<String>, &Option<String>)| told.is_some() && told != own;
    left.extend(fields.into_iter().filter(differs).map(|(name, ..)| Left::Field(name)));
    if told.locale.is_some() && told.locale != person.locale {
        left.push(Left::Field("locale"));
    }
    for part in REGION_PARTS {
        if told.region.get(part).is_some_and(|place| person.region.get(part) != Some(place)) {
            left.push(Left::Field(part));
        }
    }
    let differs = |(id, value): &(&String, &Attribute)| person.attributes.get(*id) != Some(*value);
    left.extend(told.attributes.iter().filter(differs).map(|(id, _)| Left::Attribute(id.clone())));
    for (channel, consent) in &told.consents {
        match person.consents.get(channel) {
            Some(own) if own == consent => {}
            Some(own) => left.push(Left::ConsentKept(channel.clone(), *own)),
            None => left.push(Left::Consent(channel.clone())),
        }
    }
    left
}
