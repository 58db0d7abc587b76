//! Gifts: grants that staff or a campaign give for an order, and that fall with it (rewards.md, 2).

use std::collections::BTreeMap;

use domain::{
    decide::{Context, Decision, Gift},
    id::{BrandId, OfferId, OrderId},
    member::Member,
    refusal::Refusal,
    time::DayNumber,
};

use crate::{
    ledger::{
        Ledger,
        issued::{family, grant_of, is_window, issued_by},
        parts::Target,
    },
    store::{
        Expect, Key, Version, Write,
        error::Error,
        keys,
        reading::Loaded,
        records::{EntryRecord, decode},
        write::put,
    },
};

/// The most gifts for one order: all of them fall in one commit.
const GIFTS_MAX: usize = 20;

impl Ledger {
    /// Whether staff may give something for that order of the member: it is there, something of it remains, and it has not
    /// too many gifts.
    pub(super) async fn must_take_gifts(
        &self,
        member: &Member,
        brand: &BrandId,
        order_id: &OrderId,
    ) -> Result<(), Error> {
        let entry = self.records.entry_at(&keys::order(brand, order_id)).await?;
        let entry = entry.filter(|entry| family(member).any(|own| own == entry.member));
        let entry = entry.ok_or(Refusal::OrderNotFound)?;
        let now = entry.as_order().map(|(_, now)| now).ok_or(Refusal::OrderNotFound)?;
        if now.state.closed {
            return Err(Refusal::OrderRefunded { revision: now.revision }.into());
        }
        match self.gifts(member, brand, order_id).await?.len() < GIFTS_MAX {
            true => Ok(()),
            false => Err(Refusal::LimitExceeded { what: "gifts" }.into()),
        }
    }

    /// The grants that were given for that order, with what wrote them.
    async fn gifts(
        &self,
        member: &Member,
        brand: &BrandId,
        order_id: &OrderId,
    ) -> Result<Vec<(Key, EntryRecord, Version)>, Error> {
        let mut gifts = Vec::new();
        for holder in family(member) {
            for (key, record) in self.records.scan_all(keys::grants(holder)).await? {
                if is_window(&key) {
                    continue;
                }
                let entry: EntryRecord = decode(&key, &record.value)?;
                let is_gift = issued_by(&entry).is_some_and(|issued| {
                    issued.name.holder == holder
                        && issued.order_id.as_ref() == Some(order_id)
                        && issued.brand == *brand
                });
                if is_gift {
                    gifts.push((key, entry, record.version));
                }
            }
        }
        Ok(gifts)
    }

    /// The decision, and where nothing remains of the order by it what becomes of its gifts: those of which nothing was used
    /// are taken back, and their pieces return to the stock.
    pub(super) async fn with_gifts(
        &self,
        context: &Context<'_>,
        decision: Decision,
        (loaded, timely): (&Loaded, usize),
        target: Option<&Target>,
    ) -> Result<(Decision, Vec<Write>), Error> {
        let order = target.and_then(|target| target.entry.as_order());
        let closes = decision.order.as_ref().is_some_and(|now| now.state.closed);
        let (Some((order, _)), true) = (order.filter(|(_, now)| !now.state.closed), closes) else {
            return Ok((decision, Vec::new()));
        };
        let member = &loaded.record.member;
        let mut gifts = self.gifts(member, &order.brand, &order.order_id).await?;
        gifts.retain(|(_, entry, _)| {
            let kept = entry.grant.as_deref();
            let is_used = issued_by(entry).is_none_or(|issued| issued.is_used);
            !is_used && kept.is_none_or(|kept| kept.taken == 0 && kept.revoked.is_none())
        });
        let falling: Vec<Gift<'_>> = gifts
            .iter()
            .filter_map(|(_, entry, _)| {
                let issued = issued_by(entry)?;
                Some(Gift { issued, grant: grant_of(issued, entry, &decision.member) })
            })
            .collect();
        // The entries that take them back follow on all others.
        let first = member.seq + 1 + (timely + decision.events.len()) as u64;
        let decision = decision.without_gifts(context, &falling);
        let today = context.programme().zone.day(context.now).number();
        let mut back: BTreeMap<OfferId, Vec<(u32, DayNumber)>> = BTreeMap::new();
        let mut writes = Vec::new();
        for ((key, entry, version), seq) in gifts.iter().zip(first..) {
            let mut entry = entry.clone();
            if let Some(issued) = entry.event.kind.issued() {
                back.entry(issued.offer.clone()).or_default().push((issued.pieces, entry.event.today));
            }
            let by = keys::entry(member.id, seq);
            entry.grant.get_or_insert_default().revoked = Some(by.as_bytes().to_vec());
            writes.push(put(key.clone(), Expect::Version(*version), &entry));
        }
        for (offer, pieces) in back {
            let account = self.account_of_issued(&offer, member.id).await?;
            writes.extend(account.return_issued(&pieces, today));
        }
        Ok((decision, writes))
    }
}
