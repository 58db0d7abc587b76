//! Saving and reading offers.
//!
//! Saves go one after the other, since each changes the record of all offers: an instance hears of them by it, and two
//! offers never have one word.

use domain::{
    id::{BrandId, OfferId},
    json::Json,
    offer::{self, Offer, code::fold},
    refusal::Refusal,
    shape::Fault,
    time::{Instant, Zone},
};

use crate::{
    access::requests::Request,
    programme::{
        Programmes,
        at_hand::{AT_ONCE, read_document},
    },
    store::{
        Expect, Version, Write,
        error::{Error, until_settled},
        keys,
        look::Look,
        records::{By, OfferRecord, OfferVersionRecord, OffersRecord, Unreadable, WordRecord, decode},
        write::{put, unchanged},
    },
};

/// The most offers.
const OFFERS_MAX: u32 = 2_000;

/// The most versions that an offer may have.
const VERSIONS_MAX: u32 = 10_000;

/// The longest document, in bytes.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// How many bytes of documents a page of offers has, but for the last of them: an answer on AWS has 6 MB at most.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// A version of an offer, as it was sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedOffer {
    /// The offer.
    pub id: OfferId,
    /// The version's number, from 1.
    pub version: u32,
    /// When it was saved.
    pub at: Instant,
    /// Who saved it.
    pub by: By,
    /// The brand that issues it.
    pub brand: BrandId,
    /// The document's text, which does not say its id or version.
    pub document: String,
}

impl SavedOffer {
    fn of(id: &OfferId, version: u32, record: OfferVersionRecord) -> SavedOffer {
        let OfferVersionRecord { at, by, brand, document } = record;
        SavedOffer { id: id.clone(), version, at, by, brand, document }
    }
}

/// A document to be saved.
#[derive(Clone, Copy, Debug)]
pub struct SentOffer<'a> {
    /// Of which offer.
    pub id: &'a OfferId,
    /// The document.
    pub document: &'a Json,
    /// Its text.
    pub text: &'a str,
    /// The version that the caller started from, if it says one; 0 is none.
    pub based_on: Option<u32>,
}

/// Why an offer was not saved.
#[derive(Clone, PartialEq, Debug)]
pub enum NotSaved {
    /// The document has faults.
    Invalid(Vec<Fault>),
    /// The newest version is another one than the caller started from.
    Changed {
        /// The newest; 0 if there is none.
        version: u32,
        /// Who saved it, when, and the calendar to show that in; `None` where there is none.
        saved: Option<(By, Instant, Zone)>,
    },
}

/// What a save finds.
struct Found {
    all: OffersRecord,
    all_version: Option<Version>,
    own: Option<(OfferRecord, Version)>,
    newest: Option<OfferVersionRecord>,
}

impl Found {
    /// The newest version's number; 0 if there is none.
    fn number(&self) -> u32 {
        self.own.as_ref().map_or(0, |(own, _)| own.version)
    }

    /// The word that the offer has.
    fn word(&self) -> Option<&str> {
        self.own.as_ref()?.0.word.as_deref()
    }

    /// Whether one more version is within the limits.
    fn has_room(&self) -> Result<(), Refusal> {
        let beyond = |what| Err(Refusal::LimitExceeded { what });
        match &self.own {
            None if self.all.offers >= OFFERS_MAX => beyond("offers"),
            Some((own, _)) if own.version >= VERSIONS_MAX => beyond("versions"),
            _ => Ok(()),
        }
    }
}

impl Programmes {
    /// Saves a new version of an offer, unless it is the newest one again, and returns what stands now.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for a caller that is bound to another brand than the offer's; the limits; the store failed.
    pub async fn save_offer(
        &self,
        request: &Request,
        sent: SentOffer<'_>,
    ) -> Result<Result<SavedOffer, NotSaved>, Error> {
        let saved = until_settled(|before| self.try_saving(request, sent, before > 0)).await?;
        // An earlier read of what was saved last must not hide this save.
        let _turn = self.refreshing().await;
        self.known.doubt_offers();
        Ok(saved)
    }

