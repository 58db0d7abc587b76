//! A commit in the making, part by part: members with their entries, the orders and redemptions that change
//! with them, what accounts give and take, and what is remembered of the request. All of it is written
//! together or not at all, and there may be several of each.

use domain::{
    decide::Decision,
    event::{EntryKind, Event, OrderNow, Redemption, points_drawn},
    id::BrandId,
    member::{Member, MemberId},
    programme::Timeline,
    refusal::Refusal,
    time::Instant,
};

use crate::{
    accounts::Points,
    ledger::{act::redemption_id, standing::version_of},
    programme::Programmes,
    store::{
        Change, Expect, Key, VALUE_BYTES_MAX, Version, Write,
        id::ContentHash,
        keys,
        reading::Loaded,
        records::{By, Changed, EntryRecord, KeptGrant, KeptOrder, Outcome, encode, encode_member},
        write::{delete, mark, put, unchanged},
    },
};

/// The entry that a command is about, where it has a name of its own.
pub(crate) struct Primary {
    /// Which of the events it is.
    pub(crate) index: usize,
    /// Its natural key.
    pub(crate) key: Option<Key>,
    /// The hash of the request's content.
    pub(crate) content: ContentHash,
    /// What the answer adds.
    pub(crate) outcome: Outcome,
    /// Which of its brand's blocks its points came from, or went back to.
    pub(crate) blocks: Points,
    /// Whether its brand's credit was charged.
    pub(crate) charged: bool,
    /// The code of somebody else's that it hands out, sealed.
    pub(crate) code: Option<Vec<u8>>,
}

/// What becomes of a member.
pub(crate) struct MemberPart<'a> {
    /// What is stored now; `None` for a new member.
    pub(crate) before: Option<&'a Loaded>,
    /// The brand a new member registers at.
    pub(crate) brand: Option<&'a BrandId>,
    /// The member afterwards.
    pub(crate) after: &'a Member,
    /// What happened in between, in order; the first `timely` by time alone.
    pub(crate) events: Vec<Event>,
    pub(crate) timely: usize,
    /// The one that the command made.
    pub(crate) primary: Option<Primary>,
    /// By way of whom they came, but for those of time; the member itself unless given.
    pub(crate) via: Option<MemberId>,
}

impl<'a> MemberPart<'a> {
    /// What time alone did, or nothing.
    pub(crate) fn plain(
        before: Option<&'a Loaded>,
        brand: Option<&'a BrandId>,
        after: &'a Member,
        events: Vec<Event>,
    ) -> MemberPart<'a> {
        MemberPart { before, brand, after, timely: events.len(), events, primary: None, via: None }
    }
}

/// The order or redemption that a command is about, as stored.
pub(crate) struct Target {
    pub(crate) key: Key,
    pub(crate) entry: EntryRecord,
    pub(crate) version: Version,
}

/// What becomes of the order or redemption that a command is about.
pub(crate) enum Becomes {
    /// An order is now so.
    Order(Box<OrderNow>),
    /// So many points of a redemption are cancelled.
    Redemption {
        /// All of them so far.
        cancelled: u64,
    },
    /// A grant is taken back.
    Revoked,
}

impl Becomes {
    /// What the decision makes of it, if anything.
    pub(crate) fn of(decision: &Decision) -> Option<Becomes> {
        let asked = decision.asked();
        if asked.is_some_and(|event| event.kind.revoked().is_some()) {
            return Some(Becomes::Revoked);
        }
        let gone = || asked?.kind.row().moves.given_back();
        let cancelled = || Some(Becomes::Redemption { cancelled: gone()?.after() });
        decision.order.clone().map(Box::new).map(Becomes::Order).or_else(cancelled)
    }
}

