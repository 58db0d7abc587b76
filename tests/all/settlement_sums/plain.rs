//! The lines of points by plain arithmetic, each entry by itself.

use std::collections::BTreeMap;

use domain::{
    event::{Cancelled, EntryKind, RedemptionCancelled},
    id::BrandId,
    settlement::LineKind,
};
use num_bigint::BigInt;

use super::{Counted, Prices};

/// Adds to a line: brand, kind, points, and the price of one in millionths.
type Add<'a> = dyn FnMut(&BrandId, LineKind, i128, i128) + 'a;

/// The lines by plain arithmetic: brand, kind, points, millionths.
pub(super) fn plainly(
    prices: &Prices,
    all: &[Counted],
    bought: &[(BrandId, u64)],
    digits: u32,
) -> BTreeMap<(BrandId, LineKind), (BigInt, BigInt)> {
    let mut lines: BTreeMap<(BrandId, LineKind), (BigInt, BigInt)> = BTreeMap::new();
    let mut add = |brand: &BrandId, kind: LineKind, points: i128, price: i128| {
        let line = lines.entry((brand.clone(), kind)).or_default();
        line.0 += points;
        line.1 += BigInt::from(points) * price;
    };
    let back = |redeemed: &Counted, brand: &BrandId, gone: Cancelled, add: &mut Add<'_>| {
        let price = prices[&(redeemed.version, brand.clone())].1;
        // Its points are numbered from the last that was drawn; those of the cancellation lie in a row.
        let from = i128::from(gone.before);
        let to = from + i128::from(gone.points);
        let mut end = 0;
        for share in redeemed.event.movement.shares.iter().rev() {
            let start = end;
            end += -i128::from(share.points);
            let back = (end.min(to) - start.max(from)).max(0);
            add(brand, LineKind::Honoured(share.brand.clone()), -back, price);
        }
    };
    for own in all {
        let of = own.reversed.as_deref();
        let issue = |counted: &Counted, brand: &BrandId| {
            if counted.in_blocks > 0 { 0 } else { prices[&(counted.version, brand.clone())].0 }
        };
        match &own.event.kind {
            EntryKind::OrderEarned(order) => {
                let lots: i64 = own.event.movement.shares.iter().map(|share| share.points).sum();
                let points = i128::from(lots) - i128::from(own.event.movement.debt);
                add(&order.brand, LineKind::Issued, points, issue(own, &order.brand));
            }
            EntryKind::OrderRefunded(refund) => {
                let price = issue(of.unwrap(), &refund.brand);
                add(&refund.brand, LineKind::Issued, -i128::from(refund.taken), price);
            }
            EntryKind::OrderRevised(revised) => {
                // What blocks gave or got back is paid for; the rest is worth what the order's first entry is.
                let brand = &revised.order.brand;
                let moved = i128::from(revised.added) - i128::from(revised.taken);
                let paid = moved.signum() * i128::from(own.in_blocks);
                add(brand, LineKind::Issued, paid, 0);
                add(brand, LineKind::Issued, moved - paid, issue(of.unwrap(), brand));
            }
            EntryKind::Adjusted { bill: false, .. } => {}
            EntryKind::Brought(brought) => {
                // None is generated: an import books what an adjustment does.
                assert!(!brought.bill);
            }
            EntryKind::Adjusted { brand, bill: true, .. } => {
                let points = i128::from(own.event.movement.shares[0].points);
                add(brand, LineKind::Issued, points, issue(own, brand));
            }
            EntryKind::ReferralGiven(given) => {
                let points = i128::from(given.rewarded.points);
                add(&given.brand, LineKind::Issued, points, issue(own, &given.brand));
            }
            EntryKind::ReferralTaken(back) => {
                add(&back.brand, LineKind::Issued, -i128::from(back.taken), issue(own, &back.brand));
            }
            EntryKind::PointsRedeemed { brand, .. } => {
                let price = prices[&(own.version, brand.clone())].1;
                for share in &own.event.movement.shares {
                    add(brand, LineKind::Honoured(share.brand.clone()), -i128::from(share.points), price);
                }
            }
            EntryKind::GrantIssued(bought) => {
                let brand = &bought.brand;
                let price = prices[&(own.version, brand.clone())].1;
                for share in &own.event.movement.shares {
                    add(brand, LineKind::Honoured(share.brand.clone()), -i128::from(share.points), price);
                }
            }
            EntryKind::RedemptionCancelled(RedemptionCancelled { brand, cancelled, .. }) => {
                back(of.unwrap(), brand, *cancelled, &mut add);
            }
            EntryKind::GrantRevoked(revoked) => {
                back(of.unwrap(), &revoked.brand, revoked.price.unwrap(), &mut add);
            }
            EntryKind::PointsExpired | EntryKind::PointsRestored => {
                for share in &own.event.movement.shares {
                    add(&share.brand, LineKind::Expired, -i128::from(share.points), 0);
                }
            }
            EntryKind::ActivityReversed(back) => {
                let price = issue(of.unwrap(), &back.brand);
                add(&back.brand, LineKind::Issued, -i128::from(back.taken), price);
            }
            EntryKind::ActivityEarned(_)
            | EntryKind::ActivityTook(_)
            | EntryKind::TierKept { .. }
            | EntryKind::TierChanged { .. }
            | EntryKind::TrialStarted { .. }
            | EntryKind::BadgeIssued { .. }
            | EntryKind::BadgeTaken { .. }
            | EntryKind::StatusChanged { .. }
            | EntryKind::MergedIn(_)
            | EntryKind::MergedAway(_)
            | EntryKind::PartedFrom(_)
            | EntryKind::Parted(_)
            | EntryKind::OfferUsed(_)
            | EntryKind::UseReversed(_) => {}
        }
    }
    for (brand, price) in bought {
        let line = lines.entry((brand.clone(), LineKind::BlockBought)).or_default();
        line.1 += BigInt::from(*price) * BigInt::from(10).pow(6 - digits);
    }
    lines.retain(|_, (points, value)| *points != BigInt::ZERO || *value != BigInt::ZERO);
    lines
}
