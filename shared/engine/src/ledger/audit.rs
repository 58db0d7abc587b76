//! The audit: recomputes every member from its ledger alone and compares. It shares only [`evolve_unchecked`]
//! with the engine, and decides no rule again.

use std::collections::BTreeMap;

use domain::{
    event::Redemption,
    evolve_unchecked,
    id::{RedemptionId, TierId},
    member::{Member, MemberId},
    programme::Timeline,
};
use sha2::{Digest, Sha256};

use crate::{
    ledger::{
        Ledger,
        act::redemption_id,
        always::{Seen, check},
        audit_offers::check_grants,
        family::Family,
        orders::Orders,
        parts::paid_part,
        standing::newborn,
    },
    store::{
        Key,
        error::Error,
        keys,
        reading::{newest, previous},
        records::{EntryRecord, MemberRecord, encode},
    },
};

/// What an audit of one member found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Entries of the member's ledger.
    pub entries: u64,
    /// Identities of the person behind it.
    pub identities: u64,
    /// SHA-256 of the member's record and its entries as stored, oldest first.
    pub digest: [u8; 32],
    /// What does not agree, in words; empty if all does.
    pub differences: Vec<String>,
    /// Points by kind of entry.
    pub points: BTreeMap<&'static str, i64>,
    /// Entries by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// The tier.
    pub tier: TierId,
}

impl Finding {
    /// For a member of that tier, before any check.
    pub(super) fn of_tier(tier: TierId) -> Finding {
        Finding {
            entries: 0,
            identities: 0,
            digest: [0; 32],
            differences: Vec::new(),
            points: BTreeMap::new(),
            kinds: BTreeMap::new(),
            tier,
        }
    }

    /// Counts the next entry, up to which the member's come to that sum.
    fn count(&mut self, entry: &EntryRecord, balance: i64) {
        let kind = entry.event.kind.row().word;
        self.entries += 1;
        *self.points.entry(kind).or_default() += entry.event.movement.points();
        *self.kinds.entry(kind).or_default() += 1;
        let (seq, place) = (entry.seq, self.entries);
        if seq != place {
            self.differences.push(format!("entry {seq} stands where {place} belongs"));
        }
        if entry.balance_after != balance {
            let says = entry.balance_after;
            self.differences.push(format!("entry {seq} says {says} where the sum is {balance}"));
        }
    }
}

impl Ledger {
    /// Recomputes a member from its ledger.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn audit_member(&self, id: MemberId) -> Result<Finding, Error> {
        let loaded = self.records.load(id).await?.ok_or(domain::refusal::Refusal::MemberNotFound)?;
        let family = Family::read(self, &loaded.record).await?;
        let entries = family.ledger(id);
        let programmes = self.programme.timeline()?;
        let mut finding = fold(&programmes, &loaded.record.member, &family);
        self.check_uses(id, &family.in_order(), &mut finding.differences).await?;
        let person = self.records.person(id).await?;
        finding.identities = person.map_or(0, |(person, _)| person.identities.len() as u64);
        let mut hash = Sha256::new_with_prefix(encode(&loaded.record));
        entries.iter().for_each(|entry| hash.update(encode(entry)));
        finding.digest = hash.finalize().into();
        if let Some(at) = loaded.record.member.due_at()
            && self.records.get(&keys::due(at, id)).await?.is_none()
        {
            finding.differences.push("is missing from the due index".to_owned());
        }
        for entry in entries {
            if let Some(key) = paid_part(&entry.event.kind)
                && self.records.get(&key).await?.is_none()
            {
                finding.differences.push(format!("entry {} is missing from its order's parts", entry.seq));
            }
        }
        Ok(finding)
    }

    /// Every entry of a member, oldest first.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn whole_ledger(&self, record: &MemberRecord) -> Result<Vec<EntryRecord>, Error> {
        let mut entries = Vec::new();
        let mut next: Option<Key> = newest(record);
        while let Some(key) = next {
            // If the ledger breaks off, the numbers of its entries show what is missing.
            let Some(entry) = self.records.entry_at(&key).await? else {
                break;
            };
            next = previous(&entry);
            entries.push(entry);
        }
        entries.reverse();
        Ok(entries)
    }
}