    /// One attempt; again, if an earlier one may have saved it.
    async fn try_saving(
        &self,
        request: &Request,
        sent: SentOffer<'_>,
        again: bool,
    ) -> Result<Result<SavedOffer, NotSaved>, Error> {
        let foreign = |brand: &BrandId| request.brand.as_ref().is_some_and(|bound| bound != brand);
        let mut found = self.found(sent.id).await?;
        let number = found.number();
        if found.newest.as_ref().is_some_and(|newest| foreign(&newest.brand)) {
            return Err(Error::Forbidden);
        }
        let same = match &found.newest {
            Some(newest) => self.is_same(sent, number, newest)?,
            None => false,
        };
        if sent.based_on.is_some_and(|based_on| based_on != number) && !(again && same) {
            let zone = self.timeline()?.newest().zone;
            let saved = found.newest.map(|newest| (newest.by, newest.at, zone));
            return Ok(Err(NotSaved::Changed { version: number, saved }));
        }
        if let Some(newest) = found.newest.take_if(|_| same) {
            return Ok(Ok(SavedOffer::of(sent.id, number, newest)));
        }
        let next = match self.read_next(sent, &found)? {
            Ok(next) => next,
            Err(faults) => return Ok(Err(NotSaved::Invalid(faults))),
        };
        if foreign(&next.brand) {
            return Err(Error::Forbidden);
        }
        let (words, taken) = self.moved_word(sent.id, found.word(), word_of(&next).as_deref()).await?;
        if let Some(fault) = taken {
            return Ok(Err(NotSaved::Invalid(vec![fault])));
        }
        found.has_room()?;
        let record = OfferVersionRecord {
            at: request.now,
            by: request.by,
            brand: next.brand.clone(),
            document: sent.text.to_owned(),
        };
        let mut writes = next_version(&found, &next, &record);
        writes.extend(words);
        request.about(next.version.to_string()).note(&mut writes);
        self.records.commit(writes).await?;
        Ok(Ok(SavedOffer::of(sent.id, next.version, record)))
    }

    async fn found(&self, id: &OfferId) -> Result<Found, Error> {
        let mut asked = Look::default();
        let (all, own) = (asked.at::<OffersRecord>(keys::offers()), asked.at::<OfferRecord>(keys::offer(id)));
        let seen = self.records.look(asked).await?;
        let (all, own) = (seen.read(all)?, seen.read(own)?);
        let newest = match &own {
            Some((own, _)) => self.offer_versions(&[(id.clone(), own.version)]).await?.pop(),
            None => None,
        };
        let all_version = all.map(|(_, version)| version);
        Ok(Found { all: all.map(|(all, _)| all).unwrap_or_default(), all_version, own, newest })
    }

    /// Whether the newest version says the same, in whatever order and on top of whatever version.
    fn is_same(&self, sent: SentOffer<'_>, number: u32, newest: &OfferVersionRecord) -> Result<bool, Error> {
        let known = read_document(|| keys::offer_version(sent.id, number), &newest.document)?;
        let canonical = |json: &Json| {
            let mut out = Vec::new();
            json.canonical(&mut out, "version");
            out
        };
        Ok(canonical(&known) == canonical(sent.document))
    }

    /// The offer that the document says, or all that is wrong with it but for a word that another offer has.
    fn read_next(&self, sent: SentOffer<'_>, found: &Found) -> Result<Result<Offer, Vec<Fault>>, Error> {
        let programmes = self.timeline()?;
        let (programme, number) = (programmes.newest(), found.number());
        let too_long = || {
            let detail = format!(
                "an offer has at most {DOCUMENT_BYTES_MAX} bytes of JSON without blanks, not {}",
                sent.text.len()
            );
            Fault::new("", "too_long", detail)
        };
        let mut faults: Vec<Fault> =
            (sent.text.len() > DOCUMENT_BYTES_MAX).then(too_long).into_iter().collect();
        let next = match offer::read(sent.document, sent.id, number + 1, programme) {
            Ok(next) => next,
            Err(more) => {
                faults.extend(more);
                return Ok(Err(faults));
            }
        };
        if let Some(newest) = &found.newest {
            let old = self.offer_of(&(sent.id.clone(), number), newest)?;
            faults.extend(offer::unchangeable(&old, &next));
        }
        Ok(if faults.is_empty() { Ok(next) } else { Err(faults) })
    }

