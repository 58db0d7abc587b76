//! Saving and reading offers.
//!
//! Saves go one after the other, since each changes the record of all offers: an instance hears of them by it, and two
//! offers never have one word.

use std::sync::atomic::{AtomicU32, Ordering};

use domain::{
    id::{BrandId, OfferId},
    json::Json,
    offer::{self, Offer, code::fold},
    programme::{Programme, Timeline},
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
        Expect, Key, Version, Write,
        error::{Error, until_settled},
        keys,
        look::Look,
        records::{By, OfferRecord, OfferVersionRecord, OffersRecord, Unreadable, WordRecord, decode},
        write::{mark, put, still, unchanged},
    },
};

/// The most offers.
const OFFERS_MAX: u32 = 2_000;

/// The most versions that an offer may have.
const VERSIONS_MAX: u32 = 10_000;

/// The longest document, in bytes.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// The most uses that are marked in the commit of an offer.
const MARKS_AT_ONCE: usize = 50;

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
    /// What is wrong with it that was found before.
    pub wrong: &'a [Fault],
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
        // The version that an attempt has tried to save; 0 before the first.
        let tried = AtomicU32::new(0);
        let saved = until_settled(|_| self.try_saving(request, sent, &tried)).await;
        // An earlier read of what was saved last must not hide this save, nor what an error may have written.
        let _turn = self.refreshing().await;
        self.known.doubt_offers();
        saved
    }

    /// One attempt, which notes the version that it tries.
    async fn try_saving(
        &self,
        request: &Request,
        sent: SentOffer<'_>,
        tried: &AtomicU32,
    ) -> Result<Result<SavedOffer, NotSaved>, Error> {
        let foreign = |brand: &BrandId| request.brand.as_ref().is_some_and(|bound| bound != brand);
        if let Some(saved) = self.saved_before(request, sent, tried.load(Ordering::Relaxed)).await? {
            return Ok(Ok(saved));
        }
        // What another instance has just saved of the programme judges too, and stays as it is until the commit.
        self.refresh().await?;
        let (programmes, head) = self.known.in_force().ok_or(Error::NoProgram)?;
        let mut found = self.found(sent.id).await?;
        let number = found.number();
        if found.newest.as_ref().is_some_and(|newest| foreign(&newest.brand)) {
            return Err(Error::Forbidden);
        }
        if sent.based_on.is_some_and(|based_on| based_on != number) {
            let saved = found.newest.map(|newest| (newest.by, newest.at, programmes.newest().zone));
            return Ok(Err(NotSaved::Changed { version: number, saved }));
        }
        let is_same = |newest: &OfferVersionRecord| says_the_same(sent, number, newest, &[]);
        let same = sent.wrong.is_empty() && found.newest.as_ref().map_or(Ok(false), is_same)?;
        if let Some(newest) = found.newest.take_if(|_| same) {
            return Ok(Ok(SavedOffer::of(sent.id, number, newest)));
        }
        let (next, words) = match self.judged(sent, &found, &programmes).await? {
            Ok(judged) => judged,
            Err(faults) => return Ok(Err(NotSaved::Invalid(faults))),
        };
        if foreign(&next.brand) {
            return Err(Error::Forbidden);
        }
        found.has_room()?;
        let (at, by, brand) = (request.now, request.by, next.brand.clone());
        let record = OfferVersionRecord { at, by, brand, document: sent.text.to_owned() };
        let mut writes = next_version(&found, &next, &record);
        writes.extend(words);
        writes.push(still(keys::program_head(), head));
        writes.extend(self.named(programmes.newest(), &next).await?);
        request.about(next.version.to_string()).note(&mut writes);
        tried.store(next.version, Ordering::Relaxed);
        self.commit(writes).await?;
        Ok(Ok(SavedOffer::of(sent.id, next.version, record)))
    }

    /// What an earlier attempt has saved, whose outcome was unknown: the version that it tried says so, whatever others have
    /// saved on top of it.
    async fn saved_before(
        &self,
        request: &Request,
        sent: SentOffer<'_>,
        tried: u32,
    ) -> Result<Option<SavedOffer>, Error> {
        if tried == 0 {
            return Ok(None);
        }
        let saved = self.offer(sent.id, Some(tried)).await?;
        let own = (request.now, request.by, sent.text);
        Ok(saved.filter(|saved| (saved.at, saved.by, saved.document.as_str()) == own))
    }

    /// The writes that mark brands and tiers as used that the offer names, so that no later version of the programme
    /// removes them. Attributes and badges may be removed: then everybody lacks them.
    async fn named(&self, programme: &Programme, offer: &Offer) -> Result<Vec<Write>, Error> {
        let brands = offer.brands_named().filter(|brand| programme.brand(brand).is_some());
        let mut marks: Vec<Key> = brands.map(|brand| keys::used("brand", brand.as_str())).collect();
        let tiers = offer.tiers_named().into_iter().filter(|tier| programme.tier(tier).is_some());
        marks.extend(tiers.map(|tier| keys::used("tier", tier.as_str())));
        marks.sort_unstable();
        marks.dedup();
        marks.retain(|key| !self.is_marked(key));
        // So many at once are rare; those that are too many for one commit go before it.
        while marks.len() > MARKS_AT_ONCE {
            let some = marks.split_off(marks.len() - MARKS_AT_ONCE);
            self.commit(self.marked(some)).await?;
        }
        Ok(marks.into_iter().map(mark).collect())
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

    /// The offer that the document says, with the writes that give it its word; or all that is wrong with it.
    async fn judged(
        &self,
        sent: SentOffer<'_>,
        found: &Found,
        programmes: &Timeline,
    ) -> Result<Result<(Offer, Vec<Write>), Vec<Fault>>, Error> {
        let (programme, number) = (programmes.newest(), found.number());
        let mut faults = sent.wrong.to_vec();
        if sent.text.len() > DOCUMENT_BYTES_MAX {
            let detail = format!(
                "an offer has at most {DOCUMENT_BYTES_MAX} bytes of JSON without blanks, not {}",
                sent.text.len()
            );
            faults.push(Fault::new("", "too_long", detail));
        }
        let mut next = offer::read(sent.document, sent.id, number + 1, programme);
        if let Some(newest) = &found.newest {
            if next.is_err() && is_switched(sent, number, newest)? {
                // What it names may be gone, and it must be possible to stop it all the same.
                next = offer::read_saved(sent.document, sent.id, number + 1, programme);
            }
            let old = self.offer_of(&(sent.id.clone(), number), newest)?;
            faults.extend(offer::unchangeable(&old, sent.document));
        }
        let word = match &next {
            Ok(next) => word_of(next),
            Err(_) => offer::word_of(sent.document),
        };
        let (words, taken) = self.moved_word(sent.id, found.word(), word.as_deref()).await?;
        faults.extend(taken);
        match next {
            Ok(next) if faults.is_empty() => Ok(Ok((next, words))),
            Ok(_) => Ok(Err(faults)),
            Err(more) => Ok(Err([faults, more].concat())),
        }
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

    /// The newest versions of up to so many offers behind that one that the caller sees, by id, and whether more follow. They
    /// are fewer where they are long.
    ///
    /// # Errors
    /// The store failed, or a record is unreadable.
    pub async fn offers_page(
        &self,
        after: Option<&OfferId>,
        limit: usize,
        sees: impl Fn(&SavedOffer) -> bool,
    ) -> Result<(Vec<SavedOffer>, bool), Error> {
        let (mut page, mut bytes, mut from) = (Vec::new(), 0, after.cloned());
        loop {
            let heads = self.records.store.scan(keys::offers_after(from.as_ref()), limit + 1).await?;
            let mut places = Vec::new();
            for (key, record) in &heads {
                let id = keys::read_offer(key).ok_or_else(|| Unreadable { key: key.clone() })?;
                let own: OfferRecord = decode(key, &record.value)?;
                places.push((id, own.version));
            }
            for some in places.chunks(AT_ONCE) {
                let records = self.offer_versions(some).await?;
                let saved =
                    some.iter().zip(records).map(|((id, number), own)| SavedOffer::of(id, *number, own));
                for saved in saved.filter(&sees) {
                    if page.len() == limit || bytes >= PAGE_BYTES {
                        return Ok((page, true));
                    }
                    bytes += saved.document.len();
                    page.push(saved);
                }
            }
            // A full answer may not be all.
            match places.pop().filter(|_| heads.len() > limit) {
                Some((last, _)) => from = Some(last),
                None => return Ok((page, false)),
            }
        }
    }
}

/// Whether the newest version says the same, in whatever order and on top of whatever version, but for these fields.
fn says_the_same(
    sent: SentOffer<'_>,
    number: u32,
    newest: &OfferVersionRecord,
    but: &[&str],
) -> Result<bool, Error> {
    let known = read_document(|| keys::offer_version(sent.id, number), &newest.document)?;
    let canonical = |json: &Json| {
        let mut json = json.clone();
        if let Json::Object(fields) = &mut json {
            fields.retain(|(name, _)| !but.iter().any(|but| name == *but));
        }
        let mut out = Vec::new();
        json.canonical(&mut out, "version");
        out
    };
    Ok(canonical(&known) == canonical(sent.document))
}

/// Whether it differs from the newest version in nothing but whether it is suspended.
fn is_switched(sent: SentOffer<'_>, number: u32, newest: &OfferVersionRecord) -> Result<bool, Error> {
    let is_whole = matches!(sent.document.get("suspended"), None | Some(Json::Bool(_)))
        && matches!(sent.document.get("version"), None | Some(Json::Whole(_)));
    Ok(is_whole && says_the_same(sent, number, newest, &["suspended"])?)
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
