//! A member's standing.

use bytes::Bytes;
use domain::{
    brought::Opening,
    member::{
        Absorbed, ActivityCount, Badge, Lot, Member, MemberId, MergedInto, OrderStats, Periods, Rest, Rests,
        Standing, Status, Trial,
    },
};

use super::{
    Stored, first,
    layout::{Damaged, Layout, Reader, layout},
    second, third,
};

/// A member's standing, with where its ledger starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberRecord {
    /// The standing.
    pub member: Member,
    /// The newest entry's key, if that is not the member's own key for it.
    pub last: Option<Vec<u8>>,
    /// A shorter way to whom it leads, of one that was merged: good while that one has absorbed it.
    pub leads_to: Option<MemberId>,
}

impl Stored for MemberRecord {
    const FORMAT: u8 = 4;

    fn upgrade(format: u8, from: &mut Reader<'_>) -> Result<MemberRecord, Damaged> {
        match format {
            1 => first::Member::read(from).map(MemberRecord::from),
            2 => second::Member::read(from).map(MemberRecord::from),
            3 => third::Member::read(from).map(MemberRecord::from),
            _ => Err(Damaged),
        }
    }
}

/// The record of these, without copying the member.
pub(crate) fn encode_member(member: &Member, last: &Option<Vec<u8>>) -> Bytes {
    super::framed::<MemberRecord>(|out| write_member(member, last, None, out))
}

fn write_member(member: &Member, last: &Option<Vec<u8>>, leads_to: Option<MemberId>, out: &mut Vec<u8>) {
    member.write(out);
    last.write(out);
    leads_to.write(out);
}

impl Layout for MemberRecord {
    fn write(&self, out: &mut Vec<u8>) {
        let MemberRecord { member, last, leads_to } = self;
        write_member(member, last, *leads_to, out);
    }

    fn read(from: &mut Reader<'_>) -> Result<MemberRecord, Damaged> {
        let (member, last) = (Member::read(from)?, Layout::read(from)?);
        Ok(MemberRecord { member, last, leads_to: Layout::read(from)? })
    }
}

layout! {
    struct Member {
        id, status, registered_at, as_of, version, seq, growth, period_growth, standing, lifetime, trial, tried, lots, debt,
        active_on, ends_with, badges, by_hand, tags, granted, activities, orders, opening, merged, absorbed,
        brought_by, friends,
    }
}
layout! { struct MergedInto { member, merge, at } }
layout! { struct Absorbed { member, merge, at } }
layout! { struct Opening { growth, tier, tier_until, prior_orders, prior_amount } }
layout! { enum Status { 0 = Active, 1 = Suspended, 2 = Closed, 3 = Erased, 4 = Merged } }
layout! { struct Standing { tier, since, valid_until, kept, counted } }
layout! { struct Periods { from, months, number } }
layout! { struct Trial { tier, until } }
layout! { struct Lot { expires_at, brand, held_until, points } }
layout! { struct Badge { id, issued_at } }
layout! { struct ActivityCount { id, days, streak_day, streak } }
layout! { struct OrderStats { count, amount, rests, first_at, last_at, categories, more_categories } }
layout! { struct Rest { of, parts, orders } }

/// A list, of what orders can leave.
impl Layout for Rests {
    fn write(&self, out: &mut Vec<u8>) {
        (self.all().len() as u64).write(out);
        Rest::write_all(self.all(), out);
    }

    fn read(from: &mut Reader<'_>) -> Result<Rests, Damaged> {
        Rests::of(Layout::read(from)?).ok_or(Damaged)
    }
}
