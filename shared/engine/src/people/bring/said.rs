//! What was said before of what a row says: under its name, by 0.1.0 without one, and of the person.

use domain::{
    brought::Opening,
    id::BrandId,
    member::{Identity, Person},
    time::Instant,
};

use super::{Coming, ComingBalance, Left};
use crate::store::{
    reading::Holder,
    records::{By, EntryRecord},
};

/// The reason of the entries that 0.1.0 made of balances.
const UNNAMED_REASON: &str = "opening balance";

/// A balance of 0.1.0, which had no name.
pub(super) struct Unnamed {
    pub(super) seq: u64,
    brand: BrandId,
    pub(super) points: i64,
    pub(super) growth: i64,
    pub(super) expires_at: Option<Instant>,
    /// Whether its entry shows its end: points that repaid a debt are in no lot.
    shows_end: bool,
    pub(super) bill: bool,
}

impl Unnamed {
    pub(super) fn of(entry: &EntryRecord) -> Option<Unnamed> {
        if entry.by != By::Import {
            return None;
        }
        let (brand, reason, bill) = entry.event.kind.adjusted()?;
        let movement = &entry.event.movement;
        let lot = movement.shares.iter().find(|share| share.points > 0);
        (reason == UNNAMED_REASON).then(|| Unnamed {
            seq: entry.seq,
            brand: brand.clone(),
            points: movement.points(),
            growth: movement.growth,
            expires_at: lot.and_then(|lot| lot.expires_at),
            shows_end: lot.is_some(),
            bill,
        })
    }
}

/// The balance of 0.1.0 that a row means: that with its end; else one whose end is in no row of the file.
pub(super) fn unnamed_of<'a>(
    coming: &Coming,
    told: &ComingBalance,
    unnamed: &'a [Unnamed],
) -> Option<&'a Unnamed> {
    let own = || unnamed.iter().filter(|old| old.brand == coming.brand && old.points != 0);
    let is_end = |old: &Unnamed, end: Option<Option<Instant>>| match end {
        Some(end) => old.shows_end && old.expires_at == end,
        // Its end followed from the rule then.
        None => true,
    };
    own().find(|old| is_end(old, told.expires_at)).or_else(|| {
        let in_file =
            |old: &&Unnamed| coming.ends.iter().any(|(brand, end)| *brand == old.brand && is_end(old, *end));
        own().find(|old| !in_file(old))
    })
}

/// What the row says of the standing that was not said before. Where it was said otherwise it is left, or
/// corrected.
pub(super) fn new_of(
    coming: &Coming,
    before: &Opening,
    unnamed: &[Unnamed],
    growth_before: u64,
    left: &mut Vec<Left>,
) -> Opening {
    let said = &coming.opening;
    let mut new = Opening::default();
    let mut keep = |column: &'static str, same: bool, known: bool| -> bool {
        if same {
            return false;
        }
        if known && !coming.correct {
            left.push(Left::Standing(column, Opening { growth: Some(growth_before), ..before.clone() }));
            return false;
        }
        true
    };
    if let Some(growth) = said.growth {
        let of_old = before.growth.is_none() && unnamed.iter().any(|old| old.growth != 0);
        let one_of = of_old && unnamed.iter().any(|old| old.growth.unsigned_abs() == growth);
        let same = before.growth == Some(growth) || (of_old && (growth == growth_before || one_of));
        if keep("growth", same, before.growth.is_some() || of_old) {
            new.growth = Some(growth);
        }
    }
    if let Some(tier) = &said.tier
        && keep("tier", before.tier.as_ref() == Some(tier), before.tier.is_some())
    {
        new.tier = Some(tier.clone());
    }
    if said.tier_until.is_some()
        && keep("tier_until", before.tier_until == said.tier_until, before.tier_until.is_some())
    {
        new.tier_until = said.tier_until;
    }
    if said.prior_orders.is_some()
        && keep("prior_orders", before.prior_orders == said.prior_orders, before.prior_orders.is_some())
    {
        new.prior_orders = said.prior_orders;
    }
    if said.prior_amount.is_some()
        && keep("prior_amount", before.prior_amount == said.prior_amount, before.prior_amount.is_some())
    {
        new.prior_amount = said.prior_amount;
    }
    new
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
        ("registered_channel", &told.channel, &person.channel),
        ("terms_version", &told.terms_version, &person.terms_version),
    ];
    let differs =
        |(_, told, own): &(&'static str, &Option<String>, &Option<String>)| told.is_some() && told != own;
    left.extend(fields.into_iter().filter(differs).map(|(name, ..)| Left::Field(name)));
    for part in ["country", "province", "city", "district"] {
        if told.region.get(part).is_some_and(|place| person.region.get(part) != Some(place)) {
            left.push(Left::Field(part));
        }
    }
    for (channel, consent) in &told.consents {
        match person.consents.get(channel) {
            Some(own) if own == consent => {}
            Some(own) => left.push(Left::ConsentKept(channel.clone(), *own)),
            None => left.push(Left::Consent(channel.clone())),
        }
    }
    left
}