    /// The writes by which an offer has that word and no longer the one before; or the fault that another offer has it.
    async fn moved_word(
        &self,
        id: &OfferId,
        before: Option<&str>,
        next: Option<&str>,
    ) -> Result<(Vec<Write>, Option<Fault>), Error> {
        let (mut writes, mut taken) = (Vec::new(), None);
        if before == next {
            return Ok((writes, taken));
        }
        if let Some(next) = next {
            let key = keys::word(next);
            let known = self.records.read::<WordRecord>(&key).await?;
            let version = known.as_ref().map(|(_, version)| *version);
            if let Some(other) = known.and_then(|(known, _)| known.offer).filter(|other| other != id) {
                let detail = format!("the offer {other} has it, and is not suspended: choose another");
                taken = Some(Fault::new("/word", "taken", detail));
            }
            writes.push(put(key, unchanged(version), &WordRecord { offer: Some(id.clone()) }));
        }
        if let Some(before) = before {
            let key = keys::word(before);
            let known = self.records.read::<WordRecord>(&key).await?;
            let version = known.map(|(_, version)| version);
            writes.push(put(key, unchanged(version), &WordRecord { offer: None }));
        }
        Ok((writes, taken))
    }

    /// That version of an offer; the newest without a number. `None` if there is none.
    ///
    /// # Errors
    /// The store failed, or the record is unreadable.
    pub async fn offer(&self, id: &OfferId, number: Option<u32>) -> Result<Option<SavedOffer>, Error> {
        let number = match number {
            Some(number) => number,
            None => match self.records.read::<OfferRecord>(&keys::offer(id)).await? {
                Some((own, _)) => own.version,
                None => return Ok(None),
            },
        };
        let read = self.records.read::<OfferVersionRecord>(&keys::offer_version(id, number)).await?;
        Ok(read.map(|(record, _)| SavedOffer::of(id, number, record)))
    }

    /// The newest versions of up to so many offers behind that one, by id, and whether more follow. They are fewer
    /// where they are long.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn offers_page(
        &self,
        after: Option<&OfferId>,
        limit: usize,
    ) -> Result<(Vec<SavedOffer>, bool), Error> {
        let heads = self.records.store.scan(keys::offers_after(after), limit + 1).await?;
        let mut places = Vec::new();
        for (key, record) in heads.iter().take(limit) {
            let id = keys::read_offer(key).ok_or_else(|| Unreadable { key: key.clone() })?;
            let own: OfferRecord = decode(key, &record.value)?;
            places.push((id, own.version));
        }
        let (mut page, mut bytes) = (Vec::new(), 0);
        for some in places.chunks(AT_ONCE) {
            let records = self.offer_versions(some).await?;
            for ((id, version), record) in some.iter().zip(records) {
                bytes += record.document.len();
                page.push(SavedOffer::of(id, *version, record));
            }
            if bytes >= PAGE_BYTES {
                break;
            }
        }
        let more = heads.len() > page.len();
        Ok((page, more))
    }
}

/// The word that an offer has, as words are compared: while it is suspended, others may have it.
fn word_of(offer: &Offer) -> Option<String> {
    offer.word.as_deref().filter(|_| !offer.suspended).map(fold)
}

/// The writes of the next version, which fail if any other offer was saved meanwhile.
fn next_version(found: &Found, next: &Offer, record: &OfferVersionRecord) -> Vec<Write> {
    let all = OffersRecord {
        offers: found.all.offers + u32::from(found.own.is_none()),
        saves: found.all.saves.saturating_add(1),
    };
    // None is ever deleted, so their number is the newest one's. One from before there were numbers goes without.
    let number = match &found.own {
        Some((own, _)) => own.number,
        None => u16::try_from(all.offers).unwrap_or(u16::MAX),
    };
    let own = OfferRecord { version: next.version, word: word_of(next), number };
    let own_version = found.own.as_ref().map(|(_, version)| *version);
    vec![
        put(keys::offers(), unchanged(found.all_version), &all),
        put(keys::offer(&next.id), unchanged(own_version), &own),
        put(keys::offer_version(&next.id, next.version), Expect::Absent, record),
    ]
}
