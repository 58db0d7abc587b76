//! The coupons of an order: the grants and codes that a draft names, as they are found, with the version that governs each.

use std::sync::Arc;

use domain::{
    id::OfferId,
    offer::{
        Gives, How, Offer,
        grant::Grant,
        price::{self, Choose, Coupon, State},
        printed::Printed,
    },
    time::Instant,
};

use crate::{
    offers::{
        Offers,
        appraisal::Appraisal,
        draft::{DraftOrder, NamedGrant},
        held::Holdings,
        past::Past,
    },
    programme::shelf::Shelf,
    store::{
        error::Error,
        keys,
        records::{CouponName, PrintedCodeRecord},
    },
};

/// A coupon, as it was found.
pub(super) struct Found {
    pub(super) name: CouponName,
    /// The version that governs it; `None` where nothing was found.
    pub(super) offer: Option<Arc<Offer>>,
    pub(super) is_code: bool,
    pub(super) is_listed: bool,
    pub(super) state: State,
    pub(super) left: Option<u64>,
    pub(super) ends: Option<Instant>,
    pub(super) issued: u64,
    /// The place of the grant among those that are held; none of what was not used in its window before, and of a code.
    pub(super) place: Option<usize>,
    /// The printed code that it is.
    pub(super) printed: Option<Printed>,
}

/// Where coupons are looked for.
pub(super) struct Finder<'a> {
    pub(super) draft: &'a DraftOrder,
    pub(super) shelf: &'a Shelf,
    pub(super) holdings: &'a Holdings,
    /// Offers as they were at the first pricing of a use that is told anew.
    pub(super) past: Option<&'a Past>,
    pub(super) now: Instant,
    pub(super) at: Instant,
}

/// What a draft names.
pub(super) enum Named {
    /// A written grant, by its place in order of issue.
    Grant(usize),
    /// What an `auto` item or service gives, and the grant that it has become if it was used before.
    Virtual(Arc<Offer>, Option<usize>),
    /// Nothing.
    Nothing,
}

impl Found {
    pub(super) fn of_nothing(name: CouponName, is_code: bool) -> Found {
        let state = State::Granted;
        Found {
            name,
            offer: None,
            is_code,
            is_listed: true,
            state,
            left: None,
            ends: None,
            issued: 0,
            place: None,
            printed: None,
        }
    }

    pub(super) fn coupon<'f>(&self, appraisal: Option<&'f Appraisal>) -> Coupon<'f> {
        Coupon {
            judged: appraisal.map(Appraisal::judged),
            is_code: self.is_code,
            is_listed: self.is_listed,
            state: self.state,
            left: self.left,
            ends: self.ends,
            issued: self.issued,
        }
    }
}

impl Finder<'_> {
    pub(super) fn grants(&self) -> &[Grant] {
        &self.holdings.grants
    }

    /// What that names: a grant by its id, or by its offer's; or what an `auto` offer gives.
    fn named(&self, named: &NamedGrant) -> Named {
        let by_id = named.id.and_then(|id| self.grants().iter().position(|grant| grant.id == Some(id)));
        if let Some(place) = by_id {
            return Named::Grant(place);
        }
        let Some(id) = named.offer() else { return Named::Nothing };
        match self.governing(&id) {
            Some(newest) if newest.how == How::Auto => {
                let is_virtual = matches!(newest.gives, Gives::Item { .. } | Gives::Service(_));
                match is_virtual {
                    true => Named::Virtual(newest.clone(), self.of_window(&id)),
                    false => Named::Nothing,
                }
            }
            _ => {
                let listed: Vec<_> = self.draft.grants.iter().filter_map(|named| named.id).collect();
                let is_listed = |grant: &Grant| grant.id.is_some_and(|id| listed.contains(&id));
                let found = price::stands_for(&id, self.grants(), is_listed, self.now, self.at);
                let place =
                    found.and_then(|found| self.grants().iter().position(|grant| std::ptr::eq(grant, found)));
                place.map_or(Named::Nothing, Named::Grant)
            }
        }
    }

    /// The version of an `auto` or `code` offer that governs: the newest, or that of the first pricing.
    pub(super) fn governing(&self, id: &OfferId) -> Option<&Arc<Offer>> {
        let newest = self.shelf.offer(id)?;
        match (self.past, newest.how) {
            (Some(past), How::Auto | How::Code) => past.offer(id),
            (Some(_), How::Claim | How::Buy | How::Issue) | (None, _) => Some(newest),
        }
    }

    /// The grant that an `auto` offer has become in the window, if it was used before.
    pub(super) fn of_window(&self, id: &OfferId) -> Option<usize> {
        let own = |grant: &Grant| grant.offer == *id && grant.valid_until.is_none_or(|until| until > self.at);
        self.grants().iter().rposition(own)
    }

    /// The member's other grants of discounts that may be used: the best are chosen among them too.
    fn others(&self, named: &[Named]) -> Vec<usize> {
        let is_named =
            |place: usize| named.iter().any(|own| matches!(own, Named::Grant(own) if *own == place));
        let usable = |(place, grant): &(usize, &Grant)| {
            let newest = self.shelf.offer(&grant.offer);
            newest.is_some_and(|newest| matches!(newest.gives, Gives::Discount(_)) && newest.how != How::Auto)
                && State::of(grant, self.now, self.at) == State::Granted
                && !is_named(*place)
        };
        self.grants().iter().enumerate().filter(usable).map(|(place, _)| place).collect()
    }

    /// A written grant as a coupon. One of an `auto` offer is governed by the newest version, and its window counts.
    pub(super) fn grant(&self, place: usize, offer: Arc<Offer>, is_listed: bool) -> Found {
        let grant = &self.grants()[place];
        let is_auto = offer.how == How::Auto;
        let state = match State::of(grant, self.now, self.at) {
            State::Held { .. } if is_auto => State::Granted,
            state => state,
        };
        Found {
            name: CouponName::Grant(grant.id),
            offer: Some(offer),
            is_code: false,
            is_listed,
            state,
            left: grant.left.map(u64::from).filter(|_| !is_auto),
            ends: grant.valid_until,
            issued: place as u64,
            place: Some(place),
            printed: None,
        }
    }

    fn code(&self, typed: &str) -> Found {
        let found = match self.past {
            Some(past) => past.of_word(typed),
            None => self.shelf.of_word(typed).filter(|offer| offer.how == How::Code),
        };
        let nothing = Found::of_nothing(CouponName::Code(typed.to_owned()), true);
        Found { offer: found.cloned(), ..nothing }
    }
}