fn fold(programmes: &Timeline, stored: &Member, family: &Family) -> Finding {
    let mut finding = Finding::of_tier(stored.standing.tier.clone());
    let born = |(id, (record, _)): (&MemberId, &(MemberRecord, Vec<EntryRecord>))| {
        (*id, (newborn(programmes, *id, record.member.registered_at), 0))
    };
    let mut folded: BTreeMap<MemberId, (Member, i64)> = family.members.iter().map(born).collect();
    for (index, entry) in family.ledger(stored.id).iter().enumerate() {
        if entry.member != stored.id {
            finding.differences.push(format!("entry {} stands where {} belongs", entry.seq, index + 1));
        }
    }
    let (mut seen, mut of_others) = (Seen::default(), Vec::new());
    let in_order = family.in_order();
    for entry in &in_order {
        let Some((member, balance)) = folded.get_mut(&entry.member) else { continue };
        let is_own = entry.member == stored.id;
        *balance += entry.event.movement.points();
        if is_own {
            finding.count(entry, *balance);
        }
        let differences = if is_own { &mut finding.differences } else { &mut of_others };
        check(member, entry, &mut seen, differences);
        evolve_unchecked(member, &entry.event);
    }
    family.check_merges(stored.id, &mut finding.differences);
    let Some((mut folded, _)) = folded.remove(&stored.id) else { return finding };
    if stored.merged.is_none() {
        folded.mature(stored.as_of);
    }
    // The entries tell only of the versions that raised somebody.
    folded.version = stored.version;
    folded.tags.clone_from(&stored.tags);
    // It was told at registration.
    folded.brought_by = stored.brought_by;
    // 0.1.0 recorded in its entries alone how far they moved the one instant of all points.
    if stored.ends_with < folded.ends_with {
        folded.ends_with = stored.ends_with;
    }
    compare(stored, &folded, &mut finding.differences);
    check_states(stored.id, &in_order, &mut finding.differences);
    check_grants(stored.id, &in_order, &mut finding.differences);
    finding
}

fn compare(stored: &Member, folded: &Member, differences: &mut Vec<String>) {
    let mut differs = |what: &str, stored: String, folded: String| {
        if stored != folded {
            differences.push(format!("{what}: stored {stored}, by the ledger {folded}"));
        }
    };
    differs("entries", stored.seq.to_string(), folded.seq.to_string());
    differs("balance", stored.balance().to_string(), folded.balance().to_string());
    differs("debt", stored.debt.to_string(), folded.debt.to_string());
    differs("lots", format!("{:?}", stored.lots), format!("{:?}", folded.lots));
    differs("growth", stored.growth.to_string(), folded.growth.to_string());
    differs("period growth", stored.period_growth.to_string(), folded.period_growth.to_string());
    differs("tier", format!("{:?}", stored.standing), format!("{:?}", folded.standing));
    differs("trial", format!("{:?}", stored.trial), format!("{:?}", folded.trial));
    differs("badges", format!("{:?}", stored.badges), format!("{:?}", folded.badges));
    differs("orders", format!("{:?}", stored.orders), format!("{:?}", folded.orders));
    if stored != folded && differences.is_empty() {
        differences.push("counters differ".to_owned());
    }
}