/// A commit in the making.
pub(crate) struct Parts<'a> {
    programme: &'a Programmes,
    programmes: &'a Timeline,
    by: By,
    recorded_at: Instant,
    /// Brands and tiers that are used, each once.
    marks: Vec<Key>,
    writes: Vec<Write>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(
        programme: &'a Programmes,
        programmes: &'a Timeline,
        by: By,
        recorded_at: Instant,
    ) -> Parts<'a> {
        Parts { programme, programmes, by, recorded_at, marks: Vec::new(), writes: Vec::new() }
    }

    /// How many writes it has so far.
    pub(crate) fn len(&self) -> usize {
        let marking = if self.marks.is_empty() { 0 } else { self.marks.len() + 1 };
        marking + self.writes.len()
    }

    /// A member's standing against its version, its new entries, its place in the due index, and the
    /// marks of brands and tiers that are used for the first time. The primary entry as it is stored.
    pub(crate) fn member(&mut self, mut part: MemberPart<'_>) -> Option<EntryRecord> {
        self.writes.reserve(part.events.len() + 4);
        self.marks(&part);
        self.due(&part);
        let (last, entry) = self.entries(&mut part);
        let version = part.before.map(|before| before.version);
        let change = Change::Put(encode_member(part.after, &last));
        self.writes.push(Write { key: keys::member(part.after.id), expect: unchanged(version), change });
        entry
    }

    /// The order as it is now, or the redemption with what is cancelled of it from now on.
    ///
    /// # Errors
    /// The order has so many long lines and refunds that it passes what a record holds.
    pub(crate) fn target(
        &mut self,
        target: Target,
        becomes: Becomes,
        changed: Changed<'_>,
    ) -> Result<(), Refusal> {
        let Target { key, mut entry, version } = target;
        match becomes {
            Becomes::Order(now) => {
                let before = entry.order.take();
                let before = before.unwrap_or_else(|| panic!("an order that changes is one"));
                entry.order = Some(before.changed(*now, changed));
            }
            Becomes::Redemption { cancelled } => {
                let (before, drawn) = (entry.cancelled, points_drawn(&entry.event.movement.shares));
                assert!(
                    before < cancelled && cancelled <= drawn,
                    "{cancelled} points are cancelled of {drawn}, after {before}"
                );
                entry.cancelled = cancelled;
            }
            Becomes::Revoked => {
                let kept = entry.grant.get_or_insert_default();
                assert!(kept.revoked.is_none(), "a grant is taken back once");
                kept.revoked = Some(changed.by.as_bytes().to_vec());
            }
        }
        let value = encode(&entry);
        if value.len() > VALUE_BYTES_MAX {
            return Err(Refusal::LimitExceeded { what: "order" });
        }
        let change = Change::Put(value);
        self.writes.push(Write { key, expect: Expect::Version(version), change });
        Ok(())
    }

    /// What an account gives or takes.
    pub(crate) fn account(&mut self, write: Option<Write>) {
        self.writes.extend(write);
    }

    /// What else is written with it.
    pub(crate) fn also(&mut self, writes: impl IntoIterator<Item = Write>) {
        self.writes.extend(writes);
    }

    /// All that is written.
    pub(crate) fn into_writes(self) -> Vec<Write> {
        let counted = self.len();
        let mut writes = self.programme.marked(self.marks);
        if writes.is_empty() {
            return self.writes;
        }
        writes.extend(self.writes);
        assert_eq!(writes.len(), counted, "a commit has as many writes as were counted");
        writes
    }

    fn entries(&mut self, part: &mut MemberPart<'_>) -> (Option<Vec<u8>>, Option<EntryRecord>) {
        let stored = part.before.map(|before| &before.record);
        let mut last = stored.and_then(|record| record.last.clone());
        let mut balance = stored.map_or(0, |record| record.member.balance());
        let mut next = stored.map_or(0, |record| record.member.seq) + 1;
        let mut told = None;
        let id = part.after.id;
        // A member that has absorbed nobody has one way alone.
        let way = (!part.after.absorbed.is_empty()).then_some(part.via.unwrap_or(id));
        for (index, event) in std::mem::take(&mut part.events).into_iter().enumerate() {
            let seq = next;
            next += 1;
            balance += event.movement.points();
            let own = part.primary.take_if(|primary| primary.index == index);
            let (is_primary, is_timely) = (own.is_some(), index < part.timely);
            let code = own.as_ref().and_then(|own| own.code.clone());
            let (natural, content, outcome, blocks, charged) = match own {
                Some(own) => (own.key, Some(own.content), Some(own.outcome), own.blocks, own.charged),
                None => (None, None, None, Vec::new(), false),
            };
            let natural = natural.or_else(|| brought(part.via.unwrap_or(id), &event));
            let entry = EntryRecord {
                member: part.after.id,
                seq,
                previous: last.take(),
                by: if is_timely { By::Time } else { self.by },
                version: match is_timely {
                    true => version_of(self.programmes, &event),
                    false => self.programmes.at(event.at).version,
                },
                recorded_at: self.recorded_at,
                balance_after: balance,
                content: content.filter(|_| natural.is_some()),
                order: event.kind.row().order.map(|order| KeptOrder::new(order, &blocks, charged)),
                grant: event.kind.issued().map(|_| Box::new(KeptGrant { code, ..KeptGrant::default() })),
                event,
                outcome,
                cancelled: 0,
                blocks,
                charged,
                via: way.filter(|_| !is_timely),
            };
            last = natural.as_ref().map(|key| key.as_bytes().to_vec());
            self.writes.extend(paid_part(&entry.event.kind).map(mark));
            let key = natural.unwrap_or_else(|| keys::entry(part.after.id, seq));
            self.writes.push(put(key, Expect::Absent, &entry));
            if is_primary {
                told = Some(entry);
            }
        }
        assert_eq!(balance, part.after.balance(), "entries add up to the member's balance");
        assert_eq!(next, part.after.seq + 1, "entries follow on each other up to the member's newest");
        assert!(part.primary.is_none(), "the entry that was asked for is one of those that are written");
        (last, told)
    }

    fn due(&mut self, part: &MemberPart<'_>) {
        let id = part.after.id;
        let before = part.before.and_then(|before| before.record.member.due_at());
        let after = part.after.due_at();
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.writes.push(delete(keys::due(at, id)));
        }
        if let Some(at) = after {
            self.writes.push(mark(keys::due(at, id)));
        }
    }

    /// A brand or tier that is used for the first time is marked, so that a later version of the
    /// programme cannot remove it.
    fn marks(&mut self, part: &MemberPart<'_>) {
        let lots = part.after.lots.iter().map(|lot| &lot.brand);
        let told = part.events.iter().filter_map(|event| event.kind.row().brand);
        let brands = lots.chain(part.brand).chain(told).map(|brand| keys::used("brand", brand.as_str()));
        let trial = part.after.trial.iter().map(|trial| &trial.tier);
        let tiers = trial.chain([&part.after.standing.tier]).map(|tier| keys::used("tier", tier.as_str()));
        let programme = self.programme;
        self.marks.extend(brands.chain(tiers).filter(|key| !programme.is_marked(key)));
        self.marks.sort();
        self.marks.dedup();
    }
}

/// The mark by which an order's payments in parts are listed, if the entry is one. A payment without a part is found
/// by the order itself.
pub(crate) fn paid_part(kind: &EntryKind) -> Option<Key> {
    match kind.row().redemption? {
        Redemption::Made { brand, order_id, part } => {
            Some(keys::paid_part(redemption_id(brand, order_id, None), part?))
        }
        Redemption::Cancelled(_) => None,
    }
}

/// The name of a balance that was brought along, which follows from what its entry says.
fn brought(member: MemberId, event: &Event) -> Option<Key> {
    let brought = event.kind.row().brought?;
    let balance = brought.balance.as_ref()?;
    Some(keys::balance(member, &brought.brand, &balance.id, balance.number))
}