impl Offers {
    /// The coupons that a draft lists, grants before codes; to choose the best, then the member's others.
    pub(super) async fn coupons(&self, finder: &Finder<'_>) -> Result<Vec<Found>, Error> {
        let draft = finder.draft;
        let mut named: Vec<Named> = draft.grants.iter().map(|named| finder.named(named)).collect();
        let listed = named.len();
        if draft.choose == Choose::Best {
            let others = finder.others(&named);
            named.extend(others.into_iter().map(Named::Grant));
        }
        let governs = |place: usize| {
            let grant = &finder.grants()[place];
            let newest = finder.governing(&grant.offer).filter(|newest| newest.how == How::Auto);
            let version = newest.map_or(grant.version, |newest| newest.version);
            (grant.offer.clone(), version)
        };
        let grants = named.iter().filter_map(|named| match named {
            Named::Grant(place) => Some(governs(*place)),
            Named::Virtual(..) | Named::Nothing => None,
        });
        let versions = self.programme.versions_of_offers(&grants.collect::<Vec<_>>()).await?;
        let grant = |place: usize, is_listed: bool| {
            let offer = versions.get(&governs(place)).cloned();
            offer.map(|offer| finder.grant(place, offer, is_listed))
        };
        let mut found = Vec::with_capacity(named.len() + draft.codes.len());
        for (sent, named) in draft.grants.iter().zip(&named) {
            let nothing = |name| Found::of_nothing(name, false);
            found.push(
                match named {
                    Named::Grant(place) => grant(*place, true),
                    Named::Virtual(offer, written) => {
                        let id = written.and_then(|place| finder.grants()[place].id);
                        Some(Found { offer: Some(offer.clone()), ..nothing(CouponName::Grant(id)) })
                    }
                    Named::Nothing => None,
                }
                .unwrap_or_else(|| nothing(CouponName::Sent(sent.sent.clone()))),
            );
        }
        for typed in &draft.codes {
            let code = finder.code(typed);
            found.push(match draft.printed.get(typed) {
                Some(printed) => self.printed(finder, *printed, None, code).await?,
                None => code,
            });
        }
        found.extend(named[listed..].iter().filter_map(|named| match named {
            Named::Grant(place) => grant(*place, false),
            Named::Virtual(..) | Named::Nothing => None,
        }));
        Ok(found)
    }

    /// A printed code as a coupon, of the version that a quote promised, if one did. Where there is no such code, or it was
    /// taken back, it stays what was found. What a use that is told anew has of it counts as left.
    pub(super) async fn printed(
        &self,
        finder: &Finder<'_>,
        code: Printed,
        promised: Option<Arc<Offer>>,
        found: Found,
    ) -> Result<Found, Error> {
        let newest = finder.shelf.of_number(code.offer).filter(|offer| offer.how == How::Code);
        let Some(offer) = newest.and_then(|newest| finder.governing(&newest.id)) else { return Ok(found) };
        let key = keys::printed_code(&offer.id, code);
        let (record, version) = self.records.read::<PrintedCodeRecord>(&key).await?.unzip();
        finder.holdings.basis.note(&key, version);
        let record = record.unwrap_or_default();
        let had = finder.holdings.pieces_had(code.id());
        let quantity = match self.quantity_of(&offer.id, code).await? {
            None if had == 0 => return Ok(found),
            // Nothing but what the use has.
            None => record.taken,
            Some(quantity) => quantity,
        };
        let own = finder.holdings.own.as_ref();
        let held = record.held.filter(|held| {
            finder.now < held.until && own.is_none_or(|(brand, by)| (brand, by) != (&held.brand, &held.by))
        });
        let left = u64::from(quantity.saturating_sub(record.taken)).saturating_add(had);
        let state = match held {
            _ if left == 0 => State::Used,
            Some(held) if had == 0 => State::Held { until: held.until },
            Some(_) | None => State::Granted,
        };
        let offer = Some(promised.unwrap_or_else(|| offer.clone()));
        Ok(Found { offer, state, left: Some(left), printed: Some(code), ..found })
    }

    /// How often a printed code may be used in all; `None` if there is no such code, or it was taken back.
    pub(super) async fn quantity_of(&self, offer: &OfferId, code: Printed) -> Result<Option<u32>, Error> {
        let batches = self.accounts.printed(offer).await?;
        let batch = usize::try_from(code.batch).ok().and_then(|place| batches.get(place));
        let batch = batch.filter(|batch| code.index < batch.count && batch.revoked.is_none());
        Ok(batch.map(|batch| batch.quantity))
    }
}
