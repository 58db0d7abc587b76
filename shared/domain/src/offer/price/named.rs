//! Grants as a draft names them: by their own ids, or by their offer's.

use super::State;
use crate::{
    id::OfferId,
    offer::grant::{self, Grant},
    time::Instant,
};

/// Which of a member's grants an offer's id stands for: one that is granted, has begun and is not listed itself; of
/// several the one that ends first, then in order of issue, in which they are given. Of an `auto` offer it stands for
/// what its window has left, and no grant is looked for.
pub fn stands_for<'g>(
    offer: &OfferId,
    grants: impl IntoIterator<Item = &'g Grant>,
    is_listed: impl Fn(&Grant) -> bool,
    now: Instant,
    at: Instant,
) -> Option<&'g Grant> {
    let usable = grants.into_iter().filter(|grant| {
        grant.offer == *offer && State::of(grant, now, at) == State::Granted && !is_listed(grant)
    });
    usable.min_by_key(|grant| (grant.valid_until.is_none(), grant.valid_until))
}

impl State {
    /// What a grant says of itself `now`, to an order that happened `at` a moment, which is earlier where a till tells it
    /// late: by that it has begun and not ended, and all else is as of now.
    pub fn of(grant: &Grant, now: Instant, at: Instant) -> State {
        match grant.state(now) {
            grant::State::Revoked => State::Revoked,
            grant::State::Used => State::Used,
            grant::State::Given { until } => State::Given { until },
            grant::State::Held(held) => State::Held { until: held.until },
            grant::State::Expired | grant::State::Granted => {
                if grant.valid_until.is_some_and(|until| until <= at) {
                    State::Expired
                } else if grant.has_begun(at) {
                    State::Granted
                } else {
                    State::NotYet { valid_from: grant.valid_from }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{BrandId, MemberId},
        offer::{
            How,
            grant::{Held, HeldBy},
        },
    };

    fn grant(offer: &str, version: u32, from: i64, until: Option<i64>) -> Grant {
        Grant {
            id: None,
            offer: OfferId::of_checked(offer),
            version,
            member: MemberId([1; 16]),
            quantity: Some(2),
            left: Some(2),
            valid_from: Instant(from),
            valid_until: until.map(Instant),
            revoked: false,
            given_until: None,
            held: None,
            source: How::Issue,
            issued_at: Some(Instant(0)),
            code: None,
        }
    }

    #[test]
    fn a_grant_tells_its_state_by_now_and_its_time_by_the_order() {
        let whole = || grant("c", 1, 10, Some(20));
        let held = |until: i64| {
            let by = HeldBy::Order(crate::id::OrderId::of_checked("A1"));
            Some(Held { brand: BrandId::of_checked("acme"), by, until: Instant(until) })
        };
        for (what, grant, now, at, want) in [
            ("it may be used", whole(), 15, 15, State::Granted),
            ("not yet", whole(), 9, 9, State::NotYet { valid_from: Instant(10) }),
            ("from its begin on", whole(), 10, 10, State::Granted),
            ("its end is exclusive", whole(), 20, 20, State::Expired),
            ("told late it had not ended", whole(), 25, 19, State::Granted),
            ("told late it had not begun", whole(), 15, 9, State::NotYet { valid_from: Instant(10) }),
            ("none is left", Grant { left: Some(0), ..whole() }, 15, 15, State::Used),
            ("it was taken back", Grant { revoked: true, left: Some(0), ..whole() }, 25, 25, State::Revoked),
            ("held now", Grant { held: held(30), ..whole() }, 25, 19, State::Held { until: Instant(30) }),
            ("free again", Grant { held: held(14), ..whole() }, 15, 13, State::Granted),
            (
                "given away",
                Grant { given_until: Some(Instant(16)), held: held(30), ..whole() },
                15,
                15,
                State::Given { until: Instant(16) },
            ),
        ] {
            assert_eq!(State::of(&grant, Instant(now), Instant(at)), want, "{what}");
        }
    }

    #[test]
    fn an_offers_id_stands_for_the_grant_that_ends_first() {
        let grants = [
            grant("c", 1, 0, None),
            grant("c", 2, 0, Some(90)),
            grant("d", 3, 0, Some(20)),
            grant("c", 4, 0, Some(50)),
            grant("c", 5, 0, Some(50)),
            grant("c", 6, 40, Some(45)),
            grant("c", 7, 0, Some(9)),
            Grant { revoked: true, ..grant("c", 8, 0, Some(30)) },
        ];
        for (what, listed, now, want) in [
            ("of equal ends the first issued", &[][..], 10, Some(4)),
            ("what is listed stands for itself", &[4], 10, Some(5)),
            ("then the next", &[4, 5], 10, Some(2)),
            ("one without an end comes last", &[2, 4, 5], 10, Some(1)),
            ("none is left", &[1, 2, 4, 5], 10, None),
            ("what has begun", &[], 40, Some(6)),
        ] {
            let is_listed = |grant: &Grant| listed.contains(&grant.version);
            let found = stands_for(&OfferId::of_checked("c"), &grants, is_listed, Instant(now), Instant(now));
            assert_eq!(found.map(|grant| grant.version), want, "{what}");
        }
    }
}
