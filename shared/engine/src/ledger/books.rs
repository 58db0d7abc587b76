//! The books of the whole store: the sums of its members' audits, and the strays in the store. A backup that
//! was restored piecemeal can hold half of a commit: an entry without its place in the member's ledger, a
//! claim on a missing member, or a partner's reference to a member that is not linked.

use std::collections::{BTreeMap, HashMap};

use domain::{
    id::{BrandId, OfferId},
    member::MemberId,
    time::Instant,
};

use crate::{
    accounts::{Moment, offer_tally::OfferTally},
    ledger::{Ledger, audit::Finding},
    store::{
        error::Error,
        keys::{self, kind},
        records::{CardRecord, ClaimRecord, EntryRecord, LinkRecord, ReferenceRecord, decode},
    },
};

/// Records in one page of the walk.
const PAGE: usize = 1_000;

/// What the audits of all members found, about 40 bytes a member.
#[derive(Debug, Default)]
pub struct Books {
    members: HashMap<MemberId, Counts>,
    digest: [u8; 32],
    /// The moment of the audit, by which is judged what is held; nothing is said of that without.
    now: Option<Instant>,
}

/// What does not agree with the books, in words.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Strays {
    /// By member.
    pub members: BTreeMap<MemberId, Vec<String>>,
    /// By brand: what its account says is left, compared with what it bought, its limits, and the ledger.
    pub brands: BTreeMap<BrandId, Vec<String>>,
    /// By offer: what its account and its codes count, compared with the ledger and the uses of guests.
    pub offers: BTreeMap<OfferId, Vec<String>>,
}

/// Records about one member.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Counts {
    entries: u64,
    claims: u64,
}

impl Books {
    /// Those of an audit at that moment.
    pub fn at(now: Instant) -> Books {
        Books { now: Some(now), ..Books::default() }
    }

    /// Adds what the audit of a member found.
    pub fn note(&mut self, id: MemberId, finding: &Finding) {
        self.members.insert(id, Counts { entries: finding.entries, claims: finding.identities });
        // A sum, because every store returns members in a different order.
        let mut carry = 0;
        for (own, added) in self.digest.iter_mut().zip(finding.digest).rev() {
            let sum = u16::from(*own) + u16::from(added) + carry;
            *own = sum.to_be_bytes()[1];
            carry = sum >> 8;
        }
    }

    /// The same for two stores that hold the same members and ledgers, and for no others: the sum of
    /// their SHA-256, modulo 2^256.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    fn differences(&self, found: &HashMap<MemberId, Counts>) -> BTreeMap<MemberId, Vec<String>> {
        let mut differences: BTreeMap<MemberId, Vec<String>> = BTreeMap::new();
        let nothing = Counts::default();
        for (id, own) in &self.members {
            let found = found.get(id).unwrap_or(&nothing);
            for (what, own, found) in
                [("entries", own.entries, found.entries), ("claims on identities", own.claims, found.claims)]
            {
                if own != found {
                    let text = format!("{what}: {found} are stored, {own} belong to the member");
                    differences.entry(*id).or_default().push(text);
                }
            }
        }
        for (id, found) in found.iter().filter(|(id, _)| !self.members.contains_key(id)) {
            let Counts { entries, claims } = found;
            let text = format!("there is no such member, but {entries} entries and {claims} claims of it");
            differences.entry(*id).or_default().push(text);
        }
        differences
    }
}

impl Ledger {
    /// Walks the whole store and compares the records of each member with what the audits found, and what is
    /// left on brands' and offers' accounts with all entries. Call it while nobody writes.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn strays(&self, books: &Books) -> Result<Strays, Error> {
        let mut found: HashMap<MemberId, Counts> = HashMap::with_capacity(books.members.len());
        let mut tally = self.accounts.begin_tally().await?;
        let mut offers = OfferTally::default();
        // Where there is no programme yet there is no entry either.
        let zone = self.programme.timeline_if_any().map(|programmes| programmes.newest().zone);
        // References less the links that stand: there is one of each or none.
        let mut loose: BTreeMap<MemberId, i64> = BTreeMap::new();
        // Cards by their hashes less the members' own records of them, likewise.
        let mut cards: BTreeMap<MemberId, i64> = BTreeMap::new();
        let mut from = None;
        loop {
            let page = self.records.store.walk(None, from, PAGE).await?;
            for (key, record) in &page.records {
                tally.note(key, record)?;
                offers.note(key, record)?;
                if key.kind().row().is_some_and(|row| row.is_entry(key)) {
                    let entry: EntryRecord = decode(key, &record.value)?;
                    found.entry(entry.member).or_default().entries += 1;
                    let zone = zone.ok_or(Error::NoProgram)?;
                    tally.note_entry(&entry, |at| Moment::of(zone, at));
                    offers.note_entry(&entry);
                } else if key.kind() == kind::IDENTITY {
                    let claim: ClaimRecord = decode(key, &record.value)?;
                    found.entry(claim.member).or_default().claims += 1;
                } else if key.kind() == kind::REFERENCE {
                    let reference: ReferenceRecord = decode(key, &record.value)?;
                    *loose.entry(reference.member).or_default() += 1;
                } else if key.kind() == kind::CARD {
                    let card: CardRecord = decode(key, &record.value)?;
                    *cards.entry(card.member).or_default() += 1;
                } else if let Some(member) = keys::read_member_card(key) {
                    *cards.entry(member).or_default() -= 1;
                } else if let Some((member, ..)) = keys::read_member_link(key) {
                    let link: LinkRecord = decode(key, &record.value)?;
                    *loose.entry(member).or_default() -= i64::from(link.end.is_none());
                }
            }
            from = page.next;
            if from.is_none() {
                let mut members = books.differences(&found);
                for (id, more) in loose.into_iter().filter(|(_, more)| *more != 0) {
                    let text = format!("references of partners: {more:+} beside the links that stand");
                    members.entry(id).or_default().push(text);
                }
                for (id, more) in cards.into_iter().filter(|(_, more)| *more != 0) {
                    let text = format!("cards: {more:+} beside the member's own");
                    members.entry(id).or_default().push(text);
                }
                let of_offers = offers.differences(books.now.zip(zone));
                for (id, differences) in of_offers.members {
                    members.entry(id).or_default().extend(differences);
                }
                return Ok(Strays { members, brands: tally.differences(), offers: of_offers.offers });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(digests: &[[u8; 32]]) -> [u8; 32] {
        let mut books = Books::default();
        for (n, digest) in (1..).zip(digests) {
            let finding = Finding::of_tier("basic".parse().unwrap());
            books.note(MemberId([n; 16]), &Finding { digest: *digest, ..finding });
        }
        books.digest()
    }

    /// As numbers of 32 bytes, the first the highest.
    #[test]
    fn digests_add_up_in_any_order() {
        let number = |high: u8, low: [u8; 3]| {
            let mut bytes = [0; 32];
            bytes[0] = high;
            bytes[29..].copy_from_slice(&low);
            bytes
        };
        assert_eq!(noted(&[]), [0; 32]);
        assert_eq!(noted(&[[0xff; 32], number(0, [0, 0, 1])]), [0; 32], "modulo 2^256");
        let (one, two, three) = (number(1, [0, 1, 255]), number(2, [1, 254, 2]), number(4, [0, 0, 255]));
        assert_eq!(noted(&[one, two]), number(3, [2, 0, 1]));
        assert_eq!(noted(&[one, two, three]), number(7, [2, 1, 0]));
        assert_eq!(noted(&[three, one, two]), number(7, [2, 1, 0]));
    }
}
