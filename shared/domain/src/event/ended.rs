//! Points whose lots have ended, as a redemption that is told late asks for them (rules, 5).

use std::collections::BTreeMap;

use super::{Event, History};
use crate::{id::BrandId, number::signed, time::Instant};

/// Points of a lot that has ended: what expired of it without hold and has not come back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// The lot's end.
    pub expires_at: Instant,
    /// Its issuer.
    pub brand: BrandId,
    /// How many, from 1.
    pub points: u64,
}

impl History {
    /// What ended after `then` and by `now`, the earliest end first, of one end by brand. The history must
    /// reach back to `then`.
    pub fn ended(&self, then: Instant, now: Instant) -> Vec<Ended> {
        let mut left: BTreeMap<(Instant, &BrandId), i64> = BTreeMap::new();
        for Event { movement, kind, .. } in &self.events {
            if !kind.row().moves.is_of_ended() {
                continue;
            }
            for share in movement.shares.iter().filter(|share| share.held_until.is_none()) {
                if let Some(end) = share.expires_at.filter(|end| then < *end && *end <= now) {
                    *left.entry((end, &share.brand)).or_default() -= share.points;
                }
            }
        }
        let left = left.into_iter().filter(|(_, points)| *points > 0);
        left.map(|((expires_at, brand), points)| Ended {
            expires_at,
            brand: brand.clone(),
            points: points.unsigned_abs(),
        })
        .collect()
    }
}

impl Ended {
    /// The lots that so many points come back into, those that ended first before others.
    pub fn first(ended: &[Ended], points: u64) -> Vec<super::Share> {
        let mut rest = points;
        let shares = ended.iter().map_while(|lot| {
            let back = lot.points.min(rest);
            rest -= back;
            (back > 0).then(|| super::Share {
                expires_at: Some(lot.expires_at),
                brand: lot.brand.clone(),
                held_until: None,
                points: signed(back),
            })
        });
        shares.collect()
    }
}