/// Every order is as its last refund or revision left it, with never more taken back than it gave; and so much of every
/// redemption is cancelled as entries cancel.
fn check_states(own: MemberId, entries: &[&EntryRecord], differences: &mut Vec<String>) {
    let mut orders = Orders::default();
    let mut cancelled: BTreeMap<RedemptionId, u64> = BTreeMap::new();
    for entry in entries {
        orders.follow(&entry.event);
        let row = entry.event.kind.row();
        if let (Some(Redemption::Cancelled(redemption)), Some(gone)) =
            (row.redemption, row.moves.given_back())
        {
            let sum = cancelled.entry(redemption).or_default();
            *sum = sum.saturating_add(gone.points);
        }
    }
    for entry in entries.iter().filter(|entry| entry.member == own) {
        let row = entry.event.kind.row();
        if let Some(order) = row.order
            && let Some(followed) = orders.get(&order.brand, &order.order_id)
        {
            followed.differences(entry, differences);
        }
        if let Some(Redemption::Made { brand, order_id, part }) = row.redemption {
            let known = cancelled.get(&redemption_id(brand, order_id, part)).copied().unwrap_or(0);
            if entry.cancelled != known {
                let stored = entry.cancelled;
                differences.push(format!(
                    "the redemption of order {order_id}: {stored} points are stored as cancelled, {known} by the ledger"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::records::KeptOrder;
    use domain::{
        event::{EntryKind, Order, OrderRefunded, OrderState},
        number::{Fraction, Money, SignedMoney},
        time::{DayNumber, Instant},
    };

    use super::*;

    /// An order that gave 100 points, and its refunds: what each took, and what it says it left, as points
    /// and as the total taken so far.
    fn found(refunds: &[(u64, u64, u64)]) -> Vec<String> {
        found_saying(refunds, |_, _| ())
    }

    /// The same, with something else said in the entry of that place.
    fn found_saying(refunds: &[(u64, u64, u64)], say: impl Fn(usize, &mut OrderRefunded)) -> Vec<String> {
        let order = Order {
            brand: "acme".parse().unwrap(),
            order_id: "A-1".parse().unwrap(),
            day: DayNumber(1),
            channel: None,
            amount: Money(0),
            lines: Vec::new(),
            tier: TierId::of_checked("basic"),
            version: 1,
            calculated: 100,
            granted: 100,
            growth: 0,
            lot: None,
            boosts: None,
            referral: None,
        };
        let mut state = OrderState::new(&order);
        let mut kept = KeptOrder::new(&order, &Vec::new(), false);
        let refunds: Vec<EntryRecord> = refunds
            .iter()
            .enumerate()
            .map(|(place, &(takes, points, taken))| {
                state = OrderState { points, taken, refunds: state.refunds + 1, ..state.clone() };
                let (brand, order_id) = (order.brand.clone(), order.order_id.clone());
                let (amount, after) = (SignedMoney(0), state.clone());
                let mut refund = OrderRefunded {
                    brand,
                    order_id,
                    revision: 1,
                    amount,
                    rest_before: Fraction::NONE,
                    closes: false,
                    taken: takes,
                    after,
                };
                say(place, &mut refund);
                EntryRecord::plain(Instant(1_000), EntryKind::OrderRefunded(refund))
            })
            .collect();
        let earned = EntryRecord::plain(Instant(1_000), EntryKind::OrderEarned(Box::new(order)));
        kept.now.state = state;
        let mut entries = vec![EntryRecord { order: Some(kept), ..earned }];
        entries.extend(refunds);
        let mut differences = Vec::new();
        check_states(MemberId([1; 16]), &entries.iter().collect::<Vec<_>>(), &mut differences);
        differences
    }

    #[test]
    fn an_order_leaves_what_the_entry_before_says() {
        let (refunds, half) = ([(0, 100, 0), (0, 100, 0)], Fraction::beyond_wholes(1, 2).unwrap());
        let wrong = vec!["order A-1: an entry says that another rest remained of it".to_owned()];
        let left = |place: usize, refund: &mut OrderRefunded| {
            if place == 0 {
                refund.after.rest = half;
            }
        };
        assert_eq!(found_saying(&refunds, left), wrong);
        let taken_up = |place: usize, refund: &mut OrderRefunded| {
            left(place, refund);
            if place == 1 {
                refund.rest_before = half;
            }
        };
        assert_eq!(found_saying(&refunds, taken_up), [""; 0]);
    }

    #[test]
    fn refunds_take_no_more_than_the_order_gave() {
        let took = |points: u64| vec![format!("order A-1: {points} points were taken of 100 given")];
        for (refunds, want) in [
            (&[][..], Vec::new()),
            (&[(30, 70, 30)], Vec::new()),
            (&[(30, 70, 30), (70, 0, 100)], Vec::new()),
            // Some had expired, and were not taken.
            (&[(20, 70, 20)], Vec::new()),
            (&[(0, 100, 0)], Vec::new()),
            // More is taken than the order no longer gives.
            (&[(31, 70, 31)], took(31)),
            (&[(60, 40, 60), (50, 0, 110)], took(110)),
            // The order gives more than it gave.
            (&[(0, 101, 0)], took(0)),
            // What the order says it gave back is not what was taken.
            (&[(20, 70, 30)], took(20)),
            (&[(20, 70, 19)], took(20)),
        ] {
            assert_eq!(found(refunds), want, "{refunds:?}");
        }
    }
}
