//! Grants 持有: what one member has of one offer (rewards.md, 2).

use super::{Ends, How, Valid};
use crate::{
    id::{BrandId, GrantId, MemberId, OfferId, OrderId, UseId},
    time::{Instant, Zone},
};

/// What one member has of one offer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Its id; `None` while it is virtual: of an `auto` offer, in a window, before it is first held or used.
    pub id: Option<GrantId>,
    /// The offer.
    pub offer: OfferId,
    /// The version that governs it.
    pub version: u32,
    /// Whose it is.
    pub member: MemberId,
    /// How often it may be used in all; `None` is without bounds.
    pub quantity: Option<u32>,
    /// How often still; `None` is without bounds. A hold takes nothing of it.
    pub left: Option<u32>,
    /// From when on it may be used.
    pub valid_from: Instant,
    /// Before when; `None` is for ever.
    pub valid_until: Option<Instant>,
    /// Whether it was taken back.
    pub revoked: bool,
    /// That it is offered to somebody else, until then.
    pub given_until: Option<Instant>,
    /// By what it is set aside, and until when.
    pub held: Option<Held>,
    /// How it came.
    pub source: How,
    /// When it was issued; of a virtual one never.
    pub issued_at: Option<Instant>,
    /// The code of somebody else's that it has handed out, sealed.
    pub code: Option<Vec<u8>>,
}

/// That a grant is set aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// The brand of that order or use.
    pub brand: BrandId,
    /// For what.
    pub by: HeldBy,
    /// Until when; from then on it is free.
    pub until: Instant,
}

/// What a grant is set aside for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HeldBy {
    /// An order of the brand's at which it is held.
    Order(OrderId),
    /// A use without an order.
    Use(UseId),
}

/// What a grant is at a moment. What ends by time follows from the moment and is never written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State<'a> {
    /// It was taken back.
    Revoked,
    /// None is left.
    Used,
    /// It is offered to somebody else.
    Given {
        /// Until when.
        until: Instant,
    },
    /// It is set aside.
    Held(&'a Held),
    /// It has ended.
    Expired,
    /// It can be used, now or from `valid_from` on.
    Granted,
}

impl State<'_> {
    /// The word on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            State::Revoked => "revoked",
            State::Used => "used",
            State::Given { .. } => "given",
            State::Held(_) => "held",
            State::Expired => "expired",
            State::Granted => "granted",
        }
    }
}

impl Grant {
    /// What it is then: the first that fits.
    pub fn state(&self, at: Instant) -> State<'_> {
        let given = self.given_until.filter(|until| at < *until);
        let held = self.held.as_ref().filter(|held| at < held.until);
        match (given, held) {
            _ if self.revoked => State::Revoked,
            _ if self.left == Some(0) => State::Used,
            (Some(until), _) => State::Given { until },
            (None, Some(held)) => State::Held(held),
            (None, None) if self.valid_until.is_some_and(|until| until <= at) => State::Expired,
            (None, None) => State::Granted,
        }
    }

    /// Whether it has begun.
    pub fn has_begun(&self, at: Instant) -> bool {
        self.valid_from <= at
    }
}

impl Valid {
    /// From when on what is issued then may be used.
    pub fn begin(&self, zone: Zone, issued: Instant) -> Instant {
        let first = self.starts_days.map(|days| zone.midnight(zone.day(issued).plus_days(days)));
        // With 0 days it is at once.
        first.map_or(issued, |first| first.max(issued))
    }

    /// Before when what is issued then may be used; `None` is for ever.
    pub fn end(&self, zone: Zone, issued: Instant) -> Option<Instant> {
        match self.ends {
            Ends::Never => None,
            Ends::Days(days) => Some(zone.midnight(zone.day(issued).plus_days(days))),
            Ends::Until(_) => self.issuing_ends(zone),
        }
    }

    /// From when on nothing is issued any more.
    pub fn issuing_ends(&self, zone: Zone) -> Option<Instant> {
        match self.ends {
            Ends::Until(day) => Some(zone.midnight(crate::time::Day::from_number(day))),
            Ends::Never | Ends::Days(_) => None,
        }
    }
}
